//! The sandbox: a provider that plays every service and delivers to an outbox one
//! can look at (`GET /sandbox/outbox`). Some destinations play an outcome:
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
//! Anything else is delivered at once. A tag (`busy+1@…`) does not matter.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use domain::{
    Id,
    delivery::{Outcome, Provider, ResultKind, SpoolResult},
};
use sqlx::PgPool;
use tokio::sync::{mpsc, oneshot};

use crate::{Content, Ended, Gateway, Health, Progress, Report, Spool};

/// How many attempts run at the same time.
const CHANNELS: usize = 512;
/// How long `slow` takes.
const SLOW: Duration = Duration::from_secs(5);
/// How many deliveries are written at once, at most.
const BATCH: usize = 256;
/// How many deliveries the outbox keeps.
const KEPT: i64 = 10_000;

/// The sandbox as a gateway.
#[derive(Debug)]
pub struct SandboxGateway {
    outbox: mpsc::Sender<Delivery>,
    in_flight: AtomicUsize,
}

#[derive(Debug)]
struct Delivery {
    row: Row,
    written: oneshot::Sender<bool>,
}

#[derive(Debug)]
struct Row {
    spool_id: i64,
    transmission_id: i64,
    owner_id: i64,
    contact_id: i64,
    destination: String,
    service: &'static str,
    subject: Option<String>,
    content: Option<String>,
}

/// What a destination plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Play {
    Deliver,
    Busy,
    NoAnswer,
    Fail,
    Slow,
    Unknown,
    Unavailable,
}

impl Play {
    fn of(destination: &str) -> Self {
        let name = match destination.split_once('@') {
            Some((local, _)) => local.split('+').next().unwrap_or(local),
            None => destination.trim_start_matches('+'),
        };
        match name.to_ascii_lowercase().as_str() {
            "busy" | "9990001" => Self::Busy,
            "noanswer" | "9990002" => Self::NoAnswer,
            "fail" | "9990003" => Self::Fail,
            "slow" | "9990004" => Self::Slow,
            "unknown" | "9990005" => Self::Unknown,
            "unavailable" | "9990006" => Self::Unavailable,
            _ => Self::Deliver,
        }
    }
}

impl SandboxGateway {
    /// The sandbox of this provider, writing its outbox to this database.
    pub fn new(provider: Id<Provider>, pool: PgPool) -> Self {
        let (outbox, deliveries) = mpsc::channel(CHANNELS);
        tokio::spawn(write(provider, pool, deliveries));
        Self {
            outbox,
            in_flight: AtomicUsize::new(0),
        }
    }

    async fn deliver(&self, spool: &Spool) -> Report {
        let Content::Email(email) = &spool.content;
        let (written, answer) = oneshot::channel();
        let delivery = Delivery {
            row: Row {
                spool_id: spool.id.get(),
                transmission_id: spool.transmission.get(),
                owner_id: spool.owner.get(),
                contact_id: spool.contact.get(),
                destination: spool.destination.clone(),
                service: spool.content.service().name(),
                subject: Some(email.subject.clone()),
                content: Some(email.html.clone().unwrap_or_else(|| email.text.clone())),
            },
            written,
        };
        let sent = self.outbox.send(delivery).await.is_ok();
        if sent && answer.await.unwrap_or(false) {
            report(
                Outcome::Delivered,
                "delivered to the sandbox's outbox",
                "success",
                spool,
            )
        } else {
            report(
                Outcome::Unavailable,
                "the sandbox's outbox cannot be written",
                "failed",
                spool,
            )
        }
    }

    async fn play(&self, play: Play, spool: &Spool) -> Report {
        match play {
            Play::Deliver => self.deliver(spool).await,
            Play::Slow => {
                tokio::time::sleep_until(spool.deadline.min(tokio::time::Instant::now() + SLOW))
                    .await;
                self.deliver(spool).await
            }
            Play::Busy => report(Outcome::Unanswered, "USER_BUSY", "busy", spool),
            Play::NoAnswer => report(Outcome::Unanswered, "NO_ANSWER", "noanswer", spool),
            Play::Fail => report(
                Outcome::Rejected,
                "rejected by the sandbox",
                "failed",
                spool,
            ),
            Play::Unavailable => report(
                Outcome::Unavailable,
                "the sandbox plays unreachable",
                "failed",
                spool,
            ),
            Play::Unknown => report(
                Outcome::Unknown,
                "the sandbox plays a lost answer",
                "unknown",
                spool,
            ),
        }
    }
}

