//! The sandbox: a provider that simulates every service and delivers to an outbox that
//! clients can read (`GET /sandbox/outbox`). Some destinations simulate an outcome:
//!
//! | email, before the `@` | number | what happens |
//! |---|---|---|
//! | `busy` | `9990001` | unanswered, busy |
//! | `noanswer` | `9990002` | unanswered, nobody answers |
//! | `fail` | `9990003` | rejected |
//! | `slow` | `9990004` | delivered, after five seconds |
//! | `unknown` | `9990005` | the outcome stays unknown |
//! | `unavailable` | `9990006` | never reached |
//!
//! Mail and messages to any other destination are delivered at once. A tag (`busy+1@…`) is
//! ignored.
//!
//! Calls and faxes to some numbers last as long as their steps, after five seconds of ringing:
//!
//! | number | who answers |
//! |---|---|
//! | `9990011` | somebody who listens to the end |
//! | `9990012` | somebody who presses keys where the call asks for some |
//! | `9990013` | somebody who hangs up after two seconds |
//! | `9990014` | somebody who stays on the line until the call is hung up |
//!
//! Others call in by `POST /sandbox/calls`, which says how they behave.

mod call;
mod outbox;
mod play;

#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use commands::sandbox::{self, Caller};
use domain::{
    Id,
    delivery::{Outcome, Provider},
};
use eventstore::clock;
use tokio::time::{Instant, sleep_until, timeout_at};

pub use self::outbox::Outbox;
use self::{
    call::{OtherSide, Scene},
    outbox::Row,
    play::Play,
};
use crate::{
    Ended, Gateway, Health, InboundCall, NotOurs, Report, Session, Spool, gateway::Counted,
};

/// The number of concurrent attempts.
const CHANNELS: usize = 512;
/// The duration of `slow`.
const SLOW: Duration = Duration::from_secs(5);

/// The sandbox as a gateway.
#[derive(Debug)]
pub struct SandboxGateway {
    provider: Id<Provider>,
    outbox: Arc<Outbox>,
    closed: AtomicBool,
    health: Mutex<Health>,
    in_flight: AtomicUsize,
}

impl SandboxGateway {
    /// The sandbox of this provider, delivering to this outbox.
    pub fn new(provider: Id<Provider>, outbox: Arc<Outbox>) -> Self {
        Self {
            provider,
            outbox,
            closed: AtomicBool::new(false),
            health: Mutex::new(Health {
                reachable: Some(true),
                ..Health::default()
            }),
            in_flight: AtomicUsize::new(0),
        }
    }

    async fn play(&self, play: Play, spool: &Spool) -> Report {
        let until = spool.until();
        if play == Play::Slow {
            let answered = Instant::now() + SLOW;
            sleep_until(answered.min(until)).await;
            if answered >= until {
                return late(spool);
            }
        }
        let (outcome, response, first) = play::words(&spool.content, play);
        if outcome != Outcome::Delivered {
            return report(spool, outcome, response, first);
        }
        match timeout_at(until, self.outbox.put(self.row(spool))).await {
            Ok(true) => report(spool, outcome, response, first),
            Ok(false) => report(
                spool,
                Outcome::Unavailable,
                "the sandbox's outbox cannot be written",
                "failed",
            ),
            Err(_) => late(spool),
        }
    }

    /// Plays a call that lasts. It is in the outbox from the moment at which it is answered.
    async fn call(&self, callee: OtherSide, spool: &Spool, session: &dyn Session) -> Report {
        let put = timeout_at(spool.until(), self.outbox.put(self.row(spool)));
        let arrives = async { put.await.unwrap_or(false) };
        let scene = Scene {
            flow: &spool.flow,
            content: Some(&spool.content),
            until: spool.until(),
        };
        call::play(scene, callee, session, Box::pin(arrives)).await
    }

