//! Limits on connected clients, and the shedding of idle ones.

use std::{
    fs,
    net::{IpAddr, UdpSocket},
    process::Command,
};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::{Client, Database, Server, Setup, cannot_run, eventually, free_port, seconds};

const HEALTHZ: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
const SHED: &str = "ledgerline_http_connections_shed_total{listener=\"api\"}";
const OPEN: &str = "ledgerline_http_connections{listener=\"api\"}";
const REFUSED: &str = "ledgerline_http_connections_refused_total{listener=\"api\"}";

/// A connection that a client keeps open.
struct Connection(TcpStream);

impl Connection {
    async fn open(address: &str) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// Requests `/healthz`; true if there was a response.
    async fn ask(&mut self) -> bool {
        if self.0.write_all(HEALTHZ).await.is_err() {
            return false;
        }
        let mut answer = Vec::new();
        while !answer.ends_with(b"}") {
            match self.0.read_buf(&mut answer).await {
                Ok(read) if read > 0 => {}
                _ => return false,
            }
        }
        answer.starts_with(b"HTTP/1.1 200")
    }

    /// True if the server has closed it.
    fn is_closed(&self) -> bool {
        let mut byte = [0];
        match self.0.try_read(&mut byte) {
            Ok(0) => true,
            Ok(_) => false,
            Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
        }
    }
}

/// Raises the limit on open files of the tests, which hold as many connections as the server.
fn raise_own_limit() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
}

fn address(server: &Server) -> String {
    server.url.trim_start_matches("http://").to_owned()
}

/// The value of a metric, requested on a connection of its own; 0 if there is none.
async fn metric(server: &Server, name: &str) -> u64 {
    let metrics = server.stranger().get("/metrics").await.text();
    let mut values = metrics.lines().filter_map(|it| it.strip_prefix(name));
    values
        .next()
        .map_or(0, |value| value.trim().parse().unwrap())
}

/// Opens connections of clients that send one request and are idle since. Health and metrics
/// are requested all along.
async fn idle(server: &Server, count: usize) -> Vec<Connection> {
    let mut open = Vec::new();
    for n in 0..count {
        let mut connection = Connection::open(&address(server)).await;
        assert!(connection.ask().await, "{n}");
        open.push(connection);
        if n % 100 == 0 {
            server.stranger().get("/healthz").await.ok();
            assert_eq!(server.stranger().get("/metrics").await.status, 200);
        }
    }
    open
}

#[tokio::test]
async fn two_thousand_idle_clients_fit_below_a_low_soft_limit() {
    raise_own_limit();
    let setup = Setup::on(&Database::create().await).files(1_024, 4_096);
    let server = setup.start().await;
    let mut open = idle(&server, 2_000).await;
    assert!(metric(&server, OPEN).await >= 2_000);
    for connection in &mut open {
        assert!(connection.ask().await);
    }
    assert_eq!(metric(&server, SHED).await, 0);
}

#[tokio::test]
async fn idle_clients_are_shed_below_a_low_hard_limit() {
    raise_own_limit();
    let setup = Setup::on(&Database::create().await).files(1_024, 1_024);
    let server = setup.start().await;
    let mut open = idle(&server, 2_000).await;
    assert!(metric(&server, OPEN).await < 1_024);
    assert!(metric(&server, SHED).await >= 1_000);
    let newest = open.last_mut().unwrap();
    assert!(newest.ask().await, "the newest is served");
    eventually("the oldest are closed", seconds(10), async || {
        open[..900].iter().all(Connection::is_closed).then_some(())
    })
    .await;
    assert_eq!(metric(&server, REFUSED).await, 0);
}

#[tokio::test]
async fn without_a_file_to_accept_with_an_idle_client_is_shed() {
    raise_own_limit();
    let setup = Setup::on(&Database::create().await).files(1_024, 4_096);
    let server = setup.start().await;
    let mut open = idle(&server, 100).await;
    let pid = server.pid().to_string();
    let files = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count() + 10;
    let limit = format!("--nofile={files}:{files}");
    let mut lower = Command::new("prlimit");
    assert!(
        lower
            .args(["--pid", &pid, &limit])
            .status()
            .unwrap()
            .success()
    );
    open.extend(idle(&server, 100).await);
    assert!(metric(&server, SHED).await >= 50);
    assert!(server.log().contains("no connection can be accepted"));
}

