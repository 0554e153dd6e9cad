//! The listeners for mail.

use std::{fs, path::Path, sync::Arc};

use anyhow::Context;
use commands::media::MediaStore;
use gateways::{
    Entrance,
    inbound_mail::{Dialect, MailServer, MailServerConfig, Returns},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_rustls::{TlsAcceptor, rustls};
use tokio_util::sync::CancellationToken;

use crate::config::ReceivingConfig;

/// The running listeners for mail.
pub struct Listening {
    tasks: Vec<JoinHandle<()>>,
    stopping: CancellationToken,
}

impl Listening {
    /// Stops listening, and waits for the conversations under way.
    pub async fn stop(self) {
        self.stopping.cancel();
        for task in self.tasks {
            let _ = task.await;
        }
    }
}

/// The listeners for mail before they are served: the ports are taken, and the certificate is read.
pub struct Bound {
    listeners: Vec<(TcpListener, Dialect)>,
    tls: Option<TlsAcceptor>,
}

impl Bound {
    /// Takes the addresses that are set, and reads the certificate.
    ///
    /// # Errors
    /// When an address is taken, or the certificate cannot be used.
    pub async fn bind(config: &ReceivingConfig) -> anyhow::Result<Self> {
        let tls = match &config.certificate {
            Some((certificate, key)) => Some(acceptor(certificate, key)?),
            None => None,
        };
        let mut listeners = Vec::new();
        for (name, address, dialect) in [
            ("LEDGERLINE_LMTP_LISTEN", config.lmtp, Dialect::Lmtp),
            ("LEDGERLINE_SMTP_LISTEN", config.smtp, Dialect::Smtp),
        ] {
            let Some(address) = address else { continue };
            let listener = TcpListener::bind(address).await;
            let listener =
                listener.with_context(|| format!("{name}: cannot listen on {address}"))?;
            listeners.push((listener, dialect));
        }
        Ok(Self { listeners, tls })
    }

    /// Serves the listeners.
    ///
    /// # Errors
    /// When the system does not tell the address of a listener.
    pub fn serve(
        self,
        config: &ReceivingConfig,
        host: String,
        entrance: &Entrance,
        returns: &Returns,
        media: &MediaStore,
    ) -> anyhow::Result<Listening> {
        let mut common = MailServerConfig::new(host, config.mail_limit);
        common.tls = self.tls;
        let mut listening = Listening {
            tasks: Vec::new(),
            stopping: CancellationToken::new(),
        };
        for (listener, dialect) in self.listeners {
            let spoken = match dialect {
                Dialect::Lmtp => "lmtp",
                Dialect::Smtp => "smtp",
            };
            tracing::info!(address = %listener.local_addr()?, "mail comes in by {spoken}");
            // Each listener has its own, so that strangers take no room from the mail server that
            // hands over.
            let (entrance, returns) = (entrance.clone(), returns.clone());
            let mail_server = MailServer::new(common.clone(), entrance, returns, media.clone());
            let stopping = listening.stopping.clone();
            let served = mail_server.serve(listener, dialect, stopping);
            listening.tasks.push(tokio::spawn(served));
        }
        Ok(listening)
    }
}

fn acceptor(certificate: &Path, key: &Path) -> anyhow::Result<TlsAcceptor> {
    let name = "LEDGERLINE_SMTP_CERTIFICATE";
    let read = |path: &Path| fs::read(path).with_context(|| format!("{name}: {}", path.display()));
    let certificates: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(&read(certificate)?).collect();
    let certificates = certificates.with_context(|| format!("{name}: is no PEM"))?;
    let key = PrivateKeyDer::from_pem_slice(&read(key)?)
        .with_context(|| format!("{name}_KEY: is no key in PEM"))?;
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .with_context(|| format!("{name}: the key and the certificate do not fit"))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
