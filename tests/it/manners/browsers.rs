//! CORS: the responses that pages of other origins may read.

use crate::harness::{Answer, Database, Server, Setup};

async fn preflight(server: &Server, origin: &str) -> Answer {
    let client = server.stranger();
    let request = client
        .request("OPTIONS", "/contacts")
        .header("origin", origin)
        .header("access-control-request-method", "PUT")
        .header(
            "access-control-request-headers",
            "authorization,if-match,idempotency-key",
        );
    client.send(request).await
}

async fn allowing(origins: &str) -> Server {
    let setup = Setup::on(&Database::create().await);
    setup.set("CORS_ORIGINS", origins).start().await
}

fn allows(answer: &Answer) -> Option<&str> {
    answer.header("access-control-allow-origin")
}

#[tokio::test]
async fn nobodys_page_is_let_in_unless_it_was_set() {
    let answer = preflight(Server::shared().await, "https://app.example").await;
    assert_eq!(allows(&answer), None);
}

#[tokio::test]
async fn only_named_origins_are_let_in() {
    let server = allowing("https://app.example, https://other.example").await;
    let answer = preflight(&server, "https://app.example").await;
    assert_eq!(
        (answer.status, allows(&answer)),
        (200, Some("https://app.example"))
    );
    assert_eq!(
        answer.header("access-control-allow-credentials"),
        Some("true")
    );
    let methods = answer.header("access-control-allow-methods").unwrap();
    for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS"] {
        assert!(methods.contains(method), "{methods}");
    }
    let headers = answer.header("access-control-allow-headers").unwrap();
    assert!(headers.contains("idempotency-key"), "{headers}");
    assert_eq!(
        allows(&preflight(&server, "https://evil.example").await),
        None
    );

    let request = server.admin().await.request("GET", "/contacts");
    let read = request.header("origin", "https://app.example");
    let read = server.stranger().send(read).await;
    let exposed = read.header("access-control-expose-headers").unwrap();
    for header in [
        "etag",
        "link",
        "x-total-count",
        "x-request-id",
        "content-disposition",
    ] {
        assert!(exposed.contains(header), "{exposed}");
    }
    let varies = read.headers.get_all("vary").iter();
    assert!(
        varies
            .filter_map(|vary| vary.to_str().ok())
            .any(|vary| vary.contains("origin"))
    );
    assert_eq!(read.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn everybodys_pages_come_without_credentials() {
    let server = allowing("*").await;
    let answer = preflight(&server, "https://anywhere.example").await;
    assert_eq!(allows(&answer), Some("*"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
}

#[tokio::test]
async fn what_is_no_origin_is_refused_at_the_start() {
    for wrong in [
        "app.example",
        "https://App.example",
        "https://app.example/",
        "*,https://a.b",
    ] {
        let database = Database::create().await;
        let mut server = Setup::on(&database).set("CORS_ORIGINS", wrong).spawn();
        let said = server.run(&["serve"]);
        assert!(!said.status.success(), "{wrong}");
        let said = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(said.contains("LEDGERLINE_CORS_ORIGINS"), "{said}");
        let _ = server.sigterm(crate::harness::seconds(5));
    }
}
