//! Sends mail through an SMTP server.
//!
//! A few connections are kept open and used again, each for one mail at a time.
//! The outcome of an attempt:
//!
//! | the server | outcome |
//! |---|---|
//! | answers 2xx to the message | delivered |
//! | answers 5xx to MAIL, RCPT, DATA or the message | rejected |
//! | answers 4xx to one of these | unavailable |
//! | cannot be reached, greeted, encrypted or logged in to, whatever it answers | unavailable |
//! | hangs up or falls silent before it has asked for the message | unavailable |
//! | hangs up or falls silent after that | unknown |
//!
//! **Encryption.** `auto` uses STARTTLS where it is offered, and then trusts any
//! certificate: between mail servers the alternative would be no encryption. With a
//! username that is not good enough, and `auto` means `starttls`: a certificate that
//! verifies, or no connection. A failed handshake is never followed by plain text.

mod config;
mod connection;
mod domains;
mod letter;
mod stream;
mod trouble;
mod verp;

#[cfg(test)]
pub(crate) mod tests;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{
    delivery::{Outcome, ResultKind, SenderAddress, SpoolResult},
    flow::application::EMAIL_SEND,
};
use futures::future::join_all;
use lettre::transport::smtp::{client::TlsParameters, extension::ClientId};
use tokio::time::{Duration, Instant, timeout_at};

pub use self::{
    config::{InvalidConfig, SmtpConfig},
    verp::Verp,
};
use self::{
    connection::Connection,
    domains::Domains,
    letter::{Letter, Letterhead},
    trouble::{Trouble, WORDS},
};
use crate::{
    Content, Ended, Gateway, Health, Report, Session, Spool, gateway::Counted, pool::Pool,
    words::one_line,
};

/// The time for which a mail waits for a permit of its domain before it leaves its channel
/// to others.
const CROWD: Duration = Duration::from_secs(5);
/// The time limit of an attempt beyond the time-out of one answer.
const CONVERSATION: Duration = Duration::from_secs(30);

/// Sends emails through one SMTP server.
pub struct SmtpGateway {
    config: SmtpConfig,
    hello: ClientId,
    tls: Option<TlsParameters>,
    letterhead: Letterhead,
    domains: Option<Domains>,
    clock: fn() -> DateTime<Utc>,
    pool: Pool<Connection>,
    health: Mutex<Health>,
    in_flight: AtomicUsize,
}

impl SmtpGateway {
    /// Creates an adapter for this server, not connected yet. `clock` gives mails their dates.
    pub fn new(config: SmtpConfig, clock: fn() -> DateTime<Utc>) -> Result<Self, InvalidConfig> {
        config.check_domains()?;
        let verp_domain = config
            .verp_domain
            .clone()
            .unwrap_or_else(|| config.from_domain.clone());
        Ok(Self {
            hello: config.client_id()?,
            tls: config.tls_parameters()?,
            letterhead: Letterhead {
                verp: Verp::new(config.key.clone()),
                from_domain: config.from_domain.clone(),
                verp_domain,
                senders: config.senders(),
                signers: config.signers()?,
            },
            domains: config.domain_connections.map(Domains::new),
            clock,
            pool: Pool::new(config.connections.max(1)),
            health: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            config,
        })
    }

    /// A connection that is ready for MAIL, an idle one or a new one.
    async fn ready(&self, until: Instant) -> Result<Connection, Trouble> {
        match self.pool.idle(until).await {
            Some(connection) => Ok(connection),
            None => Connection::open(&self.config, &self.hello, self.tls.as_ref(), until).await,
        }
    }

    /// The reason for which this server cannot take the letter, if it cannot.
    fn obstacle(letter: &Letter, connection: &Connection) -> Option<String> {
        if letter.international && !connection.offers.smtputf8 {
            return Some(
                "the mail server does not take internationalised addresses (SMTPUTF8)".into(),
            );
        }
        let size = letter.wire.len();
        let most = connection.offers.size.filter(|most| size > *most)?;
        Some(format!(
            "the mail has {size} bytes, the mail server takes {most}"
        ))
    }

