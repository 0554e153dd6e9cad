//! The command `ledgerline demo`.

use serde_json::json;

use crate::harness::{Server, Setup, SmtpSink, free_port};

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

#[tokio::test]
async fn with_a_mail_server_it_switches_off_the_sandbox_and_nothing_else() {
    let server = Server::alone().await;
    let admin = server.admin().await;
    let tenant = admin.post("/tenants", json!({"code": "elsewhere"})).await;
    let tenant = tenant.id("tenant_id");
    let provider = async |name: &str, more: serde_json::Value| {
        let mut provider = json!({"name": name, "type": "sandbox"});
        provider
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        admin.post("/providers", provider).await.id("provider_id")
    };
    let shared = provider("shared", json!({})).await;
    let theirs = provider("theirs", json!({"tenant_id": tenant})).await;
    let kannel = json!({"type": "http", "host": "127.0.0.1", "port": 1, "username": "k"});
    let kannel = provider("kannel", kannel).await;
    let active = async |id: i64| {
        let provider = admin.get(&format!("/providers/{id}")).await.ok();
        provider["active"] == 1
    };

    let unheard = format!("127.0.0.1:{}", free_port());
    for wrong in ["nowhere", unheard.as_str()] {
        let refused = server.run(&["demo", "--smtp", wrong]);
        assert!(!refused.status.success(), "{wrong}");
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(
            said.contains("HOST:PORT") || said.contains("nothing listens at"),
            "{said}"
        );
        assert!(active(shared).await, "{wrong}");
    }

    let sink = SmtpSink::start().await;
    let said = server.run_ok(&["demo", "--smtp", &format!("127.0.0.1:{}", sink.port)]);
    assert!(said.contains("is switched off"), "{said}");
    assert_eq!(sink.mails().len(), 1);
    assert!(!active(shared).await);
    assert!(active(theirs).await && active(kannel).await, "{said}");
}
