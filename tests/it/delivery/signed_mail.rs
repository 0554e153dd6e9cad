//! DKIM signatures of mails, with a key that is never shown again.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;

use crate::harness::{Database, Mailing, Setup, SmtpSink, unique_name};

fn openssl(arguments: &str, input: &[u8]) -> Vec<u8> {
    piped(Command::new("openssl").args(arguments.split(' ')), input)
}

fn piped(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let name = command.get_program().to_owned();
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.unwrap_or_else(|error| panic!("peer {}: {error}", name.display()));
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "peer {} failed", name.display());
    output.stdout
}

/// The verdict of dkimpy on a mail, given this record in the DNS.
fn verified(mail: &str, record: &str) -> String {
    let python = std::env::var("LEDGERLINE_TEST_PYTHON").expect("run ./dev test");
    let script = "import dkim, sys\n\
        record = sys.argv[1].encode()\n\
        print(dkim.verify(sys.stdin.buffer.read(), dnsfunc=lambda name, timeout=5: record))";
    let said = piped(
        Command::new(python).args(["-c", script, record]),
        mail.as_bytes(),
    );
    String::from_utf8(said).unwrap().trim().to_owned()
}

/// A key for a provider's settings, and its record in the DNS.
fn rsa() -> (String, String) {
    let key = String::from_utf8(openssl("genrsa -traditional 2048", b"")).unwrap();
    let public = openssl("rsa -pubout -outform DER", key.as_bytes());
    let record = format!("v=DKIM1; k=rsa; p={}", STANDARD.encode(public));
    (key, record)
}

/// A mail as it was sent, without the headers that the sink adds in front.
fn ours(mail: &str) -> String {
    let mail = mail.replace("\r\n", "\n");
    let lines = mail.lines().skip_while(|line| line.starts_with("X-"));
    lines.collect::<Vec<_>>().join("\r\n") + "\r\n"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_authors_within_the_signed_domain_are_signed_as() {
    let (key, record) = rsa();
    let sink = SmtpSink::start().await;
    let server = Setup::on(&Database::create().await).start().await;
    let client = server.admin().await;
    let provider = json!({
        "name": "signing", "type": "smtp", "host": "127.0.0.1", "port": sink.port,
        "settings": {
            "tls": "none", "dkim_domain": "sender.example", "dkim_selector": "s1",
            "dkim_key": key, "default_sender": "mail@sender.example",
        },
    });
    client.post("/providers", provider).await.ok();
    let account = client.get("/accounts").await.ok()[0]["account_id"].clone();
    let mailing = Mailing::new(&client).await;
    for (address, author) in [
        ("ceo@corp.example", "mail@sender.example"),
        ("ceo@notsender.example", "mail@sender.example"),
        ("desk@shop.sender.example", "desk@shop.sender.example"),
    ] {
        let email = json!({ "email": address });
        client
            .put(&format!("/accounts/{account}"), email)
            .await
            .ok();
        let to = format!("{}@example.com", unique_name("to"));
        let ended = mailing.ended(mailing.send_to(&to).await).await;
        assert_eq!(ended["outcome"], "delivered", "{ended}");
        let mails = sink.mails().into_iter();
        let mail = mails
            .map(|mail| ours(&mail))
            .find(|mail| mail.contains(&to));
        let mail = mail.unwrap();
        let from = mail
            .lines()
            .find(|line| line.starts_with("From: "))
            .unwrap();
        assert!(from.contains(author), "{address}: {from}");
        let answers = mail.contains(&format!("Reply-To: {address}"));
        assert_eq!(answers, author != address, "{mail}");
        assert_eq!(verified(&mail, &record), "True", "{mail}");
        assert!(mail.contains("d=sender.example"), "{mail}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_is_signed_over_its_link_by_a_key_that_is_kept_sealed() {
    let (key, record) = rsa();
    let sink = SmtpSink::start().await;
    let server = Setup::on(&Database::create().await).start().await;
    let client = server.admin().await;
    let provider = json!({
        "name": "signing", "type": "smtp", "host": "127.0.0.1", "port": sink.port,
        "settings": {
            "tls": "none", "from_domain": "sender.example", "list_unsubscribe": "always",
            "dkim_domain": "sender.example", "dkim_selector": "s1", "dkim_key": key,
        },
    });
    let provider = client.post("/providers", provider).await.id("provider_id");
    let mailing = Mailing::new(&client).await;
    let transmission = mailing.send_to("ada@example.com").await;
    let ended = mailing.ended(transmission).await;
    assert_eq!(ended["outcome"], "delivered", "{ended}");
    let mail = ours(&sink.mails().pop().unwrap());
    assert_eq!(verified(&mail, &record), "True", "{mail}");
    assert_eq!(
        verified(&mail.replace("/unsubscribe/", "/elsewhere/"), &record),
        "False"
    );
    let secret = key.lines().nth(3).unwrap();
    let read = client.get(&format!("/providers/{provider}")).await.ok();
    let events = server.run_ok(&["events", "--format", "json"]);
    for said in [read.to_string(), events, server.log()] {
        assert!(!said.contains(secret), "{said}");
    }
}
