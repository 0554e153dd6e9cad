//! Tokens of templates, replaced in mails that arrive at an independent mail server.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use crate::harness::{MailRecorder, Mailing, Received, Setup, smtp_provider, unique_name};

/// Sends this template to a contact with these fields; answers the mail that the recorder got.
async fn received(template: serde_json::Value, mut contact: serde_json::Value) -> Received {
    let database = crate::harness::Database::create().await;
    let server = Setup::on(&database)
        .set("COMPANY", "Acme & Söhne")
        .start()
        .await;
    let recorder = MailRecorder::start(0);
    let admin = server.admin().await;
    smtp_provider(&admin, recorder.port, 1).await;
    let user = server.named_user(&unique_name("sender"), &["user"]).await;
    let mailing = Mailing::saying(&user, template).await;
    let media = format!("/messages/templates/{}/media", mailing.template_id);
    let request = user
        .request("PUT", &media)
        .header("content-type", "application/pdf");
    let request = request.header("content-disposition", "attachment; filename=\"offer.pdf\"");
    user.send(request.body(b"%PDF-1.4 \x00\xff\r\n.\r\nend".to_vec()))
        .await
        .ok();
    user.append(&media, "text/plain", *b"the small print")
        .await
        .ok();
    let email = "reader@example.com";
    contact["email"] = json!(email);
    contact["phone"] = json!("15550100");
    let contact_id = user.post("/contacts", contact).await.id("contact_id");
    let transmission = mailing.to(contact_id).await;
    mailing.send(transmission).await;
    let ended = mailing.ended(transmission).await;
    assert_eq!(ended["status"], "completed", "{ended}");
    recorder.mail_to(email).await
}

#[tokio::test]
async fn a_mail_arrives_filled_escaped_and_with_its_attachments() {
    let mail = received(
        json!({
            "subject": "For [contact:first_name] of [company:name]",
            "body": "<p title=\"[contact:last_name]\">[contact:first_name] [transmission:contact:custom1] [nobody:x]</p>",
            "body_alt": "Plain [contact:first_name], [user:username] wrote [transmission:title]",
        }),
        json!({"first_name": "Zoë <b>", "last_name": "\" onload=\"x", "custom1": "[contact:phone]"}),
    )
    .await;
    assert_eq!(mail.header("subject"), ["For Zoë <b> of Acme & Söhne"]);
    let html = mail.html.as_deref().unwrap();
    assert!(html.contains("Zoë &lt;b&gt;"), "{html}");
    assert!(html.contains("title=\"&quot; onload=&quot;x\""), "{html}");
    assert!(
        html.contains("[contact:phone]"),
        "what was filled in is not looked at again: {html}"
    );
    assert!(
        html.contains("[nobody:x]"),
        "an unknown token stays: {html}"
    );
    let text = mail.text.as_deref().unwrap();
    assert!(text.contains("Plain Zoë <b>, sender"), "{text}");
    assert!(text.contains("wrote a test"), "{text}");
    let attached = &mail.attachments[0];
    assert_eq!(
        (attached.name.as_str(), attached.kind.as_str()),
        ("offer.pdf", "application/pdf")
    );
    assert_eq!(
        STANDARD.decode(&attached.content).unwrap(),
        b"%PDF-1.4 \x00\xff\r\n.\r\nend"
    );
    let small_print = &mail.attachments[1];
    assert_eq!(small_print.kind, "text/plain");
    assert_eq!(
        STANDARD.decode(&small_print.content).unwrap(),
        b"the small print"
    );
    assert!(
        mail.message_id.ends_with("@sender.example>"),
        "{}",
        mail.message_id
    );
    assert!(mail.sender.ends_with("@sender.example"), "{}", mail.sender);
}

#[tokio::test]
async fn no_value_can_add_a_header() {
    let mail = received(
        json!({"subject": "Hi [contact:description]", "body": "<p>[contact:description]</p>"}),
        json!({
            "first_name": "Bob\u{2028}X", "last_name": "O'Neil, <boss@example.org>",
            "description": "x\r\nBcc: victim@example.com\r\nX-Injected: yes\r\n\r\nbody",
        }),
    )
    .await;
    assert_eq!(mail.recipients, ["reader@example.com"]);
    assert_eq!(mail.header("bcc"), Vec::<&str>::new());
    assert_eq!(mail.header("x-injected"), Vec::<&str>::new());
    assert_eq!(mail.header("subject").len(), 1);
    assert_eq!(mail.header("to").len(), 1);
    assert!(
        mail.header("subject")[0].contains("Bcc: victim@example.com"),
        "{:?}",
        mail.headers
    );
}

#[tokio::test]
async fn a_line_of_one_dot_does_not_end_a_mail() {
    let mail = received(
        json!({"subject": "dots", "body": "<p>a\n.\nb\r\n..\r\nQUIT</p>", "body_alt": "a\n.\nb\n..c\nend"}),
        json!({"first_name": "Dot"}),
    )
    .await;
    let text = mail.text.unwrap().replace("\r\n", "\n");
    assert!(text.starts_with("a\n.\nb\n..c\nend"), "{text:?}");
}
