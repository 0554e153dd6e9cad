//! A server with an inbound mail server, and an account that receives there.

use std::process::Command;

use super::{Client, Database, Postman, Receiving, Server, Setup, scratch_dir};

/// A server with an inbound mail server, and an account that receives there.
pub struct MailDesk {
    pub server: Server,
    pub client: Client,
    pub receiving: Receiving,
}

impl MailDesk {
    pub async fn open() -> Self {
        Self::with(&[]).await
    }

    /// A desk whose server has these settings.
    pub async fn with(settings: &[(&'static str, &str)]) -> Self {
        Self::on(&Database::create().await, settings).await
    }

    /// A desk whose server has this database and these settings.
    pub async fn on(database: &Database, settings: &[(&'static str, &str)]) -> Self {
        let setup = Setup::on(database);
        let set = |setup: Setup, (name, value): &(&'static str, &str)| setup.set(name, value);
        let server = settings.iter().fold(setup, set).start().await;
        let client = server.admin().await;
        let receiving = Receiving::mail(&client).await;
        Self {
            server,
            client,
            receiving,
        }
    }

    /// A desk whose mail server offers STARTTLS.
    pub async fn encrypting() -> Self {
        let (certificate, key) = certificate();
        let settings = [
            ("SMTP_CERTIFICATE", certificate.as_str()),
            ("SMTP_CERTIFICATE_KEY", &key),
        ];
        Self::with(&settings).await
    }

    /// A connection by LMTP, as of a mail server that hands over.
    pub async fn lmtp(&self) -> Postman {
        Postman::greeted(self.server.mail_port("lmtp"), "LHLO tests").await
    }

    /// A connection by SMTP, as of any sender.
    pub async fn smtp(&self) -> Postman {
        Postman::greeted(self.server.mail_port("smtp"), "EHLO tests").await
    }
}

/// A self-signed certificate for `mx.example`, and its key.
fn certificate() -> (String, String) {
    let dir = scratch_dir("certificate");
    let made = Command::new("openssl")
        .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes".split(' '))
        .args("-days 2 -subj /CN=mx.example -keyout key.pem -out certificate.pem".split(' '))
        .current_dir(&dir)
        .output()
        .expect("peer openssl is missing: install openssl");
    assert!(made.status.success(), "{made:?}");
    let file = |name| dir.join(name).display().to_string();
    (file("certificate.pem"), file("key.pem"))
}
