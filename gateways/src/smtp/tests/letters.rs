//! The mails that arrive, parsed by Python's email package.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use domain::delivery::Outcome::{Delivered, Rejected};
use serde_json::{Value, json};

use super::{config, email, gateway, granted, peers::Aiosmtpd, send};
use crate::{
    email::{Attachment, Email},
    smtp::{SmtpConfig, Verp},
};

/// Sends an email and returns the mail as parsed at the other end.
async fn arrived(email: Email) -> Value {
    let peer = Aiosmtpd::start(&[]);
    let report = send(&gateway(config(peer.port)), "ok@peer.test", email).await;
    assert_eq!(report.outcome, Delivered, "{}", report.response);
    let mail = peer.log().mail();
    assert_eq!(mail["defects"], json!([]), "{mail}");
    assert_eq!(mail["bare"], 0, "{mail}");
    assert!(mail["longest"].as_u64().unwrap() <= 998, "{mail}");
    mail
}

#[tokio::test]
async fn a_mail_has_a_plain_and_an_html_body_and_the_headers_it_needs() {
    let mail = arrived(email()).await;
    assert_eq!(mail["type"], "multipart/alternative");
    assert_eq!(mail["text"].as_str().unwrap().trim_end(), "Hello");
    assert_eq!(mail["html"].as_str().unwrap().trim_end(), "<p>Hello</p>");
    let headers = &mail["headers"];
    assert_eq!(headers["from"], "Desk <desk@sender.example>");
    assert_eq!(headers["to"], "Ada <ok@peer.test>");
    assert_eq!(headers["subject"], "Hello");
    assert_eq!(headers["date"], "Fri, 02 Jan 2026 03:04:05 +0000");
    assert_eq!(headers["mime-version"], "1.0");
    let id = headers["message-id"].as_str().unwrap();
    assert!(
        id.starts_with("<spool-7.") && id.ends_with("@sender.example>"),
        "{id}"
    );
    let sender = mail["sender"].as_str().unwrap();
    let (local_part, domain) = sender.split_once('@').unwrap();
    assert_eq!(domain, "sender.example");
    assert_eq!(
        Verp::new(b"key".to_vec().into()).bounced(local_part),
        Some(domain::Id::new(7))
    );
}

#[tokio::test]
async fn a_mail_sent_twice_has_one_message_id() {
    let (first, second) = (arrived(email()).await, arrived(email()).await);
    assert_eq!(
        first["headers"]["message-id"],
        second["headers"]["message-id"]
    );
}

#[tokio::test]
async fn a_mail_without_a_sender_comes_from_the_provider() {
    let peer = Aiosmtpd::start(&[]);
    let config = SmtpConfig {
        from_domain: "shop.example".to_owned(),
        verp_domain: Some("bounces.example".to_owned()),
        ..config(peer.port)
    };
    let unsigned = Email {
        from: None,
        from_name: None,
        ..email()
    };
    send(&gateway(config), "ok@peer.test", unsigned).await;
    let mail = peer.log().mail();
    assert_eq!(mail["headers"]["from"], "noreply@shop.example");
    assert!(
        mail["sender"]
            .as_str()
            .unwrap()
            .ends_with("@bounces.example")
    );
}

