//! The API's description, as it is served and as it is printed.

use crate::harness::Server;

#[tokio::test]
async fn what_is_printed_is_what_is_served() {
    let server = Server::shared().await;
    let served = server.stranger().get("/openapi.json").await.ok();
    let output = server.command(&["openapi"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed, served);
    assert_eq!(served["openapi"], "3.1.0");
}

#[tokio::test]
async fn the_page_brings_all_it_needs_itself() {
    let stranger = Server::shared().await.stranger();
    let page = stranger.get("/docs/index.html").await;
    assert_eq!(page.status, 200);
    let page = page.text();
    let parts = page
        .split(['"', '\''])
        .filter(|part| part.starts_with("./"));
    let mut seen = 0;
    for part in parts {
        let answer = stranger.get(&format!("/docs/{}", &part[2..])).await;
        assert_eq!(answer.status, 200, "{part}");
        seen += 1;
    }
    assert!(seen >= 3, "{page}");
    assert!(
        !page.contains("https://") && !page.contains("//cdn"),
        "{page}"
    );
    assert_eq!(stranger.get("/docs/nothing.js").await.status, 404);
}