#[async_trait]
impl Gateway for SandboxGateway {
    async fn attempt(&self, spool: &Spool, progress: &dyn Progress) -> Ended {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let ended = match progress.start().await {
            Ok(()) => Ended::Reported(self.play(Play::of(&spool.destination), spool).await),
            Err(_) => Ended::NotOurs,
        };
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        ended
    }

    fn channels(&self) -> usize {
        CHANNELS
    }

    fn health(&self) -> Health {
        Health {
            reachable: Some(true),
            in_flight: self.in_flight.load(Ordering::Relaxed),
            ..Health::default()
        }
    }
}

fn report(outcome: Outcome, response: &str, result: &str, spool: &Spool) -> Report {
    Report {
        outcome,
        response: response.to_owned(),
        connected: outcome != Outcome::Unavailable,
        results: vec![SpoolResult::new(
            ResultKind::Application,
            spool.content.application(),
            result,
        )],
    }
}

async fn write(provider: Id<Provider>, pool: PgPool, mut deliveries: mpsc::Receiver<Delivery>) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut since_trimmed = 0;
    while deliveries.recv_many(&mut batch, BATCH).await > 0 {
        let (rows, acknowledge): (Vec<Row>, Vec<_>) = batch
            .drain(..)
            .map(|delivery| (delivery.row, delivery.written))
            .unzip();
        let written = insert(provider, &pool, &rows).await;
        if let Err(error) = &written {
            tracing::warn!(%error, "the sandbox's outbox cannot be written");
        }
        for sender in acknowledge {
            let _ = sender.send(written.is_ok());
        }
        since_trimmed += rows.len();
        if since_trimmed > 1_000 {
            since_trimmed = 0;
            if let Err(error) = trim(&pool).await {
                tracing::warn!(%error, "the sandbox's outbox cannot be trimmed");
            }
        }
    }
}

/// Rows of a person who was erased meanwhile are left out.
async fn insert(provider: Id<Provider>, pool: &PgPool, rows: &[Row]) -> Result<(), sqlx::Error> {
    let column = |of: fn(&Row) -> i64| rows.iter().map(of).collect::<Vec<_>>();
    let mut transaction = pool.begin().await?;
    sqlx::query("set local synchronous_commit = off")
        .execute(&mut *transaction)
        .await?;
    sqlx::query(
        "insert into sandbox.outbox (provider_id, spool_id, transmission_id, owner_id, contact_id, \
             subject_key, destination, service, subject, content, received_at) \
         select $1, r.spool_id, r.transmission_id, r.owner_id, r.contact_id, k.subject, \
             r.destination, r.service, r.subject, r.content, $10 \
         from unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], \
                     $7::text[], $8::text[], $9::text[]) \
              as r (spool_id, transmission_id, owner_id, contact_id, destination, service, \
                    subject, content) \
         join subject_keys k on k.subject = 'contact/' || r.contact_id",
    )
    .bind(provider.get())
    .bind(column(|row| row.spool_id))
    .bind(column(|row| row.transmission_id))
    .bind(column(|row| row.owner_id))
    .bind(column(|row| row.contact_id))
    .bind(
        rows.iter()
            .map(|row| row.destination.as_str())
            .collect::<Vec<_>>(),
    )
    .bind(rows.iter().map(|row| row.service).collect::<Vec<_>>())
    .bind(
        rows.iter()
            .map(|row| row.subject.as_deref())
            .collect::<Vec<_>>(),
    )
    .bind(
        rows.iter()
            .map(|row| row.content.as_deref())
            .collect::<Vec<_>>(),
    )
    .bind(eventstore::clock::now())
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await
}

async fn trim(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query(
        "delete from sandbox.outbox where outbox_id <= \
         (select outbox_id from sandbox.outbox order by outbox_id desc offset $1 limit 1)",
    )
    .bind(KEPT)
    .execute(pool)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_play_their_outcome_and_tags_do_not_matter() {
        assert_eq!(Play::of("busy@example.com"), Play::Busy);
        assert_eq!(Play::of("Unknown+7@example.com"), Play::Unknown);
        assert_eq!(Play::of("+9990003"), Play::Fail);
        assert_eq!(Play::of("bob@busy.example"), Play::Deliver);
        assert_eq!(Play::of("15550100"), Play::Deliver);
    }
}
