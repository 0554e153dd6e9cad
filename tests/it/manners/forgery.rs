//! A page of another origin in Chromium, which adds the administrator's password to all requests
//! to the server.

use std::{
    io::{Read, Write},
    net::TcpListener,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::harness::{
    ADMIN_PASSWORD, Browser, Server, USER_PASSWORD, eventually, seconds, unique_name,
};

/// Serves one page for every request, as long as the tests run; answers its address.
fn serve(page: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 8192]);
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n";
            let _ = write!(stream, "{head}{page}");
        }
    });
    address
}

/// A page that sends requests that need no preflight.
fn forging(server: &str, victim: &str, contacts: &[i64]) -> String {
    let [image, silent, script] = contacts else {
        panic!("three contacts")
    };
    format!(
        "<!doctype html><title>Kittens</title>
        <form method=post enctype=text/plain target=frame action='{server}/users/csv'>
          <textarea name='username,passwd\r\n{victim},taken-over-9-times\r\n,'></textarea>
        </form>
        <iframe name=frame></iframe>
        <img src='{server}/contacts/{image}/delete'>
        <img src='{server}/contacts/{silent}/delete' referrerpolicy=no-referrer>
        <script>
          document.forms[0].submit();
          fetch('{server}/contacts/{script}/delete', {{mode: 'no-cors'}});
          fetch('{server}/users/csv', {{method: 'POST', mode: 'no-cors',
              body: new Blob(['{victim},taken-over-9-times'])}});
        </script>"
    )
}

#[tokio::test]
async fn a_strange_page_changes_nothing_with_a_kept_password() {
    let server = Server::alone().await;
    let admin = server.admin().await;
    let victim = unique_name("victim");
    server.named_user(&victim, &["user"]).await;
    let mut contacts = Vec::new();
    for _ in 0..4 {
        contacts.push(admin.contact("ada@example.com").await);
    }
    let browser = Browser::start().await;
    let kept = STANDARD.encode(format!("admin:{ADMIN_PASSWORD}"));
    browser.authorize(&format!("Basic {kept}")).await;

    let page = serve(forging(&server.url, &victim, &contacts[..3]));
    browser.open(&page).await;
    let forged = ["/users/csv"; 2].map(str::to_owned).into_iter();
    let deleted = contacts[..3]
        .iter()
        .map(|id| format!("/contacts/{id}/delete"));
    for path in forged.chain(deleted) {
        eventually(&format!("{path} is refused"), seconds(180), async || {
            let log = server.log();
            let refused = |line: &&str| line.contains(&path) && line.contains("http.status=403");
            log.lines().find(refused).map(|_| ())
        })
        .await;
    }
    // A link, as in a mail.
    let link = format!("{}/contacts/{}/delete", server.url, contacts[3]);
    browser.open(&link).await;
    let shown = browser.text("body").await;
    assert!(shown.contains("no browser may follow it"), "{shown}");

    for id in &contacts {
        admin.get(&format!("/contacts/{id}")).await.ok();
    }
    server.stranger().login(&victim, USER_PASSWORD).await;

    // The password itself is accepted: a script of our own page may use it.
    browser.open(&format!("{}/docs", server.url)).await;
    let delete = format!(
        "return fetch('/contacts/{}/delete').then(answer => answer.status, String)",
        contacts[0]
    );
    eventually("our own page deletes it", seconds(180), async || {
        // A busy server may say 503, or drop the connection.
        let status = browser.run(&delete).await;
        let later = status == 503 || status.is_string();
        assert!(later || status == 200, "{status}");
        (!later).then_some(())
    })
    .await;
}