    /// Plays a call of somebody who calls in, in real time.
    async fn incoming(&self, call: &InboundCall, caller: Caller, session: &dyn Session) -> Report {
        let scene = Scene {
            flow: &call.flow,
            content: None,
            until: call.until(),
        };
        let report = call::play(scene, caller.into(), session, Box::pin(async { true })).await;
        if let Err(error) = sandbox::forget(self.outbox.pool(), call.id, clock::now()).await {
            tracing::debug!(spool.id = %call.id, %error, "a caller is not forgotten");
        }
        report
    }

    /// The report of an attempt that does not reach the sandbox: the destination simulates
    /// unreachability, or the sandbox is closed.
    fn away(&self, play: Play, spool: &Spool) -> Option<Report> {
        let reason = if self.closed.load(Ordering::Relaxed) {
            "the sandbox is closed"
        } else if play == Play::Unavailable {
            play::words(&spool.content, play).1
        } else {
            return None;
        };
        self.note(Some(reason));
        Some(report(spool, Outcome::Unavailable, reason, "failed"))
    }

    fn row(&self, spool: &Spool) -> Row {
        let (subject, content) = play::shown(&spool.content);
        Row {
            provider_id: self.provider.get(),
            spool_id: spool.id.get(),
            transmission_id: spool.transmission.get(),
            owner_id: spool.owner.user.map_or(0, Id::get),
            tenant_id: spool.owner.tenant.get(),
            contact_id: spool.contact.get(),
            destination: spool.destination.clone(),
            service: spool.content.service().name(),
            subject,
            content,
        }
    }

    fn note(&self, trouble: Option<&str>) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        health.reachable = Some(trouble.is_none());
        if let Some(trouble) = trouble {
            health.last_error = Some(trouble.to_owned());
        }
    }
}

#[async_trait]
impl Gateway for SandboxGateway {
    async fn attempt(&self, spool: &Spool, session: &dyn Session) -> Ended {
        let _counted = Counted::new(&self.in_flight);
        let (play, until) = (Play::for_destination(&spool.destination), spool.until());
        let callee = OtherSide::at(&spool.destination).filter(|_| spool.content.lasts());
        if let Some(report) = self.away(play, spool) {
            return Ended::Reported(report);
        }
        self.note(None);
        let none_left = "the time ran out before anything was sent";
        let none_left = || report(spool, Outcome::Unavailable, none_left, "failed");
        if Instant::now() >= until {
            return Ended::Reported(none_left());
        }
        match timeout_at(until, session.started()).await {
            Ok(Ok(())) if Instant::now() < until => Ended::Reported(match callee {
                Some(callee) => self.call(callee, spool, session).await,
                None => self.play(play, spool).await,
            }),
            Ok(Err(_)) => Ended::NotOurs,
            Ok(Ok(())) | Err(_) => Ended::Reported(none_left()),
        }
    }

    async fn receive(&self, call: &InboundCall, session: &dyn Session) -> Ended {
        let _counted = Counted::new(&self.in_flight);
        let caller = match sandbox::caller(self.outbox.pool(), call.id).await {
            Ok(caller) => caller.unwrap_or_default(),
            Err(error) => {
                tracing::warn!(spool.id = %call.id, %error, "a caller cannot be read");
                return Ended::NoRoom;
            }
        };
        match session.started().await {
            Ok(()) => Ended::Reported(self.incoming(call, caller, session).await),
            Err(NotOurs) => Ended::NotOurs,
        }
    }

    fn channels(&self) -> usize {
        CHANNELS
    }

    fn health(&self) -> Health {
        let health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        Health {
            in_flight: self.in_flight.load(Ordering::Relaxed),
            ..health.clone()
        }
    }

    async fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }
}

fn late(spool: &Spool) -> Report {
    let words = "the sandbox did not answer in time";
    report(spool, Outcome::Unknown, words, "unknown")
}

fn report(spool: &Spool, outcome: Outcome, response: &str, first: &str) -> Report {
    Report {
        outcome,
        response: response.to_owned(),
        connected: outcome != Outcome::Unavailable,
        results: play::results(&spool.flow, &spool.content, first),
    }
}
