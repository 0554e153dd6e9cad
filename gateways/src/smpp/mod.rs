//! SMPP 3.4, for providers of type `smpp`.
//!
//! Binds are kept open. A message is sent in as many submit_sm as it has parts, one after the
//! other, within the window of a bind. The outcome of an accepted message arrives later in a
//! delivery receipt ([`receipt`]), by the message id in the response.

mod answer;
mod config;
mod incoming;
mod link;
mod message;
pub mod mobile_originated;
pub mod pdu;
pub mod receipt;
mod session;
#[cfg(test)]
mod tests;
mod throttle;

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use dispatch::exclusive_lease::ExclusiveLease;
use domain::delivery::{
    Outcome, ProviderSenders, SenderAddress,
    settings::{Bind, SmppSettings},
};
use rusmpp::pdus::SubmitSm;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

pub use self::config::SmppConfig;
use self::{
    answer::SubmitResult,
    config::Way,
    incoming::Incoming,
    link::{Link, LinkState, Opener},
    session::Session,
    throttle::Throttle,
};
use crate::{
    Accepted, Content, Ended, Gateway, Health, Spool,
    gateway::{self, Counted},
    inbox::Inbox,
    sms::{self, ours},
    tls,
};

/// The name of the adapter's result rows.
const VIA: &str = "submit_sm";

/// The least time that is left for the response, where a message had to wait for its turn.
const ANSWER: Duration = Duration::from_secs(2);

/// Sends short messages through one message centre, and receives its deliveries.
pub struct SmppGateway {
    links: Vec<Arc<Link>>,
    opener: Arc<Opener>,
    opened: OnceLock<()>,
    throttle: Throttle,
    last_error: Mutex<Option<String>>,
    in_flight: AtomicUsize,
}

impl SmppGateway {
    /// Creates an adapter for this message centre, not connected yet.
    ///
    /// # Errors
    /// If its username, password, system_type or certificate is invalid.
    pub fn new(config: SmppConfig) -> Result<Self, String> {
        let settings = &config.settings;
        let authority = settings.ca_certificate.as_deref();
        let tls = settings
            .tls
            .then(|| tls::connector(authority))
            .transpose()?;
        let ways: &[Way] = match settings.bind {
            Bind::Transceiver => &[Way::Both],
            Bind::Transmitter => &[Way::Out],
            Bind::Receiver => &[Way::In],
            Bind::Pair => &[Way::Out, Way::In],
        };
        let window = window(settings);
        let links = (0..settings.connections.max(1)).flat_map(|_| ways);
        let links = links.map(|way| Arc::new(Link::new(*way, window)));
        Ok(Self {
            links: links.collect(),
            opened: OnceLock::new(),
            throttle: Throttle::default(),
            last_error: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            opener: Arc::new(Opener {
                credentials: config.credentials()?,
                tls,
                stopping: CancellationToken::new(),
                config,
            }),
        })
    }

    /// Opens the binds, once.
    fn open(&self, inbox: Option<Arc<dyn Inbox>>) {
        self.opened.get_or_init(|| {
            let incoming = Incoming::new(&self.opener.config, inbox);
            let lease = self.opener.config.receiver_lease.as_ref();
            let tenure = lease.map(ExclusiveLease::apply);
            for link in &self.links {
                let tenure = tenure.clone().filter(|_| link.way == Way::In);
                let (link, opener) = (Arc::clone(link), Arc::clone(&self.opener));
                tokio::spawn(link.keep(opener, incoming.clone(), tenure));
            }
        });
    }

    async fn deliver(
        &self,
        parts: Vec<SubmitSm>,
        until: Instant,
        recorder: &dyn gateway::Session,
    ) -> Ended {
        let (session, _place) = match self.ready(until).await {
            Ok(ready) => ready,
            Err(reason) => {
                self.note(&reason);
                return ours(VIA, Outcome::Unavailable, reason);
            }
        };
        let started = timeout_at(until, recorder.started()).await;
        if !matches!(started, Ok(Ok(()))) || Instant::now() >= until {
            return match started {
                Ok(Err(_)) => Ended::NotOurs,
                _ => late(),
            };
        }
        let count = parts.len();
        let mut message_id = String::new();
        for (taken, part) in parts.into_iter().enumerate() {
            match self.submit(&session, part, until).await {
                SubmitResult::Accepted(id) => message_id = id,
                answer if taken == 0 => return self.refused(answer),
                answer => return self.cut_short(answer, taken, count),
            }
        }
        self.ended(&message_id)
    }

    /// Waits for a bind that sends, and a place in its window.
    async fn ready(&self, until: Instant) -> Result<(Session, OwnedSemaphorePermit), String> {
        loop {
            if self.opener.stopping.is_cancelled() {
                return Err("the provider is not used any more".to_owned());
            }
            let sending = self.links.iter().filter(|link| link.way != Way::In);
            let mut up = Vec::new();
            let mut opening = None;
            let mut reason = "it does not send".to_owned();
            for link in sending {
                let mut follower = link.follow();
                let state = follower.borrow_and_update().clone();
                match state {
                    LinkState::Up(session) if session.is_open() => up.push((link, session)),
                    LinkState::Up(_) | LinkState::Opening => opening = Some(follower),
                    LinkState::Down(why) => reason = why,
                }
            }
            if let Some((link, session)) = up.into_iter().max_by_key(|(link, _)| link.room()) {
                match timeout_at(until, link.place()).await {
                    Ok(Some(place)) if session.is_open() => return Ok((session, place)),
                    Ok(_) => {}
                    Err(_) => return Err("no place in the window became free in time".to_owned()),
                }
                continue;
            }
            let Some(mut opening) = opening else {
                return Err(reason);
            };
            if timeout_at(until, opening.changed()).await.is_err() {
                return Err("the message centre did not answer in time".to_owned());
            }
        }
    }

