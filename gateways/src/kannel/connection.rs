//! An HTTP connection to sendsms, with control over what was sent on it.

use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, StatusCode, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::time::{Duration, Instant, timeout};
use tokio_rustls::TlsConnector;

use super::KannelConfig;
use crate::{network::without_brackets, pool::Reusable, tls};

/// The most bytes of a response body; a longer one counts as missing.
const ANSWER: usize = 64 * 1024;
/// The idle time after which a connection is not used any more: Kannel closes those that are
/// idle for longer, and a request may be lost on one.
const IDLE: Duration = Duration::from_secs(5);
/// The time within which a connection is ready again after an answer.
const READY: Duration = Duration::from_millis(100);

/// A connection to sendsms.
pub(super) struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    used: Instant,
}

/// A response of sendsms.
#[derive(Debug)]
pub(super) struct HttpResponse {
    pub status: StatusCode,
    /// The body; `None` if it broke off, or is too long.
    pub body: Option<Bytes>,
}

/// The error of a request without a response; `sent` is true if it may have been accepted.
#[derive(Debug)]
pub(super) struct Lost {
    pub sent: bool,
    pub reason: String,
}

impl Connection {
    /// Connects, with TLS if there is a connector.
    pub async fn open(config: &KannelConfig, connector: Option<&TlsConnector>) -> io::Result<Self> {
        let host = without_brackets(&config.host);
        let stream = config.networks.connect(host, config.port).await?;
        let sender = match connector {
            None => handshake(TokioIo::new(stream)).await,
            Some(connector) => {
                let stream = tls::connect(connector, host, stream).await?;
                handshake(TokioIo::new(stream)).await
            }
        };
        Ok(Self {
            sender: sender.map_err(io::Error::other)?,
            used: Instant::now(),
        })
    }

    /// Sends a request and reads its response.
    pub async fn send(&mut self, request: Request<Vec<u8>>) -> Result<HttpResponse, Lost> {
        let request = request.map(|body| Full::new(Bytes::from(body)));
        let answer = self.sender.try_send_request(request).await;
        let answer = answer.map_err(|mut error| Lost {
            // hyper gives back a request of which nothing was written.
            sent: error.take_message().is_none(),
            reason: error.error().to_string(),
        })?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER).collect().await;
        let body = body.map(|body| body.to_bytes()).ok();
        self.used = Instant::now();
        // Without this the connection does not become ready for the next part. The answer is there:
        // a peer that delays must not turn it into a time-out.
        let _ = timeout(READY, self.sender.ready()).await;
        let status = head.status;
        Ok(HttpResponse { status, body })
    }
}

impl Reusable for Connection {
    fn is_sound(&self) -> bool {
        self.sender.is_ready() && !self.is_stale()
    }

    fn is_stale(&self) -> bool {
        self.used.elapsed() >= IDLE
    }

    async fn revive(&mut self, _until: Instant) -> bool {
        self.is_sound()
    }
}

async fn handshake<S>(stream: TokioIo<S>) -> hyper::Result<http1::SendRequest<Full<Bytes>>>
where
    TokioIo<S>: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (sender, connection) = http1::handshake(stream).await?;
    // Ends when the sender is dropped, or when the other side closes.
    tokio::spawn(connection);
    Ok(sender)
}
