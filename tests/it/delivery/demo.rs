//! The command `ledgerline demo`.

use crate::harness::{Server, Setup, SmtpSink};

#[tokio::test]
async fn it_leads_through_the_sandbox_to_a_report() {
    let server = Server::shared().await;
    let said = server.run_ok(&["demo"]);
    assert!(said.contains("delivered"), "{said}");
}

#[tokio::test]
async fn it_leads_to_a_mail_server() {
    let server = Setup::embedded().start().await;
    let sink = SmtpSink::start().await;
    let address = format!("127.0.0.1:{}", sink.port);
    let said = server.run_ok(&["demo", "--smtp", &address, "--to", "grace@example.com"]);
    assert!(said.contains("delivered"), "{said}");
    let mails = sink.mails();
    assert!(
        mails.iter().any(|mail| mail.contains("grace@example.com")),
        "{mails:?}"
    );
}
