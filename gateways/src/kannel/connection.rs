//! A connection to sendsms, ours from the first byte to the last answer.

use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, StatusCode, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::time::{Duration, Instant};
use tokio_rustls::TlsConnector;

use super::KannelConfig;
use crate::{network::without_brackets, tls};

/// A longer answer is none that we know.
const ANSWER: usize = 64 * 1024;
/// Kannel closes a connection that is idle for longer; then a request may be lost on it.
const IDLE: Duration = Duration::from_secs(5);

/// One connection.
pub(super) struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    used: Instant,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: StatusCode,
    /// Nothing if it broke off, or is too long to be one.
    pub body: Option<Bytes>,
}

/// What went wrong, and whether the request may have been taken.
#[derive(Debug)]
pub(super) struct Lost {
    pub sent: bool,
    pub reason: String,
}

impl Connection {
    /// Connects, with TLS if there is a configuration for it.
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

    /// Whether a request can be sent on it.
    pub fn is_sound(&self) -> bool {
        self.sender.is_ready() && self.used.elapsed() < IDLE
    }

    /// Sends a request and reads its answer.
    pub async fn send(&mut self, request: Request<Vec<u8>>) -> Result<Answer, Lost> {
        let request = request.map(|body| Full::new(Bytes::from(body)));
        let answer = self.sender.try_send_request(request).await;
        let answer = answer.map_err(|mut error| Lost {
            // hyper gives back what has not begun to go out.
            sent: error.take_message().is_none(),
            reason: error.error().to_string(),
        })?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER).collect().await;
        let body = body.map(|body| body.to_bytes()).ok();
        self.used = Instant::now();
        // Without it the connection does not become ready for the next part.
        let _ = self.sender.ready().await;
        let status = head.status;
        Ok(Answer { status, body })
    }
}

async fn handshake<S>(stream: TokioIo<S>) -> hyper::Result<http1::SendRequest<Full<Bytes>>>
where
    TokioIo<S>: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (sender, connection) = http1::handshake(stream).await?;
    // Ends with the sender, or with the other side.
    tokio::spawn(connection);
    Ok(sender)
}
