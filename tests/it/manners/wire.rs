//! Compression and headers of responses, and the time-out of slow requests.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::{Answer, Client, Database, Server, Setup, TIMEOUT};

async fn zipped(client: &Client, path: &str) -> Answer {
    let request = client.request("GET", path);
    client.send(request.header("accept-encoding", "gzip")).await
}

#[tokio::test]
async fn a_long_list_is_compressed_for_those_who_can_read_it() {
    let user = Server::shared().await.user(&["user"]).await;
    for n in 0..30 {
        user.contact(&format!("zip{n}@example.com")).await;
    }
    let plain = user.get("/contacts").await;
    let zipped = zipped(&user, "/contacts").await;
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(zipped.header("content-encoding"), Some("gzip"));
    let varies = zipped.headers.get_all("vary").iter();
    let mut varies = varies.filter_map(|vary| vary.to_str().ok());
    assert!(varies.any(|vary| vary.contains("accept-encoding")));
    assert_eq!(&zipped.body[..2], [0x1f, 0x8b]);
    assert!(
        zipped.body.len() * 4 < plain.body.len(),
        "{}",
        zipped.body.len()
    );
}

#[tokio::test]
async fn what_is_small_or_a_file_goes_out_as_it_is() {
    let user = Server::shared().await.user(&["user"]).await;
    let contact = user.contact("small@example.com").await;
    let small = zipped(&user, &format!("/contacts/{contact}")).await;
    assert_eq!(small.header("content-encoding"), None);
    let template = json!({"name": "zip", "subject": "s", "body": "b"});
    let template = user
        .post("/messages/templates", template)
        .await
        .id("template_id");
    let media = format!("/messages/templates/{template}/media");
    user.upload(&media, "application/octet-stream", vec![b' '; 9_000])
        .await
        .ok();
    let file = zipped(&user, &media).await;
    assert_eq!(
        (file.header("content-encoding"), file.body.len()),
        (None, 9_000)
    );
}

#[tokio::test]
async fn everything_private_is_not_to_be_stored_refusals_too() {
    let server = Server::shared().await;
    let (admin, stranger) = (server.admin().await, server.stranger());
    for answer in [
        admin.get("/users").await,
        admin.get("/users/999999").await,
        admin.get("/no/such/thing").await,
        admin.post("/contacts", json!({})).await,
        stranger.get("/users").await,
        zipped(&admin, "/permissions").await,
    ] {
        assert_eq!(
            answer.header("cache-control"),
            Some("no-store"),
            "{}",
            answer.asked
        );
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
}

#[tokio::test]
async fn headers_that_never_end_are_not_waited_for() {
    let setup = Setup::on(&Database::create().await);
    let server = setup.set("HEADER_SECONDS", "5").start().await;
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    let mut slow = TcpStream::connect(&address).await.unwrap();
    let mut idle = TcpStream::connect(&address).await.unwrap();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
        .await
        .unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let started = Instant::now();
    let mut rest = Vec::new();
    for stream in [&mut slow, &mut idle] {
        let end = tokio::time::timeout(TIMEOUT, stream.read_to_end(&mut rest));
        let _ = end.await.expect("the connection is closed");
    }
    assert!(started.elapsed() >= Duration::from_secs(4));
    assert!(String::from_utf8_lossy(&rest).contains("200 OK"));
}
