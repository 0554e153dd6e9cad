//! Connections of clients: how long they may dawdle, and how they end.
//!
//! axum's own `serve` sets no limit for the headers of a request, so that whoever sends
//! them slowly enough holds a connection for ever.

use std::{io::ErrorKind, net::SocketAddr, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo, http::Request};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// How long to wait when the system has no connection to give.
const SHORTAGE: Duration = Duration::from_secs(1);

/// A listener at work.
pub struct Http {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl Http {
    /// Serves whoever connects. A connection that takes longer than `headers` to send
    /// those of a request, or to begin the next one, is closed.
    pub fn serve(listener: TcpListener, router: Router, headers: Duration) -> Self {
        let stop = CancellationToken::new();
        Self {
            task: tokio::spawn(accept(listener, router, headers, stop.clone())),
            stop,
        }
    }

    /// Takes no more requests and waits for those under way; whether they all ended.
    pub async fn stop(self, within: Duration) -> bool {
        self.stop.cancel();
        tokio::time::timeout(within, self.task).await.is_ok()
    }
}

async fn accept(listener: TcpListener, router: Router, headers: Duration, stop: CancellationToken) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(headers);
    let open = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = connection(&http, &router, open.watcher(), stream, peer);
                tokio::spawn(connection);
            }
            Err(error) if is_of_one_connection(error.kind()) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted");
                tokio::time::sleep(SHORTAGE).await;
            }
        }
    }
    drop(listener);
    open.shutdown().await;
}

fn connection(
    http: &http1::Builder,
    router: &Router,
    open: Watcher,
    stream: TcpStream,
    peer: SocketAddr,
) -> impl Future<Output = ()> + use<> {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "answers may wait for Nagle");
    }
    let service = router
        .clone()
        .map_request(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            request.map(Body::new)
        });
    let service = TowerToHyperService::new(service);
    let connection = open.watch(http.serve_connection(TokioIo::new(stream), service));
    async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection ended");
        }
    }
}

fn is_of_one_connection(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    )
}
