//! Kannel's sendsms, and other HTTP services by template, for providers of type `http`.
//!
//! A message is sent in as many requests as it has parts. Kannel's response has no message
//! id; the URL for its delivery report names the attempt instead ([`crate::callbacks`]).
//! Without reports, accepted counts as delivered. For another service the provider's settings
//! define the request and the meaning of its responses (`template`).

mod connection;
mod message;
pub mod mobile_originated;
mod reply;
pub mod report;
mod template;
#[cfg(test)]
mod tests;

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use domain::{
    Id,
    delivery::{
        Outcome, Provider, ProviderSenders, SenderAddress,
        settings::{HttpSettings, HttpTemplate},
    },
};
use hyper::Request;
use secrecy::SecretString;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use self::{
    connection::{Connection, Lost},
    reply::Reply,
};
use crate::{
    Accepted, Content, Ended, Gateway, Health, Session, Spool,
    callbacks::Addresses,
    gateway::Counted,
    network::ProviderNetworks,
    pool::Pool,
    reports::About,
    sms::{self, ours},
    tls,
};

/// The name of the adapter's result rows.
const VIA: &str = "sendsms";

/// The configuration of the connections to one Kannel or other HTTP service.
#[derive(Clone, Debug)]
pub struct KannelConfig {
    /// The provider.
    pub provider: Id<Provider>,
    /// The host name or IP address of smsbox.
    pub host: String,
    /// The sendsms-port.
    pub port: u16,
    /// The networks that it may be in.
    pub networks: ProviderNetworks,
    /// The username of the sendsms-user, if it asks for one.
    pub username: Option<String>,
    /// The password of the sendsms-user.
    pub password: Option<SecretString>,
    /// Digits to write before the number.
    pub prefix: Option<String>,
    /// The provider's settings.
    pub settings: HttpSettings,
    /// Creates the URLs for reports.
    pub addresses: Addresses,
}

impl KannelConfig {
    fn authority(&self) -> String {
        if self.host.contains(':') && !self.host.starts_with('[') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// True if a report is to come for an accepted message.
    fn awaits_reports(&self) -> bool {
        let template = self.settings.template.as_ref();
        self.settings.reports && template.is_none_or(HttpTemplate::asks_for_reports)
    }

    fn about(&self, spool: &Spool) -> About {
        About {
            provider: self.provider,
            transmission: spool.transmission,
            spool: spool.id,
        }
    }
}

/// Sends short messages through one Kannel or other HTTP service.
pub struct KannelGateway {
    config: KannelConfig,
    tls: Option<TlsConnector>,
    pool: Pool<Connection>,
    health: Mutex<Health>,
    in_flight: AtomicUsize,
}

impl KannelGateway {
    /// Creates an adapter, not connected yet.
    ///
    /// # Errors
    /// If the CA certificate is invalid.
    pub fn new(config: KannelConfig) -> Result<Self, String> {
        let authority = config.settings.ca_certificate.as_deref();
        let tls = config.settings.tls.then(|| tls::connector(authority));
        Ok(Self {
            tls: tls.transpose()?,
            pool: Pool::new(config.settings.connections.max(1)),
            health: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            config,
        })
    }

    async fn deliver(
        &self,
        parts: Vec<Request<Vec<u8>>>,
        until: Instant,
        session: &dyn Session,
    ) -> Ended {
        let none_free = "no connection to the SMS gateway became free in time";
        let Some(_slot) = self.pool.slot(until).await else {
            return ours(VIA, Outcome::Unavailable, none_free);
        };
        let mut connection = match self.ready(until).await {
            Ok(connection) => connection,
            Err(reason) => {
                self.note(false, Some(reason.clone()));
                return ours(VIA, Outcome::Unavailable, reason);
            }
        };
        let started = timeout_at(until, session.started()).await;
        if !matches!(started, Ok(Ok(()))) || Instant::now() >= until {
            self.pool.keep(connection);
            let late = "the time ran out before anything was sent";
            return match started {
                Ok(Err(_)) => Ended::NotOurs,
                _ => ours(VIA, Outcome::Unavailable, late),
            };
        }
        let reply = self.send_all(&mut connection, parts, until).await;
        let reached = reply.answered || reply.outcome == Outcome::Unknown;
        self.note(reached, (!reached).then(|| reply.words.clone()));
        if reply.answered {
            self.pool.keep(connection);
        }
        self.ended(reply)
    }

