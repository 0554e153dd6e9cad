//! The limits on clients: silence, slowness, too much data, and too many connections.

#![allow(clippy::disallowed_methods, reason = "a client of our own listener")]

use commands::{Commands, receiving::Receiving, sending::Deadlines};
use domain::{Id, people::StopWords};
use testkit::ScratchLog;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::{reports::Reports, smtp::Verp};

struct Fixture {
    log: ScratchLog,
    commands: Commands,
    verp: Verp,
}

impl Fixture {
    async fn open() -> Self {
        let log = ScratchLog::open().await;
        Self {
            commands: Commands::new(log.store.clone()),
            log,
            verp: Verp::new(b"key".to_vec().into()),
        }
    }

    /// Connects a client to a listener with these limits.
    async fn caller(&self, config: MailServerConfig) -> (SocketAddr, TcpStream) {
        let pool = self.commands.store().pool().clone();
        let words = StopWords::for_languages(&[], None);
        let deadlines = Deadlines::default();
        let receiving = Receiving::start(self.commands.clone(), pool.clone(), words, deadlines);
        let reports = Reports::new(self.commands.clone(), 1);
        let store = self.commands.store().clone();
        let entrance = Entrance::new(store, receiving, reports);
        let returns = Returns::new(self.verp.clone(), self.commands.clone(), None);
        let mail_server = MailServer::new(config, entrance, returns, MediaStore::new(pool));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(mail_server.serve(listener, Dialect::Lmtp, CancellationToken::new()));
        (address, TcpStream::connect(address).await.unwrap())
    }

    /// The commands up to the data of a mail, to a recipient that is accepted.
    fn beginning(&self) -> String {
        let to = self.verp.return_path(Id::new(1));
        format!("LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<{to}@desk.example>\r\nDATA\r\n")
    }

    async fn close(self) {
        self.log.close().await;
    }
}

fn config() -> MailServerConfig {
    MailServerConfig::new("mx.example".to_owned(), 1 << 20)
}

/// The bytes received until the other side hangs up.
async fn rest(mut stream: TcpStream) -> String {
    let mut heard = String::new();
    let read = timeout(Duration::from_secs(180), stream.read_to_string(&mut heard));
    let _ = read.await.expect("it hangs up");
    heard
}

#[tokio::test]
async fn a_slow_or_oversized_session_is_closed() {
    let fixture = Fixture::open().await;
    let silent = MailServerConfig {
        time_limit: Duration::from_millis(200),
        ..config()
    };
    let (_, stream) = fixture.caller(silent).await;
    let heard = rest(stream).await;
    assert!(
        heard.ends_with("421 4.4.2 mx.example waited too long\r\n"),
        "{heard}"
    );

    let slow = MailServerConfig {
        whole_patience: Duration::from_secs(3),
        ..config()
    };
    let (_, stream) = fixture.caller(slow).await;
    let (mut reading, mut writing) = stream.into_split();
    writing
        .write_all(fixture.beginning().as_bytes())
        .await
        .unwrap();
    let dribble = async {
        while writing.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let mut heard = String::new();
    let hear = async { reading.read_to_string(&mut heard).await.is_ok() };
    let both = futures::future::join(dribble, hear);
    timeout(Duration::from_secs(180), both)
        .await
        .expect("it hangs up");
    assert!(heard.contains("421 4.4.2 it took too long\r\n"), "{heard}");

    let little = MailServerConfig {
        memory: 2 * PIECE,
        ..config()
    };
    let (address, mut stream) = fixture.caller(little).await;
    let much = fixture.beginning() + &"a line\r\n".repeat(PIECE);
    let _ = stream.write_all(much.as_bytes()).await;
    let heard = rest(stream).await;
    assert!(
        heard.contains("452 4.3.1 too much comes in at once"),
        "{heard}"
    );
    // The memory that it held is free again.
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mail = fixture.beginning() + "Subject: x\r\n\r\nno report\r\n.\r\nQUIT\r\n";
    stream.write_all(mail.as_bytes()).await.unwrap();
    let heard = rest(stream).await;
    assert!(heard.contains("550 5.6.0"), "{heard}");
    fixture.close().await;
}

#[tokio::test]
async fn too_many_at_once_are_refused_and_the_next_are_not() {
    let fixture = Fixture::open().await;
    let few = MailServerConfig {
        connections: (1, 5),
        ..config()
    };
    let (address, mut first) = fixture.caller(few).await;
    let mut greeting = [0; 4];
    first.read_exact(&mut greeting).await.unwrap();
    assert_eq!(&greeting, b"220 ");
    let refused = rest(TcpStream::connect(address).await.unwrap()).await;
    assert!(
        refused.starts_with("421 4.7.0 mx.example has too many"),
        "{refused}"
    );
    first.write_all(b"QUIT\r\n").await.unwrap();
    rest(first).await;
    let mut next = TcpStream::connect(address).await.unwrap();
    next.write_all(b"QUIT\r\n").await.unwrap();
    let heard = rest(next).await;
    assert!(
        heard.starts_with("220 ") && heard.contains("221 "),
        "{heard}"
    );
    fixture.close().await;
}
