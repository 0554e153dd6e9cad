//! A bind that is kept open: opened, watched, and opened again when it is lost.

use std::{sync::Arc, time::Duration};

use backoff::Backoff;
use dispatch::exclusive_lease::Tenure;
use rusmpp::{CommandId, CommandStatus, Pdu};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    time::{Instant, timeout},
};
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

use super::{
    SmppConfig, answer,
    config::{Credentials, Way},
    incoming::Incoming,
    pdu::Frame,
    session::{Session, Timing},
};
use crate::{network::without_brackets, tls};

/// The pauses after failed binds.
const REBINDS: Backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(30));
/// The duration of a bind after which the pauses start anew; shorter ones count as failed.
const STEADY: Duration = Duration::from_secs(10);
/// The time-out of an unbind.
const GOODBYE: Duration = Duration::from_secs(2);

/// The state of a bind.
#[derive(Clone, Debug)]
pub(super) enum LinkState {
    /// Being opened.
    Opening,
    /// Bound.
    Up(Session),
    /// Not available at the moment, for this reason.
    Down(String),
}

/// A bind, reopened as often as needed.
#[derive(Debug)]
pub(super) struct Link {
    pub way: Way,
    state: watch::Sender<LinkState>,
    /// The window: one permit for each request that may await its response.
    window: Arc<Semaphore>,
}

/// Opens binds.
pub(super) struct Opener {
    pub config: SmppConfig,
    pub credentials: Credentials,
    pub tls: Option<TlsConnector>,
    pub stopping: CancellationToken,
}

impl Link {
    pub fn new(way: Way, window: usize) -> Self {
        Self {
            way,
            state: watch::Sender::new(LinkState::Opening),
            window: Arc::new(Semaphore::new(window)),
        }
    }

    pub fn state(&self) -> LinkState {
        self.state.borrow().clone()
    }

    /// Subscribes to the state of the bind.
    pub fn follow(&self) -> watch::Receiver<LinkState> {
        self.state.subscribe()
    }

    /// The number of free places in the window.
    pub fn room(&self) -> usize {
        self.window.available_permits()
    }

    /// Waits for a place in the window.
    pub async fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.window).acquire_owned().await.ok()
    }

    fn say(&self, state: LinkState) {
        self.state.send_replace(state);
    }

    /// Keeps the bind open until the gateway stops; one that has a lease, while it is held.
    pub async fn keep(
        self: Arc<Self>,
        opener: Arc<Opener>,
        incoming: Incoming,
        mut lease: Option<Tenure>,
    ) {
        let mut backoff = REBINDS;
        loop {
            if let Some(lease) = &mut lease {
                self.say(LinkState::Opening);
                tokio::select! {
                    () = lease.begins() => {}
                    () = opener.stopping.cancelled() => return,
                }
            }
            match opener.open(self.way).await {
                Ok((session, delivered)) => {
                    let opened = Instant::now();
                    self.say(LinkState::Up(session.clone()));
                    tokio::select! {
                        () = attend(&opener, &session, delivered, &incoming) => {}
                        () = lost(&mut lease) => session.close(),
                    }
                    if opener.stopping.is_cancelled() {
                        return self.leave(&opener, &session).await;
                    }
                    if opened.elapsed() >= STEADY {
                        backoff.reset();
                    }
                    self.say(if backoff.is_reset() {
                        LinkState::Opening
                    } else {
                        LinkState::Down("the message centre ends the bind soon".to_owned())
                    });
                }
                Err(reason) => {
                    tracing::warn!(provider.id = %opener.config.provider, %reason, "no SMPP bind");
                    self.say(LinkState::Down(reason));
                }
            }
            let spread = backoff.take().mul_f64(0.5 + rand::random::<f64>() / 2.0);
            tokio::select! {
                () = tokio::time::sleep(spread) => {}
                () = opener.stopping.cancelled() => return,
            }
        }
    }

    /// Unbinds when the outstanding requests have their responses.
    async fn leave(&self, opener: &Opener, session: &Session) {
        let all = u32::try_from(opener.config.settings.window).unwrap_or(u32::MAX);
        let time_limit = Duration::from_secs(opener.config.settings.timeout_seconds);
        let _ = timeout(time_limit, self.window.acquire_many(all)).await;
        self.say(LinkState::Down(
            "the provider is not used any more".to_owned(),
        ));
        let _ = timeout(GOODBYE, session.request(Pdu::Unbind)).await;
        session.close();
    }
}

/// Waits until the lease is lost; for ever without one.
async fn lost(lease: &mut Option<Tenure>) {
    match lease {
        Some(lease) => lease.ends().await,
        None => std::future::pending().await,
    }
}

/// Handles deliveries until the session is closed or the gateway stops.
async fn attend(
    opener: &Opener,
    session: &Session,
    mut delivered: mpsc::Receiver<Frame>,
    incoming: &Incoming,
) {
    loop {
        let frame = tokio::select! {
            frame = delivered.recv() => frame,
            () = session.closed() => return,
            () = opener.stopping.cancelled() => return,
        };
        let Some(frame) = frame else { return };
        if frame.id == CommandId::DeliverSm {
            incoming.take(session.clone(), frame).await;
        }
    }
}

impl Opener {
    async fn open(&self, way: Way) -> Result<(Session, mpsc::Receiver<Frame>), String> {
        let time_limit = Duration::from_secs(self.config.settings.timeout_seconds);
        let opening = async {
            let (session, delivered) = self.connect(time_limit).await?;
            match self.bind(&session, way).await {
                Ok(()) => Ok((session, delivered)),
                Err(reason) => {
                    session.close();
                    Err(reason)
                }
            }
        };
        timeout(time_limit, opening)
            .await
            .map_err(|_| "the message centre did not answer in time".to_owned())?
    }

    async fn connect(
        &self,
        time_limit: Duration,
    ) -> Result<(Session, mpsc::Receiver<Frame>), String> {
        let SmppConfig {
            host,
            port,
            networks,
            settings,
            ..
        } = &self.config;
        let unreached =
            |error: std::io::Error| format!("the message centre cannot be reached: {error}");
        let host = without_brackets(host);
        let stream = networks.connect(host, *port).await.map_err(unreached)?;
        let timing = Timing {
            time_limit,
            enquire: Duration::from_secs(settings.enquire_seconds),
        };
        Ok(match &self.tls {
            None => Session::start(stream, timing),
            Some(tls) => {
                let stream = tls::connect(tls, host, stream).await.map_err(unreached)?;
                Session::start(stream, timing)
            }
        })
    }

    async fn bind(&self, session: &Session, way: Way) -> Result<(), String> {
        let answer = session.request(self.credentials.request(way)).await;
        let answer = answer.map_err(|lost| format!("while binding {}", lost.reason))?;
        match answer.status {
            CommandStatus::EsmeRok => Ok(()),
            status => {
                let words = answer::words(status);
                Err(format!("the message centre does not let us bind: {words}"))
            }
        }
    }
}
