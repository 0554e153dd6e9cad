//! DKIM signatures, verified by dkimpy.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::delivery::{Outcome, SenderRight};
use secrecy::SecretString;
use testkit::python;

use super::{config, email, gateway, granted, owned, peers::Aiosmtpd, send};
use crate::{
    email::{Attachment, Email},
    smtp::{SmtpConfig, SmtpGateway},
};

fn openssl(arguments: &str, input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("openssl")
        .args(arguments.split(' '))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl is missing: apt-get install openssl");
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

/// A key as this command of openssl prints it, and its DNS record.
fn rsa_by(command: &str) -> (String, String) {
    let key = openssl(command, b"");
    let public = openssl("rsa -pubout -outform DER", &key);
    let record = format!("v=DKIM1; k=rsa; p={}", STANDARD.encode(public));
    (String::from_utf8(key).unwrap(), record)
}

fn rsa() -> (String, String) {
    rsa_by("genrsa -traditional 2048")
}

/// A key in PEM and as its seed, and its DNS record.
fn ed25519_forms() -> ([String; 2], String) {
    let pem = openssl("genpkey -algorithm ed25519", b"");
    let key = openssl("pkey -outform DER", &pem);
    let public = openssl("pkey -pubout -outform DER", &pem);
    // Both are the last 32 bytes of their containers (RFC 8410).
    let seed = STANDARD.encode(&key[key.len() - 32..]);
    let public = STANDARD.encode(&public[public.len() - 32..]);
    let pem = String::from_utf8(pem).unwrap();
    ([pem, seed], format!("v=DKIM1; k=ed25519; p={public}"))
}

fn ed25519() -> (String, String) {
    let ([_, seed], record) = ed25519_forms();
    (seed, record)
}

fn signing(port: u16, key: &str) -> SmtpConfig {
    SmtpConfig {
        dkim_selector: Some("s1".to_owned()),
        dkim_key: Some(SecretString::from(key)),
        ..config(port)
    }
}

/// The verdict of dkimpy on a mail signed with this key.
async fn verified(email: Email, key: &str, record: &str) -> String {
    verify(&signed(email, key).await, record)
}

/// A mail as it arrived, signed with this key.
async fn signed(email: Email, key: &str) -> Vec<u8> {
    let peer = Aiosmtpd::start(&[]);
    let report = send(&gateway(signing(peer.port, key)), "ok@peer.test", email).await;
    assert_eq!(report.outcome, Outcome::Delivered, "{report:?}");
    let mail = peer.log().mail();
    STANDARD.decode(mail["raw"].as_str().unwrap()).unwrap()
}

fn verify(mail: &[u8], record: &str) -> String {
    let mut child = Command::new(python())
        .args(["-c", include_str!("verify.py"), record])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(mail).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "dkimpy is missing: run ./dev test");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

const HOLDS: &str = "holds s1._domainkey.sender.example.";

#[tokio::test]
async fn mails_of_every_shape_are_signed_and_hold() {
    let (key, record) = rsa();
    let plain = || Email {
        html: None,
        text: "Hello\n.\n  \n\n\t Grüße \t\n\n\n".to_owned(),
        ..email()
    };
    let attached = Email {
        attachments: vec![Attachment {
            file_name: "ä.pdf".to_owned(),
            content_type: "application/pdf".to_owned(),
            content: vec![0xff; 5_000].into(),
        }],
        subject: "Überlang ".repeat(30),
        ..email()
    };
    let empty = Email {
        text: String::new(),
        ..plain()
    };
    for email in [email(), plain(), attached, empty] {
        assert_eq!(verified(email, &key, &record).await, HOLDS);
    }
}

#[tokio::test]
async fn keys_of_both_kinds_sign_in_each_form_that_openssl_prints() {
    for command in [
        "genrsa -traditional 2048",
        "genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:3072",
    ] {
        let (key, record) = rsa_by(command);
        assert_eq!(verified(email(), &key, &record).await, HOLDS, "{command}");
    }
    let (forms, record) = ed25519_forms();
    for key in forms {
        assert_eq!(verified(email(), &key, &record).await, HOLDS);
    }
}

#[tokio::test]
async fn a_mail_whose_parts_are_divided_anew_does_not_hold() {
    let (key, record) = ed25519();
    let mail = String::from_utf8(signed(email(), &key).await).unwrap();
    assert_eq!(verify(mail.as_bytes(), &record), HOLDS);
    let anew = mail.replacen("multipart/alternative", "multipart/mixed", 1);
    assert_ne!(anew, mail);
    assert!(verify(anew.as_bytes(), &record).starts_with("fails"));
}

#[tokio::test]
async fn a_signature_of_another_key_or_mail_fails() {
    let (key, _) = rsa();
    let (_, another) = rsa();
    assert!(verified(email(), &key, &another).await.starts_with("fails"));
}

#[tokio::test]
async fn nothing_is_signed_for_an_author_of_another_domain() {
    let (key, record) = ed25519();
    let of = |from: &str, right| Email {
        from: owned(from, right),
        ..email()
    };
    for foreign in ["a@other.example", "a@notsender.example"] {
        let trusted = of(foreign, SenderRight::Trusted);
        assert_eq!(verified(trusted, &key, &record).await, "fails", "{foreign}");
    }
    let below = of("a@mail.sender.example", SenderRight::Granted);
    assert_eq!(verified(below, &key, &record).await, HOLDS);
}

#[tokio::test]
async fn mail_that_cannot_be_signed_as_written_goes_as_the_default() {
    let (key, record) = ed25519();
    for (from, right) in [
        ("a@other.example", SenderRight::Granted),
        ("ceo@sender.example", SenderRight::Missing),
    ] {
        let peer = Aiosmtpd::start(&[]);
        let refusing = signing(peer.port, &key);
        let email = || Email {
            from: owned(from, right),
            from_name: Some("ceo@corp.example".to_owned()),
            ..email()
        };
        let report = send(&gateway(refusing.clone()), "ok@peer.test", email()).await;
        assert_eq!(report.outcome, Outcome::Rejected, "{report:?}");
        assert!(report.response.contains("default_sender"), "{report:?}");
        assert!(peer.log().all("connected").is_empty());
        let gateway = gateway(SmtpConfig {
            default_sender: Some("mail@sender.example".to_owned()),
            ..refusing
        });
        let report = send(&gateway, "ok@peer.test", email()).await;
        assert_eq!(report.outcome, Outcome::Delivered, "{report:?}");
        let mail = peer.log().mail();
        assert_eq!(mail["headers"]["from"], "mail@sender.example");
        assert_eq!(mail["headers"]["reply-to"], from);
        let raw = STANDARD.decode(mail["raw"].as_str().unwrap()).unwrap();
        assert_eq!(verify(&raw, &record), HOLDS, "{from}");
    }
}

#[tokio::test]
async fn of_several_domains_the_nearest_to_the_author_signs() {
    let (key, record) = ed25519();
    for (author, domain) in [
        ("a@sender.example", "sender.example"),
        ("a@shop.example", "shop.example"),
        ("a@x.EU.shop.example", "eu.shop.example"),
    ] {
        let peer = Aiosmtpd::start(&[]);
        let domains = ["sender.example", "shop.example", "eu.shop.example"];
        let gateway = gateway(SmtpConfig {
            dkim_domains: domains.map(ToOwned::to_owned).to_vec(),
            ..signing(peer.port, &key)
        });
        let from = granted(author);
        let report = send(&gateway, "ok@peer.test", Email { from, ..email() }).await;
        assert_eq!(report.outcome, Outcome::Delivered, "{report:?}");
        let mail = peer.log().mail();
        let raw = STANDARD.decode(mail["raw"].as_str().unwrap()).unwrap();
        let holds = format!("holds s1._domainkey.{domain}.");
        assert_eq!(verify(&raw, &record), holds, "{author}");
    }
}

#[test]
fn a_key_that_is_none_is_named_and_not_shown() {
    // A key that RFC 8301 advises against.
    let (short, _) = rsa_by("genrsa -traditional 1024");
    let torn = "-----BEGIN RSA PRIVATE KEY-----\nhush\n";
    for key in ["", "hush-hush", torn, &short] {
        let Err(error) = SmtpGateway::new(signing(25, key), super::clock) else {
            panic!("{key:?} is no key");
        };
        let said = error.to_string();
        assert!(said.starts_with("settings.dkim_key"), "{said}");
        assert!(!said.contains("hush"), "{said}");
    }
}