    async fn deliver(&self, letter: &Letter, until: Instant, session: &dyn Session) -> Ended {
        let domain = letter.recipient.domain();
        let place = async {
            match &self.domains {
                Some(domains) => domains.place(domain).await,
                None => None,
            }
        };
        // A mail that waits here holds a channel that mails to other domains could use.
        let Ok(_place) = timeout_at(until.min(Instant::now() + CROWD), place).await else {
            return Ended::NoRoom;
        };
        let Some(_slot) = self.pool.slot(until).await else {
            return ours(
                Outcome::Unavailable,
                "no connection to the mail server became free in time",
            );
        };
        let mut connection = match self.ready(until).await {
            Ok(connection) => connection,
            Err(trouble) => return self.failed(&trouble, false),
        };
        if let Some(obstacle) = Self::obstacle(letter, &connection) {
            self.pool.keep(connection);
            return ours(Outcome::Rejected, obstacle);
        }
        let started = timeout_at(until, session.started()).await;
        if !matches!(started, Ok(Ok(()))) || Instant::now() >= until {
            self.pool.keep(connection);
            return match started {
                Ok(Err(_)) => Ended::NotOurs,
                _ => ours(
                    Outcome::Unavailable,
                    "the time ran out before anything was sent",
                ),
            };
        }
        let sent = connection.send(letter, until).await;
        self.pool.keep(connection);
        match sent {
            Ok(answer) => {
                self.note(true, None);
                let words: Vec<&str> = answer.message().collect();
                let words = one_line(&format!("{} {}", answer.code(), words.join(" ")), WORDS);
                report(Outcome::Delivered, words, true)
            }
            Err(trouble) => self.failed(&trouble, true),
        }
    }

    fn failed(&self, trouble: &Trouble, connected: bool) -> Ended {
        let reachable = trouble.reachable();
        self.note(reachable, (!reachable).then(|| trouble.summary()));
        report(trouble.outcome(), trouble.words(), connected)
    }

    fn note(&self, reachable: bool, error: Option<String>) {
        let mut health = lock(&self.health);
        health.reachable = Some(reachable);
        if error.is_some() {
            health.last_error = error;
        }
    }
}

#[async_trait]
impl Gateway for SmtpGateway {
    async fn attempt(&self, spool: &Spool, session: &dyn Session) -> Ended {
        let _counted = Counted::new(&self.in_flight);
        let Content::Email(email) = &spool.content else {
            return ours(Outcome::Rejected, "a mail server carries nothing but mail");
        };
        let until = spool.until();
        // A mail that lettre panics on would otherwise be retried for ever.
        let letter = catch_unwind(AssertUnwindSafe(|| {
            let now = (self.clock)();
            self.letterhead.write(
                spool.id,
                &spool.destination,
                email,
                now,
                self.config.unsubscribe(spool),
            )
        }));
        match letter.unwrap_or_else(|_| Err("the mail cannot be written".to_owned())) {
            Ok(letter) => self.deliver(&letter, until, session).await,
            Err(reason) => ours(Outcome::Rejected, reason),
        }
    }

    fn channels(&self) -> usize {
        self.config.connections.max(1)
    }

    fn time_limit(&self) -> Duration {
        self.config.timeout.saturating_add(CONVERSATION)
    }

    fn accepts(&self, sender: Option<&SenderAddress>) -> Result<(), &'static str> {
        self.letterhead.senders.author(sender).map(drop)
    }

    fn health(&self) -> Health {
        Health {
            in_flight: self.in_flight.load(Ordering::Relaxed),
            ..lock(&self.health).clone()
        }
    }

    async fn close(&self) {
        let idle = self.pool.close();
        join_all(idle.into_iter().map(Connection::quit)).await;
    }
}

/// The report of an attempt that is decided here, without an answer of the server.
fn ours(outcome: Outcome, words: impl Into<String>) -> Ended {
    report(outcome, words.into(), false)
}

fn report(outcome: Outcome, words: String, connected: bool) -> Ended {
    let (kind, result) = match outcome {
        Outcome::Delivered => (ResultKind::Info, "success"),
        _ => (ResultKind::Error, "failed"),
    };
    let results = vec![
        SpoolResult::new(ResultKind::Application, EMAIL_SEND, result),
        SpoolResult::new(kind, "smtp", words.clone()),
    ];
    Ended::Reported(Report {
        outcome,
        response: words,
        connected,
        results,
    })
}

/// Locks a mutex, also a poisoned one: the values are consistent at every moment.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