#[tokio::test]
async fn attachments_and_foreign_names_arrive_as_they_are() {
    let bytes = Bytes::from((0..=255).cycle().take(10_000).collect::<Vec<u8>>());
    let attached = |name: &str, content_type: &str| Attachment {
        file_name: name.to_owned(),
        content_type: content_type.to_owned(),
        content: bytes.clone(),
    };
    let long = format!("{}.txt", "long ".repeat(30));
    let mail = arrived(Email {
        from_name: Some("Müller, \"Ünal\" & Söhne".to_owned()),
        to_name: Some("عمر 😀".to_owned()),
        subject: "Grüße — рус 日本語 ".repeat(12),
        attachments: vec![
            attached("Rechnung für März €.pdf", "application/pdf"),
            attached(&long, "text/csv"),
            attached("../../etc/pass\"wd\r\nX: y", "nonsense\r\nX: y"),
            attached("", "multipart/mixed"),
        ],
        ..email()
    })
    .await;
    assert_eq!(mail["from_name"], "Müller, \"Ünal\" & Söhne");
    assert_eq!(mail["to_name"], "عمر 😀");
    assert_eq!(
        mail["headers"]["subject"],
        "Grüße — рус 日本語 ".repeat(12).trim_end()
    );
    assert_eq!(mail["type"], "multipart/mixed");
    let files = mail["files"].as_array().unwrap();
    let described: Vec<(&str, &str)> = files
        .iter()
        .map(|file| (file[0].as_str().unwrap(), file[1].as_str().unwrap()))
        .collect();
    assert_eq!(
        described,
        [
            ("Rechnung für März €.pdf", "application/pdf"),
            (long.as_str(), "text/csv"),
            (".._.._etc_pass_wd  X: y", "application/octet-stream"),
            ("attachment", "application/octet-stream"),
        ]
    );
    assert!(files.iter().all(|file| file[2] == files[0][2]));
    assert_eq!(
        files[0][2].as_str().unwrap().len(),
        10_000_usize.div_ceil(3) * 4
    );
}

#[tokio::test]
async fn a_header_cannot_be_broken_out_of() {
    let honest = arrived(email()).await;
    for hostile in [
        "a\r\nBcc: x@y.z\r\n\r\nbody",
        "a\nb",
        "a\rb",
        "a\0b",
        "a\u{7f}\u{1b}[0m\tb",
        "\u{85}\u{2028}\r\n.\r\n",
        "\"><x@y.z>, \\",
        "=?utf-8?q?=0D=0ABcc:_x=40y.z?=",
        &"x".repeat(3_000),
        &"é".repeat(3_000),
        "\r\n",
        " ",
        ".",
        ".net",
        "Mr.",
    ] {
        let mail = arrived(Email {
            from_name: Some(hostile.to_owned()),
            to_name: Some(hostile.to_owned()),
            subject: hostile.to_owned(),
            ..email()
        })
        .await;
        assert_eq!(mail["count"], honest["count"], "{hostile:?}: {mail}");
        assert!(mail["headers"].get("bcc").is_none(), "{hostile:?}: {mail}");
        assert_eq!(
            mail["text"].as_str().unwrap().trim_end(),
            "Hello",
            "{hostile:?}"
        );
        assert!(
            !mail["headers"]["subject"]
                .as_str()
                .unwrap()
                .contains(['\r', '\n']),
            "{mail}"
        );
        assert!(
            mail["headers"]["to"]
                .as_str()
                .unwrap()
                .ends_with("ok@peer.test>")
                || mail["headers"]["to"] == "ok@peer.test",
            "{mail}"
        );
    }
}

