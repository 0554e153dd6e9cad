//! The inbound mail server: a listener that speaks LMTP (RFC 2033) or SMTP (RFC 5321).
//!
//! Accepted is only mail to an account with a program that receives mail, and bounces and
//! complaints about sent mails ([`Returns`]). Each answer of success means that the mail is
//! on record. Mail is never relayed.

pub(crate) mod bounce;
mod bounds;
pub(crate) mod complaint;
mod guarded;
pub(crate) mod letter;
mod report;
mod returns;
mod session;
mod structure;
#[cfg(test)]
mod tests;
pub mod wire;

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use commands::media::MediaStore;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::session::{Next, Session};
use crate::Entrance;

pub use self::returns::Returns;

/// The protocol of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// LMTP, for a mail server in front of this one; answers for each recipient.
    Lmtp,
    /// SMTP, for any client.
    Smtp,
}

/// The default limit of concurrent connections to the mail server.
pub const CONNECTIONS: usize = 200;

/// The configuration of the mail server.
#[derive(Clone)]
pub struct MailServerConfig {
    /// The name of this host, in greetings.
    pub host: String,
    /// The most bytes of a mail.
    pub limit: usize,
    /// The most concurrent connections, in total and from one address.
    pub connections: (usize, usize),
    /// The time-out while the client sends nothing.
    pub time_limit: Duration,
    /// The time limit of a whole mail, and of the time between two mails.
    pub whole_patience: Duration,
    /// The most bytes of mails in memory, over all connections.
    pub memory: usize,
    /// The TLS acceptor of STARTTLS; without it STARTTLS is not offered.
    pub tls: Option<TlsAcceptor>,
}

impl MailServerConfig {
    /// The default settings, for a host of this name.
    pub fn new(host: String, limit: usize) -> Self {
        Self {
            host,
            limit,
            connections: (CONNECTIONS, 50),
            time_limit: Duration::from_secs(120),
            whole_patience: Duration::from_secs(600),
            memory: (128 << 20).max(4 * limit),
            tls: None,
        }
    }
}

/// The inbound mail server. Clones share its limits.
#[derive(Clone)]
pub struct MailServer(Arc<Inner>);

struct Inner {
    config: MailServerConfig,
    entrance: Entrance,
    returns: Returns,
    media: MediaStore,
    room: Arc<Semaphore>,
    /// One permit for each [`PIECE`] of a mail.
    memory: Semaphore,
    from: Mutex<HashMap<IpAddr, usize>>,
}

/// The answer to a mail that could not be recorded and can be sent again.
const LATER: &str = "451 4.3.0 try again later";

/// The unit in which memory for mails is allotted, in bytes.
const PIECE: usize = 64 << 10;

impl MailServer {
    /// Creates a server that records mails through `entrance`, and stores files in `media`.
    pub fn new(
        config: MailServerConfig,
        entrance: Entrance,
        returns: Returns,
        media: MediaStore,
    ) -> Self {
        Self(Arc::new(Inner {
            room: Arc::new(Semaphore::new(config.connections.0)),
            memory: Semaphore::new(config.memory / PIECE),
            from: Mutex::default(),
            entrance,
            returns,
            media,
            config,
        }))
    }

    /// Serves a listener until it is stopped, then waits up to 10 s for the open sessions.
    pub async fn serve(self, listener: TcpListener, dialect: Dialect, stopping: CancellationToken) {
        let tasks = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = stopping.cancelled() => break,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let (this, stopping) = (self.clone(), stopping.clone());
                    tasks.spawn(async move { this.attend(stream, peer, dialect, stopping).await });
                }
                Err(error) => {
                    // A transient error, such as a lack of file descriptors.
                    tracing::warn!(%error, "a mail connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        tasks.close();
        let _ = timeout(Duration::from_secs(10), tasks.wait()).await;
    }

    async fn attend(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        dialect: Dialect,
        stopping: CancellationToken,
    ) {
        let _ = stream.set_nodelay(true);
        let place = Arc::clone(&self.0.room).try_acquire_owned();
        let (Ok(_place), Some(_mine)) = (place, Visit::admit(&self, peer.ip())) else {
            metrics::counter!("ledgerline_mail_connections_refused_total").increment(1);
            let _ = refuse(stream, &self.0.config.host).await;
            return;
        };
        let ended = self.converse(stream, dialect, stopping).await;
        if let Err(error) = ended {
            tracing::debug!(%error, "a mail connection ends");
        }
    }

    async fn converse(
        &self,
        stream: TcpStream,
        dialect: Dialect,
        stopping: CancellationToken,
    ) -> io::Result<()> {
        let session = Session::new(self, dialect, false, stopping.clone());
        let stream = match session.run(stream).await? {
            Next::Done => return Ok(()),
            Next::Encrypt(stream) => stream,
        };
        let Some(tls) = &self.0.config.tls else {
            return Ok(());
        };
        let encrypted = timeout(self.0.config.time_limit, tls.accept(stream)).await??;
        let session = Session::new(self, dialect, true, stopping);
        session.run(encrypted).await.map(drop)
    }
}

/// Answers that there are too many connections, and hangs up.
async fn refuse(mut stream: TcpStream, host: &str) -> io::Result<()> {
    use tokio::io::AsyncWriteExt;
    let words = format!("421 4.7.0 {host} has too many connections, try again later\r\n");
    timeout(Duration::from_secs(1), stream.write_all(words.as_bytes())).await??;
    stream.shutdown().await
}

/// A connection of an address, counted until it is dropped.
struct Visit {
    mail_server: MailServer,
    address: IpAddr,
}

impl Visit {
    fn admit(mail_server: &MailServer, address: IpAddr) -> Option<Self> {
        let address = one_host(address);
        let mut from = mail_server.visitors();
        let count = from.entry(address).or_default();
        if *count >= mail_server.0.config.connections.1 {
            return None;
        }
        *count += 1;
        drop(from);
        Some(Self {
            mail_server: mail_server.clone(),
            address,
        })
    }
}

/// The part of an address that one host cannot change at will: a host with an IPv6 address
/// can choose the last 64 bits of it.
fn one_host(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(network.into())
        }
        address => address,
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut from = self.mail_server.visitors();
        if let Some(count) = from.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                from.remove(&self.address);
            }
        }
    }
}

impl MailServer {
    fn visitors(&self) -> std::sync::MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.from.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