    /// Sends a part, and repeats it while the message centre throttles.
    async fn submit(&self, session: &Session, part: SubmitSm, until: Instant) -> SubmitResult {
        loop {
            // A turn at the very end would leave no time for the response.
            let last_turn = until.checked_sub(ANSWER).unwrap_or(until);
            if timeout_at(last_turn, self.throttle.turn()).await.is_err() {
                let words = "the message centre had too much to do until the time ran out";
                return SubmitResult::Refused(Outcome::Unavailable, words.to_owned());
            }
            let answer = timeout_at(until, session.request(part.clone())).await;
            let Ok(answer) = answer else {
                let words = "the message centre did not answer in time";
                return SubmitResult::Refused(Outcome::Unknown, words.to_owned());
            };
            match answer::read(answer) {
                SubmitResult::Throttled(words) => {
                    metrics::counter!("ledgerline_smpp_throttled_total").increment(1);
                    self.note(&words);
                    self.throttle.complained();
                }
                answer => {
                    if matches!(answer, SubmitResult::Accepted(_)) {
                        self.throttle.took();
                    }
                    return answer;
                }
            }
        }
    }

    fn refused(&self, answer: SubmitResult) -> Ended {
        let SubmitResult::Refused(outcome, words) = answer else {
            return late();
        };
        self.note(&words);
        sms::report(VIA, outcome, words, true)
    }

    /// Reports a message of which only some parts were accepted: it is never sent again.
    fn cut_short(&self, answer: SubmitResult, taken: usize, count: usize) -> Ended {
        let SubmitResult::Refused(outcome, words) = answer else {
            return late();
        };
        let words = format!("after {taken} of {count} parts were taken: {words}");
        let outcome = match outcome {
            Outcome::Unknown => Outcome::Unknown,
            _ => Outcome::Rejected,
        };
        self.refused(SubmitResult::Refused(outcome, words))
    }

    fn ended(&self, message_id: &str) -> Ended {
        let settings = &self.opener.config.settings;
        let words = format!("taken as {message_id}");
        if !settings.awaits_reports() {
            return sms::report(VIA, Outcome::Delivered, words, true);
        }
        let known_as = receipt::known_as(message_id, settings.message_ids);
        Ended::Accepted(Accepted {
            message_id: Some(known_as).filter(|id| !id.is_empty()),
            report_timeout: Duration::from_secs(settings.report_seconds),
            if_silent: settings.if_silent,
            results: sms::results(VIA, Outcome::Delivered, &words),
        })
    }

    fn note(&self, error: &str) {
        let mut last = self
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *last = Some(error.to_owned());
    }
}

fn window(settings: &SmppSettings) -> usize {
    usize::try_from(settings.window).unwrap_or(1).max(1)
}

fn late() -> Ended {
    ours(
        VIA,
        Outcome::Unavailable,
        "the time ran out before anything was sent",
    )
}

#[async_trait]
impl Gateway for SmppGateway {
    async fn attempt(&self, spool: &Spool, recorder: &dyn gateway::Session) -> Ended {
        let _counted = Counted::new(&self.in_flight);
        let Content::Sms(text) = &spool.content else {
            let reason = "a message centre carries nothing but short messages";
            return ours(VIA, Outcome::Rejected, reason);
        };
        self.open(None);
        match message::parts(&self.opener.config, spool, text) {
            Ok(parts) => self.deliver(parts, spool.until(), recorder).await,
            Err(reason) => ours(VIA, Outcome::Rejected, reason),
        }
    }

    fn listen(&self, inbox: Arc<dyn Inbox>) {
        self.open(Some(inbox));
    }

    fn channels(&self) -> usize {
        let sending = self.links.iter().filter(|link| link.way != Way::In);
        sending.count() * window(&self.opener.config.settings)
    }

    fn time_limit(&self) -> Duration {
        sms::time_limit(self.opener.config.settings.timeout_seconds)
    }

    fn accepts(&self, sender: Option<&SenderAddress>) -> Result<(), &'static str> {
        let default = self.opener.config.settings.sender.clone();
        ProviderSenders::Text(default).check(sender)
    }

    fn health(&self) -> Health {
        let mut up = None;
        let mut why = None;
        for link in &self.links {
            match link.state() {
                LinkState::Up(_) => up = Some(true),
                LinkState::Down(reason) => {
                    up = up.or(Some(false));
                    why = Some(reason);
                }
                LinkState::Opening => {}
            }
        }
        let last = self
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Health {
            reachable: up,
            registered: up,
            last_error: why.or_else(|| last.clone()),
            in_flight: self.in_flight.load(Ordering::Relaxed),
        }
    }

    async fn close(&self) {
        self.opener.stopping.cancel();
    }
}