#[tokio::test]
async fn a_body_arrives_whole_whatever_its_line_ends_and_dots() {
    for (sent, read) in [
        (".\r\n.\n..\r.a\n\n.", ".\n.\n..\n.a\n\n."),
        ("a\0b", "ab"),
        ("\r\n.\r\nMAIL FROM:<x@y.z>\r\n", "\n.\nMAIL FROM:<x@y.z>\n"),
        ("\n.\nMAIL FROM:<x@y.z>\n", "\n.\nMAIL FROM:<x@y.z>\n"),
        ("\r.\rMAIL FROM:<x@y.z>\r", "\n.\nMAIL FROM:<x@y.z>\n"),
        (
            &format!("{}\n.", "long ".repeat(2_000)),
            &format!("{}\n.", "long ".repeat(2_000)),
        ),
        ("Grüße\n.\n", "Grüße\n.\n"),
        ("рус.日本語\n.\n", "рус.日本語\n.\n"),
        ("", ""),
    ] {
        let mail = arrived(Email {
            text: sent.to_owned(),
            html: Some(sent.to_owned()),
            ..email()
        })
        .await;
        for part in ["text", "html"] {
            let got = mail[part].as_str().unwrap();
            assert_eq!(
                got.trim_end_matches('\n'),
                read.trim_end_matches('\n'),
                "{sent:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_plain_mail_is_one_part() {
    let mail = arrived(Email {
        html: None,
        ..email()
    })
    .await;
    assert_eq!(
        (&mail["type"], &mail["html"]),
        (&json!("text/plain"), &Value::Null)
    );
}

#[tokio::test]
async fn international_addresses_need_a_server_that_takes_them() {
    let peer = Aiosmtpd::start(&[]);
    let report = send(&gateway(config(peer.port)), "okмир@peer.test", email()).await;
    assert_eq!(report.outcome, Delivered, "{}", report.response);
    assert_eq!(peer.log().mail()["to"], "okмир@peer.test");
    // A domain has an ASCII form, which every server takes.
    let peer = Aiosmtpd::start(&["--no-utf8"]);
    let report = send(&gateway(config(peer.port)), "ok@bücher.example", email()).await;
    assert_eq!(report.outcome, Delivered, "{}", report.response);
    assert_eq!(peer.log().mail()["to"], "ok@xn--bcher-kva.example");
    let old = Aiosmtpd::start(&["--no-utf8"]);
    for (to, from) in [
        ("okмир@peer.test", "a@b.example"),
        ("ok@peer.test", "мир@b.example"),
    ] {
        let email = Email {
            from: granted(from),
            ..email()
        };
        let report = send(&gateway(config(old.port)), to, email).await;
        assert_eq!(report.outcome, Rejected);
        assert!(report.response.contains("SMTPUTF8"), "{}", report.response);
    }
    assert!(old.log().all("mail").is_empty());
}

#[tokio::test]
async fn an_address_that_could_break_the_envelope_is_refused_unsent() {
    let peer = Aiosmtpd::start(&[]);
    let gateway = gateway(config(peer.port));
    for to in [
        "",
        "ok",
        "ok@peer.test>\r\nRCPT TO:<x@y.z",
        "ok@peer.test SIZE=1",
        "\"a\r\nb\"@peer.test",
        "a@b@",
    ] {
        let report = send(&gateway, to, email()).await;
        assert_eq!(
            (report.outcome, report.connected),
            (Rejected, false),
            "{to:?}"
        );
    }
    let report = send(
        &gateway,
        "ok@peer.test",
        Email {
            from: granted("a\r\nb@c"),
            ..email()
        },
    )
    .await;
    assert_eq!(report.outcome, Rejected);
    assert!(peer.log().all("connected").is_empty());
}

#[tokio::test]
async fn an_image_that_the_html_shows_is_inside_and_the_others_are_attached() {
    let file = |name: &str| Attachment {
        file_name: name.to_owned(),
        content_type: "image/png".to_owned(),
        content: Bytes::from_static(b"\x89PNG"),
    };
    let shown = Email {
        html: Some("<p><img src=\"cid:logo.png\">cid:photo.png2</p>".to_owned()),
        attachments: vec![file("logo.png")],
        ..email()
    };
    let raw = |mail: &Value| {
        let raw = STANDARD.decode(mail["raw"].as_str().unwrap()).unwrap();
        String::from_utf8(raw).unwrap()
    };
    let mail = arrived(shown.clone()).await;
    assert_eq!(mail["type"], "multipart/alternative");
    let text = raw(&mail);
    assert!(text.contains("multipart/related"), "{text}");
    assert!(text.contains("Content-ID: <logo.png>"), "{text}");
    assert!(text.contains("Content-Disposition: inline"), "{text}");
    let both = Email {
        attachments: vec![file("logo.png"), file("photo.png")],
        ..shown
    };
    let mail = arrived(both).await;
    assert_eq!(mail["type"], "multipart/mixed");
    let files = mail["files"].as_array().unwrap();
    assert_eq!(files.len(), 1, "{files:?}");
    assert_eq!(files[0][0], "photo.png");
    assert!(raw(&mail).contains("Content-ID: <logo.png>"));
}