    /// Sends the parts one after the other. A message of which only some parts were accepted is
    /// not sent again.
    async fn send_all(
        &self,
        connection: &mut Connection,
        parts: Vec<Request<Vec<u8>>>,
        until: Instant,
    ) -> Reply {
        let count = parts.len();
        let until = self.time_limit(until);
        let mut last = Reply::new(Outcome::Rejected, "there is nothing to send");
        for (taken, part) in parts.into_iter().enumerate() {
            let again = (taken > 0).then(|| part.clone());
            let mut reply = self.send(connection, part, until).await;
            // A proxy in front of Kannel may close the connection between two parts.
            let is_unsent = reply.outcome == Outcome::Unavailable && !reply.answered;
            if let Some(part) = again.filter(|_| is_unsent)
                && let Ok(another) = self.ready(until).await
            {
                *connection = another;
                reply = self.send(connection, part, until).await;
            }
            if reply.outcome != Outcome::Delivered {
                return match taken {
                    0 => reply,
                    _ => reply.after(taken, count),
                };
            }
            last = reply;
        }
        last
    }

    async fn send(
        &self,
        connection: &mut Connection,
        part: Request<Vec<u8>>,
        until: Instant,
    ) -> Reply {
        match timeout_at(until, connection.send(part)).await {
            Ok(Ok(answer)) => reply::read(&answer, self.config.settings.template.as_ref()),
            Ok(Err(Lost { sent, reason })) => {
                let outcome = if sent {
                    Outcome::Unknown
                } else {
                    Outcome::Unavailable
                };
                Reply::new(outcome, format!("the connection was lost: {reason}"))
            }
            Err(_) => {
                let words = "the SMS gateway did not answer in time";
                Reply::new(Outcome::Unknown, words)
            }
        }
    }

    /// The time limit of a response: the provider's time-out, but not past the deadline.
    fn time_limit(&self, until: Instant) -> Instant {
        let time_limit = Duration::from_secs(self.config.settings.timeout_seconds);
        until.min(Instant::now() + time_limit)
    }

    async fn ready(&self, until: Instant) -> Result<Connection, String> {
        if let Some(connection) = self.pool.idle(until).await {
            return Ok(connection);
        }
        let opening = Connection::open(&self.config, self.tls.as_ref());
        match timeout_at(self.time_limit(until), opening).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(format!("the SMS gateway cannot be reached: {error}")),
            Err(_) => Err("the SMS gateway did not answer in time".to_owned()),
        }
    }

    fn ended(&self, reply: Reply) -> Ended {
        let settings = &self.config.settings;
        if reply.outcome != Outcome::Delivered || !self.config.awaits_reports() {
            let connected = reply.answered || reply.outcome == Outcome::Unknown;
            return sms::report(VIA, reply.outcome, reply.words, connected);
        }
        Ended::Accepted(Accepted {
            message_id: reply.message_id,
            report_timeout: Duration::from_secs(settings.report_seconds),
            if_silent: settings.if_silent,
            results: sms::results(VIA, Outcome::Delivered, &reply.words),
        })
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
impl Gateway for KannelGateway {
    async fn attempt(&self, spool: &Spool, session: &dyn Session) -> Ended {
        let _counted = Counted::new(&self.in_flight);
        let Content::Sms(text) = &spool.content else {
            let reason = "an SMS gateway carries nothing but short messages";
            return ours(VIA, Outcome::Rejected, reason);
        };
        let requests = match &self.config.settings.template {
            None => message::requests(&self.config, spool, text),
            Some(template) => template::request(&self.config, template, spool, text),
        };
        match requests {
            Ok(parts) => self.deliver(parts, spool.until(), session).await,
            Err(reason) => ours(VIA, Outcome::Rejected, reason),
        }
    }

    fn channels(&self) -> usize {
        self.config.settings.connections.max(1)
    }

    fn time_limit(&self) -> Duration {
        sms::time_limit(self.config.settings.timeout_seconds)
    }

    fn accepts(&self, sender: Option<&SenderAddress>) -> Result<(), &'static str> {
        ProviderSenders::of_http(&self.config.settings).check(sender)
    }

    fn health(&self) -> Health {
        Health {
            in_flight: self.in_flight.load(Ordering::Relaxed),
            ..lock(&self.health).clone()
        }
    }

    async fn close(&self) {
        self.pool.close();
    }
}

/// Locks a mutex, also a poisoned one: the values are consistent at every moment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
