//! Connections of clients: their number, their time limits, and their end.
//!
//! axum's own `serve` limits neither the number of connections nor the time for the headers of a
//! request, so that a client that sends them slowly enough holds a connection for ever.

mod connections;
mod files;
mod listeners;

use std::{
    io::ErrorKind,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Once},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes, HttpBody},
    extract::ConnectInfo,
    http::{HeaderMap, Request, Response},
};
use hyper::{
    body::{Frame, Incoming, SizeHint},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::Instant,
};
use tokio_io_timeout::TimeoutStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

use self::connections::{Busy, Connections, Place};
pub use self::listeners::{Bound, Listeners};

/// The pause when the system has no connection to give and none is closed.
const SHORTAGE: Duration = Duration::from_secs(1);
/// The time between two lines in the log about a shortage.
const SAID_EVERY: Duration = Duration::from_secs(10);
/// Time limit for a connection that is shed to send the end of its last answer.
const LAST_BYTES: Duration = Duration::from_millis(250);
/// Bytes of headers, and of a body that is not read yet, that a connection has in memory.
const BUFFER: usize = 64 << 10;

/// A running HTTP server on one listener.
pub struct Http {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

/// The settings of every connection of a listener.
#[derive(Clone)]
pub struct HttpConfig {
    /// Time limit for a connection to send the headers of a request, to begin the next one, or to
    /// take some of an answer.
    pub header_timeout: Duration,
    /// True if clients come through a proxy.
    pub trust_proxy: bool,
    /// The table of open connections, with its limits.
    pub connections: Connections,
}

impl Http {
    /// Serves every connection that is accepted.
    pub fn serve(listener: TcpListener, router: Router, config: HttpConfig) -> Self {
        let stop = CancellationToken::new();
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(config.header_timeout)
            .max_buf_size(BUFFER);
        let acceptor = Acceptor {
            http,
            router,
            config,
            stop: stop.clone(),
        };
        Self {
            task: tokio::spawn(acceptor.accept(listener)),
            stop,
        }
    }

    /// Takes no more requests and waits for those under way; true if they all ended in time.
    pub async fn stop(self, within: Duration) -> bool {
        self.stop.cancel();
        tokio::time::timeout(within, self.task).await.is_ok()
    }
}

#[derive(Clone)]
struct Acceptor {
    http: http1::Builder,
    router: Router,
    config: HttpConfig,
    stop: CancellationToken,
}

impl Acceptor {
    async fn accept(self, listener: TcpListener) {
        let (open, mut said) = (TaskTracker::new(), None);
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.stop.cancelled() => break,
            };
            match accepted {
                Ok((stream, peer)) => {
                    if let Some(place) = self.config.connections.admit(peer.ip()) {
                        open.spawn(self.clone().attend(stream, peer, place));
                    }
                }
                Err(error) if is_of_one_connection(error.kind()) => {}
                Err(error) => {
                    if said.is_none_or(|at: Instant| at.elapsed() > SAID_EVERY) {
                        tracing::error!(%error, "no connection can be accepted");
                        said = Some(Instant::now());
                    }
                    self.config.connections.shed_one(SHORTAGE).await;
                }
            }
        }
        drop(listener);
        open.close();
        open.wait().await;
    }

    /// Serves a connection to its end.
    async fn attend(self, stream: TcpStream, peer: SocketAddr, place: Place) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "answers may wait for Nagle");
        }
        let place = Arc::new(place);
        let (router, trust_proxy) = (self.router, self.config.trust_proxy);
        let own = Arc::clone(&place);
        let service = service_fn(move |request: Request<Incoming>| {
            if !trust_proxy {
                warn_of_proxy(request.headers());
            }
            answer(router.clone(), Arc::clone(&own), peer, request)
        });
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.config.header_timeout));
        let stream = TokioIo::new(Box::pin(stream));
        let connection = self.http.serve_connection(stream, service);
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => Some(ended),
            () = place.shed().cancelled() => {
                connection.as_mut().graceful_shutdown();
                tokio::time::timeout(LAST_BYTES, connection.as_mut()).await.ok()
            }
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                Some(connection.as_mut().await)
            }
        };
        if let Some(Err(error)) = ended {
            tracing::debug!(%error, "a connection ended");
        }
    }
}

/// The answer to a request. The connection is busy until the last of it is sent.
async fn answer(
    router: Router,
    place: Arc<Place>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, std::convert::Infallible> {
    let busy = place.begin();
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    let response = router.oneshot(request).await?;
    Ok(response.map(|body| Body::new(BusyBody { body, _busy: busy })))
}

/// The body of an answer; the connection is busy until its end.
struct BusyBody {
    body: Body,
    _busy: Busy,
}

impl HttpBody for BusyBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Logs once that clients seem to come through a proxy that is not trusted.
fn warn_of_proxy(headers: &HeaderMap) {
    static SAID: Once = Once::new();
    if headers.contains_key("x-forwarded-for") {
        SAID.call_once(|| {
            tracing::warn!(
                "a request came with X-Forwarded-For, which is not believed: behind a proxy set \
                 LEDGERLINE_TRUST_PROXY=true, or all its clients count as one address"
            );
        });
    }
}

fn is_of_one_connection(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    )
}
