//! The bound on the memory for bodies of requests.

use std::fs;

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::{Answer, Client, Database, Server, Setup, eventually, seconds};

/// A request whose body is sent piece by piece.
struct SlowBody(TcpStream);

impl SlowBody {
    async fn begin(server: &Server, path: &str, headers: &str) -> Self {
        let address = server.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{headers}\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        Self(stream)
    }

    /// Begins a request with a body of this length by an authorized client; sends its first byte.
    async fn authorised(client: &Client, server: &Server, length: usize) -> Self {
        let token = client.token();
        let headers = format!("Authorization: Bearer {token}\r\nContent-Length: {length}\r\n");
        let mut sending = Self::begin(server, "/contacts", &headers).await;
        sending.0.write_all(b"{").await.unwrap();
        sending
    }

    /// The status of the response.
    async fn status(&mut self) -> String {
        let mut head = [0; 12];
        let read = tokio::time::timeout(seconds(60), self.0.read_exact(&mut head));
        read.await.expect("an answer").unwrap();
        String::from_utf8_lossy(&head[9..]).into_owned()
    }
}

/// The resident memory of a server, in bytes.
fn resident(server: &Server) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:"));
    let kilobytes = line.unwrap().trim().trim_end_matches(" kB");
    kilobytes.parse::<usize>().unwrap() << 10
}

/// Posts a contact whose name is longer than permitted.
async fn post(client: &Client, characters: usize) -> Answer {
    let contact = json!({"first_name": "x".repeat(characters), "phone": "15550100"});
    client.post("/contacts", contact).await
}

#[tokio::test]
async fn a_stranger_is_answered_before_the_body_is_sent() {
    let server = Server::shared().await;
    for path in ["/contacts", "/users/csv", "/groups/1/csv"] {
        let mut sending = SlowBody::begin(server, path, "Content-Length: 10000000\r\n").await;
        assert_eq!(sending.status().await, "401", "{path}");
    }
}

#[tokio::test]
async fn a_login_of_more_than_64_kilobytes_is_refused() {
    let server = Server::shared().await;
    let mut announced = SlowBody::begin(server, "/authenticate", "Content-Length: 65537\r\n").await;
    assert_eq!(announced.status().await, "413");
    let chunked = "Transfer-Encoding: chunked\r\n";
    let mut chunked = SlowBody::begin(server, "/authenticate", chunked).await;
    let chunk = format!("10001\r\n{}\r\n", " ".repeat(65_537));
    chunked.0.write_all(chunk.as_bytes()).await.unwrap();
    assert_eq!(chunked.status().await, "413");
    let login = json!({"username": "admin", "password": "x".repeat(60_000)});
    let answer = server.stranger().post("/authenticate", login).await;
    assert_ne!(answer.status, 413);
}

#[tokio::test]
async fn half_sent_bodies_of_strangers_cost_little_memory() {
    let server = Server::alone().await;
    server.stranger().get("/healthz").await.ok();
    let before = resident(&server);
    let half = vec![b' '; 3_500_000];
    let mut sending = Vec::new();
    for n in 0..150 {
        let path = ["/contacts", "/authenticate", "/transmissions"][n % 3];
        let mut one = SlowBody::begin(&server, path, "Content-Length: 7000000\r\n").await;
        let answered = one.status().await;
        // 503 while the server is behind the log, because Postgres is busy.
        assert!(
            ["401", "413", "503"].contains(&answered.as_str()),
            "{answered}"
        );
        // The server reads and drops the body for a while, so that the response arrives.
        let _ = tokio::time::timeout(seconds(1), one.0.write_all(&half)).await;
        sending.push(one);
        server.stranger().get("/healthz").await.ok();
    }
    let more = resident(&server).saturating_sub(before);
    assert!(more < 100 << 20, "{} MiB more", more >> 20);
}

#[tokio::test]
async fn bodies_beyond_the_memory_wait_and_are_refused() {
    let setup = Setup::on(&Database::create().await).set("BODY_MEMORY_MB", "32");
    let server = setup.start().await;
    let admin = server.admin().await;
    // The body takes all of the 16 MB for long bodies: each byte counts twice.
    let mut slow = SlowBody::authorised(&admin, &server, 8 << 20).await;
    let refused = eventually("the memory is reserved", seconds(30), async || {
        Some(post(&admin, 7_000_000).await).filter(|answer| answer.status == 503)
    })
    .await;
    assert_eq!(refused.header("retry-after"), Some("1"));
    // Short bodies do not wait for the memory.
    post(&admin, 50_000).await.expect(412);
    admin.contact("short@example.com").await;
    // A body that stalls is ended, and its memory released.
    assert_eq!(slow.status().await, "412");
    eventually("there is memory again", seconds(30), async || {
        (post(&admin, 7_000_000).await.status == 412).then_some(())
    })
    .await;
}

#[tokio::test]
async fn health_is_answered_while_long_bodies_are_parsed() {
    let server = Server::alone().await;
    let admin = server.admin().await;
    let body = format!(r#"{{"first_name": "{}"}}"#, r"\u0041".repeat(300_000));
    let posts = (0..4).map(|_| {
        let request = admin.request("POST", "/contacts");
        let request = request.header("content-type", "application/json");
        admin.send(request.body(body.clone()))
    });
    let posts = futures::future::join_all(posts);
    let health = async {
        for _ in 0..20 {
            server.stranger().get("/healthz").await.ok();
        }
    };
    let (answers, ()) = tokio::join!(posts, health);
    for answer in answers {
        answer.expect(412);
    }
}
