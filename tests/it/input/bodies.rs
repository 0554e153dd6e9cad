//! Invalid bodies of requests.

use futures::stream;
use serde_json::json;

use crate::harness::{Answer, Client, Mailing, Server, TIMEOUT};

/// Routes that take JSON, with the ids of existing aggregates.
async fn writes(client: &Client) -> Vec<(&'static str, String)> {
    let mailing = Mailing::new(client).await;
    let contact = client.contact("body@example.com").await;
    vec![
        ("POST", "/contacts".to_owned()),
        ("PUT", format!("/contacts/{contact}")),
        ("POST", "/messages/templates".to_owned()),
        (
            "PUT",
            format!("/messages/templates/{}", mailing.template_id),
        ),
        ("POST", "/programs/sendemail".to_owned()),
        ("POST", "/transmissions".to_owned()),
        ("POST", "/users".to_owned()),
        ("POST", "/accounts".to_owned()),
        ("POST", "/roles".to_owned()),
        ("POST", "/providers".to_owned()),
        ("POST", "/authenticate".to_owned()),
    ]
}

async fn send(client: &Client, method: &str, path: &str, kind: &str, body: &[u8]) -> Answer {
    let request = client.request(method, path).header("content-type", kind);
    client.send(request.body(body.to_vec())).await
}

#[tokio::test]
async fn what_is_not_a_json_object_is_412() {
    let admin = Server::shared().await.admin().await;
    let tower = format!(
        "{{\"first_name\": {}1{}}}",
        "[".repeat(30_000),
        "]".repeat(30_000)
    );
    let bodies: [&[u8]; 12] = [
        b"{",
        b"[]",
        b"[{}]",
        b"null",
        b"7",
        b"\"text\"",
        b"{\"a\": }",
        b"{'a': 1}",
        b"\xff\xfe{}",
        b"{\"phone\": \"\xff\"}",
        b"{\"phone\": 1, \"phone\": 2}",
        tower.as_bytes(),
    ];
    for (method, path) in writes(&admin).await {
        for body in bodies {
            let answer = send(&admin, method, &path, "application/json", body).await;
            let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
            assert_eq!(
                answer.status,
                412,
                "{method} {path} {shown}: {}",
                answer.text()
            );
            assert!(
                !answer.fields().is_empty(),
                "{method} {path} {shown}: {}",
                answer.text()
            );
        }
    }
}

#[tokio::test]
async fn another_kind_of_body_is_415() {
    let admin = Server::shared().await.admin().await;
    for (method, path) in writes(&admin).await {
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "nonsense",
        ] {
            let answer = send(&admin, method, &path, kind, b"first_name=A&phone=1").await;
            assert_eq!(
                answer.status,
                415,
                "{method} {path} {kind}: {}",
                answer.text()
            );
        }
    }
}

/// A request whose body is announced as a hundred megabytes, none of which follow; or an
/// unannounced one without end.
fn too_much(client: &Client, method: &str, path: &str, announced: bool) -> reqwest::RequestBuilder {
    const CHUNK: usize = 1 << 20;
    let request = client
        .request(method, path)
        .header("content-type", "application/json");
    let chunk = || Ok::<_, std::io::Error>(vec![b'x'; CHUNK]);
    if announced {
        let body = reqwest::Body::wrap_stream(stream::pending::<std::io::Result<Vec<u8>>>());
        request.header("content-length", 100 * CHUNK).body(body)
    } else {
        request.body(reqwest::Body::wrap_stream(stream::repeat_with(chunk)))
    }
}

#[tokio::test]
async fn too_much_is_refused_without_being_read_to_its_end() {
    let server = Server::shared().await;
    let user = server.user(&["user"]).await;
    let template = Mailing::new(&user).await.template_id;
    let media = format!("/messages/templates/{template}/media");
    for (method, path) in [
        ("POST", "/contacts"),
        ("POST", "/authenticate"),
        ("PUT", media.as_str()),
    ] {
        for announced in [true, false] {
            let request = too_much(&user, method, path, announced);
            let answer = user.try_send(request).await;
            let answer =
                answer.unwrap_or_else(|error| panic!("{method} {path} {announced}: {error}"));
            assert_eq!(
                answer.status,
                413,
                "{method} {path} {announced}: {}",
                answer.text()
            );
        }
    }
    assert_eq!(user.get(&media).await.status, 404, "nothing half done");
}

#[tokio::test]
async fn an_endless_header_and_a_nonsense_request_end_as_4xx() {
    use std::io::{Read, Write};
    let server = Server::shared().await;
    let address = server.url.trim_start_matches("http://").to_owned();
    let huge = format!(
        "GET /contacts HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n",
        "x".repeat(1 << 20)
    );
    let long_path = format!(
        "GET /contacts/{} HTTP/1.1\r\nHost: x\r\n\r\n",
        "1".repeat(1 << 17)
    );
    for request in [
        huge.as_str(),
        long_path.as_str(),
        "NONSENSE\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
    ] {
        let mut socket = std::net::TcpStream::connect(&address).unwrap();
        socket.set_read_timeout(Some(TIMEOUT)).unwrap();
        // The server may close the connection before it has read everything.
        let _ = socket.write_all(request.as_bytes());
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{}",
            &answer[..answer.len().min(80)]
        );
    }
    server.stranger().get("/healthz").await.ok();
}

#[tokio::test]
async fn an_empty_upload_and_one_without_a_kind_are_4xx() {
    let user = Server::shared().await.user(&["user"]).await;
    let template = Mailing::new(&user).await.template_id;
    let media = format!("/messages/templates/{template}/media");
    let empty = user.upload(&media, "text/plain", Vec::new()).await;
    assert!([412, 415].contains(&empty.status), "{}", empty.text());
    for kind in ["nonsense", "text/plain\u{7f}", "a/b/c"] {
        let request = user
            .request("PUT", &media)
            .header("content-type", kind.as_bytes());
        let Ok(answer) = user.try_send(request.body("x")).await else {
            continue;
        };
        assert!(
            [400, 412, 415].contains(&answer.status),
            "{kind}: {} {}",
            answer.status,
            answer.text()
        );
    }
}

#[tokio::test]
async fn nothing_that_was_sent_in_a_refused_body_is_in_the_log() {
    let server = Server::shared().await;
    let user = server.user(&["user"]).await;
    let secret = "sesame-open-wide-31";
    let body = format!("{{\"username\": \"x\", \"password\": \"{secret}\", ");
    send(
        &user,
        "POST",
        "/authenticate",
        "application/json",
        body.as_bytes(),
    )
    .await
    .expect(412);
    user.post(
        "/contacts",
        json!({"first_name": [secret], "phone": {"p": secret}}),
    )
    .await
    .expect(412);
    user.get(&format!("/contacts?nonsense={secret}"))
        .await
        .expect(412);
    assert!(!server.log().contains(secret));
}
