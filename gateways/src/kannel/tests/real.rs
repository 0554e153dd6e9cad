//! The contract suite with the real Kannel and its simulated message centre, fakesmsc.

#![allow(clippy::disallowed_methods, reason = "waits for a peer of its own")]

use std::{
    fs::{self, File},
    net::{TcpListener, TcpStream as Stream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Instant as Clock,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

use super::*;

const USER: &str = "
group = sendsms-user
username = user
password = sesame
max-messages = 1
concatenation = false
default-smsc = fake

group = sms-service
keyword = default
text = \"\"
omit-empty = true
max-messages = 0
";

/// A process that ends with the test, also one that is stopped (SIGSTOP).
struct Process(Child);

impl Process {
    fn start(program: &str, arguments: &[&str], dir: &TempDir, log: &str) -> Self {
        let log = File::create(dir.path().join(log)).unwrap();
        let mut command = Command::new(program);
        command.args(arguments).current_dir(dir.path());
        // fakesmsc ends at the end of its input.
        command.stdin(Stdio::piped());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn();
        Self(child.unwrap_or_else(|error| {
            panic!("{program}: {error}: apt-get install kannel kannel-extras")
        }))
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.0.id()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Kannel {
    port: u16,
    log: PathBuf,
    smsbox: Arc<Process>,
    _others: [Process; 2],
    _dir: TempDir,
}

impl Kannel {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let free = [(); 4].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [admin, boxes, port, centre] = free.map(|it| it.local_addr().unwrap().port());
        let mut conf = include_str!("../../../../tests/files/kannel.conf").to_owned() + USER;
        for (name, port) in [
            ("{admin}", admin),
            ("{boxes}", boxes),
            ("{port}", port),
            ("{centre}", centre),
        ] {
            conf = conf.replace(name, &port.to_string());
        }
        fs::write(dir.path().join("kannel.conf"), conf).unwrap();
        let start = |program: &str, arguments: &[&str], log: &str| {
            Process::start(program, arguments, &dir, log)
        };
        let bearerbox = start("/usr/sbin/bearerbox", &["kannel.conf"], "bearerbox.log");
        listens(boxes);
        let smsbox = start("/usr/sbin/smsbox", &["kannel.conf"], "smsbox.log");
        listens(port);
        let arguments = ["-H", "127.0.0.1", "-r", &centre.to_string(), "-m", "0"];
        let fake = "/usr/lib/kannel/test/fakesmsc";
        let fake = start(fake, &arguments, "fakesmsc.log");
        Self {
            port,
            log: dir.path().join("fakesmsc.log"),
            smsbox: Arc::new(smsbox),
            _others: [fake, bearerbox],
            _dir: dir,
        }
    }

    /// The number of messages that the message centre has received.
    fn counter(&self) -> Box<dyn Fn() -> usize + Send + Sync> {
        let log = self.log.clone();
        Box::new(move || {
            let log = fs::read(&log).unwrap_or_default();
            String::from_utf8_lossy(&log).matches("Got message").count()
        })
    }
}

fn listens(port: u16) {
    let deadline = Clock::now() + Duration::from_secs(180);
    while Stream::connect(("127.0.0.1", port)).is_err() {
        assert!(Clock::now() < deadline, "Kannel does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

struct RealKannel;

#[async_trait]
impl Peer for RealKannel {
    async fn stage(&self, behaviour: PeerBehaviour) -> Option<Stage> {
        // Only a report says whether the recipient answers.
        if behaviour == PeerBehaviour::Unanswering {
            return None;
        }
        let kannel = Kannel::start();
        let port = match behaviour {
            PeerBehaviour::Away => TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port(),
            _ => kannel.port,
        };
        if matches!(behaviour, PeerBehaviour::Hangs | PeerBehaviour::Vanishes) {
            kannel.smsbox.signal(Signal::SIGSTOP);
        }
        if behaviour == PeerBehaviour::Vanishes {
            let smsbox = Arc::clone(&kannel.smsbox);
            // By then the request has arrived there, unread.
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_secs(1));
                smsbox.signal(Signal::SIGKILL);
            });
        }
        // Kannel refuses messages for a message centre that it does not have.
        let smsc = match behaviour {
            PeerBehaviour::Refuses => "nosuch",
            _ => "fake",
        };
        let silent = settings(serde_json::json!({"reports": false, "smsc": smsc}));
        Some(Stage {
            gateway: Arc::new(KannelGateway::new(config(port, silent)).unwrap()),
            destination: "+4930999".to_owned(),
            content: text("hello", TextClass::Off),
            heard: kannel.counter(),
            taken: kannel.counter(),
            _kept: Box::new(kannel),
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_keeps_the_contract() {
    contract_suite::run(&RealKannel).await;
}