#[tokio::test]
async fn a_busy_client_is_not_shed_and_a_new_one_is_refused() {
    let setup = Setup::on(&Database::create().await).set("MAX_CONNECTIONS", "16");
    let server = setup.start().await;
    let admin = server.admin().await;
    let mut busy = Vec::new();
    for _ in 0..16 {
        let mut connection = Connection::open(&address(&server)).await;
        let head = format!(
            "POST /contacts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: 100\r\n\
             Expect: 100-continue\r\n\r\n",
            admin.token()
        );
        connection.0.write_all(head.as_bytes()).await.unwrap();
        let mut go_on = [0; 25];
        connection.0.read_exact(&mut go_on).await.unwrap();
        assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
        busy.push(connection);
    }
    // Idle clients from before are closed first, and then no connection is left.
    let mut refused = Connection::open(&address(&server)).await;
    eventually("a client is refused", seconds(10), async || {
        let answered = refused.ask().await;
        refused = Connection::open(&address(&server)).await;
        (!answered).then_some(())
    })
    .await;
    let contact = json!({"first_name": "Ada", "phone": "15550100"});
    let contact = format!("{:100}", contact.to_string());
    for connection in &mut busy {
        connection.0.write_all(contact.as_bytes()).await.unwrap();
        let mut answer = [0; 11];
        connection.0.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 20");
    }
    assert!(metric(&server, REFUSED).await >= 1);
}

/// An address of this machine that is not loopback, if it has one.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback()).then_some(address)
}

#[tokio::test]
async fn an_address_sheds_its_own_idle_clients_and_loopback_none() {
    let Some(own) = own_address() else {
        cannot_run("limits per address", "this machine has loopback only");
        return;
    };
    let port = free_port();
    let setup = Setup::on(&Database::create().await)
        .set("LISTEN", &format!("0.0.0.0:{port}"))
        .set("MAX_CONNECTIONS_PER_ADDRESS", "10");
    let mut server = setup.spawn();
    server.url = format!("http://127.0.0.1:{port}");
    server.ready().await;
    let mut loopback = idle(&server, 20).await;
    let mut limited = Vec::new();
    for _ in 0..20 {
        let mut connection = Connection::open(&format!("{own}:{port}")).await;
        assert!(connection.ask().await);
        limited.push(connection);
    }
    eventually("the older half is closed", seconds(10), async || {
        limited[..10]
            .iter()
            .all(Connection::is_closed)
            .then_some(())
    })
    .await;
    for connection in loopback.iter_mut().chain(&mut limited[10..]) {
        assert!(connection.ask().await);
    }
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_answers_is_closed() {
    let setup = Setup::on(&Database::create().await).set("HEADER_SECONDS", "1");
    let server = setup.start().await;
    let before = metric(&server, OPEN).await;
    let mut deaf = Connection::open(&address(&server)).await;
    let question = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n";
    // Until the buffer of responses is full, and then until the connection is closed.
    let asking = async {
        while deaf.0.write_all(question).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(seconds(60), asking).await.unwrap();
    eventually("it is closed", seconds(10), async || {
        (metric(&server, OPEN).await <= before).then_some(())
    })
    .await;
}

async fn forwarded(client: &Client) {
    let request = client.request("GET", "/healthz");
    let request = request.header("x-forwarded-for", "203.0.113.7");
    client.send(request).await.ok();
}

#[tokio::test]
async fn a_proxy_that_is_not_trusted_is_warned_of_once() {
    let warnings = |server: &Server| server.log().matches("LEDGERLINE_TRUST_PROXY=true").count();
    let server = Server::alone().await;
    for _ in 0..3 {
        forwarded(&server.stranger()).await;
    }
    eventually("it is said", seconds(10), async || {
        (warnings(&server) > 0).then_some(())
    })
    .await;
    assert_eq!(warnings(&server), 1);
    let setup = Setup::on(&Database::create().await).set("TRUST_PROXY", "true");
    let mut trusting = setup.start().await;
    forwarded(&trusting.stranger()).await;
    trusting.sigterm(seconds(10));
    assert_eq!(warnings(&trusting), 0);
}
