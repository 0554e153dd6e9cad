//! The appender: the only task that writes events. It appends all commits that wait, in one
//! statement (group commit).
//!
//! Each commit is a *member* of a group. A group is one statement, so it costs
//! one round trip and one flush however many members it has. When it fails on a
//! member (its sequence or a unique name is taken), the members are appended one by one, and
//! only the member at fault fails.
//!
//! Members wait in two lanes, single and bulk, so that the request of one person does not
//! queue behind the thousands of a campaign.

use std::{sync::Arc, time::Duration};

use backoff::Backoff;
use domain::Claim;
use sqlx::{PgPool, error::ErrorKind};
use tokio::{sync::oneshot, time::Instant};
use two_lanes::{GroupLimits, Lane};

use crate::{
    Log, Position, Recorded, StoreError, kept::Kept, member::Member, statement, vault::random,
};

/// Limits on a group, in members and events.
const GROUP: GroupLimits = GroupLimits {
    items: 256,
    weight: 2_048,
    bulk_weight: 512,
};
/// Capacity of a lane, in members; a sender to a full lane waits.
const WAITING: usize = 4_096;
/// Time limit of retrying an append while the database is lost or busy.
const RETRY_TIMEOUT: Duration = Duration::from_secs(15);
/// The pauses of these retries.
const RETRIES: Backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(1));

#[derive(Debug)]
struct Waiting {
    member: Member,
    reply: oneshot::Sender<Result<Vec<Position>, StoreError>>,
}

impl Waiting {
    fn events(&self) -> usize {
        self.member.events.len()
    }
}

/// A handle to the appending task. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Appender(two_lanes::Sender<Waiting>);

/// A new random id: 32 hex digits, which Postgres accepts as a UUID.
///
/// # Errors
/// When the system has no randomness to give.
pub fn random_id() -> Result<String, StoreError> {
    Ok(hex::encode(random::<16>()?))
}

impl Appender {
    pub fn start(pool: PgPool, log: Log) -> Self {
        let (commits, waiting) = two_lanes::channel(WAITING, GROUP, Waiting::events);
        tokio::spawn(run(pool, log, waiting));
        Self(commits)
    }

    /// Appends a member; answers with the positions of its events.
    pub async fn append(&self, member: Member) -> Result<Vec<Position>, StoreError> {
        let (reply, answer) = oneshot::channel();
        let lane = Lane::bulk_if(member.bulk);
        let sent = self.0.send(lane, Waiting { member, reply });
        sent.await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

/// Appends until the pool is closed. Keeps one connection of the pool, so that no append waits
/// when all the others are in use.
async fn run(pool: PgPool, log: Log, mut waiting: two_lanes::Receiver<Waiting>) {
    let mut closed = pool.close_event();
    let mut db = Kept::new(pool);
    while let Ok(Some(group)) = closed.do_until(waiting.next_group()).await {
        let events: usize = group.iter().map(Waiting::events).sum();
        metrics::histogram!("ledgerline_append_group_members").record(group.len() as f64);
        metrics::counter!("ledgerline_events_appended_total").increment(events as u64);
        let (members, replies): (Vec<_>, Vec<_>) = group
            .into_iter()
            .map(|waiting| (waiting.member, waiting.reply))
            .unzip();
        append_group(&mut db, &log, members, replies).await;
    }
}

type Reply = oneshot::Sender<Result<Vec<Position>, StoreError>>;

async fn append_group(db: &mut Kept, log: &Log, members: Vec<Member>, replies: Vec<Reply>) {
    let asked_at = Instant::now();
    match append(db, &members).await {
        Ok(positions) => {
            let recorded = record(members, &positions, &mut replies.into_iter());
            log.offer(recorded, asked_at);
        }
        Err(error) if members.len() == 1 && !is_in_doubt(&error) && !is_busy(&error) => {
            if let Some((member, reply)) = members.into_iter().zip(replies).next() {
                let _ = reply.send(Err(explain(db, &member, error).await));
            }
        }
        Err(error) => {
            tracing::debug!(members = members.len(), %error, "appending one by one");
            for (member, reply) in members.into_iter().zip(replies) {
                append_alone(db, log, member, reply).await;
            }
        }
    }
}

/// Appends one member with retries; before each try it looks whether the member is in the log
/// already, because an answer may have been lost.
async fn append_alone(db: &mut Kept, log: &Log, member: Member, reply: Reply) {
    let give_up = Instant::now() + RETRY_TIMEOUT;
    let mut backoff = RETRIES;
    let members = [member];
    // Taken before the first try: every try begins later.
    let asked_at = Instant::now();
    let result = loop {
        let attempt = match positions_of(db, &members[0]).await {
            Ok(Some(positions)) => Ok(positions),
            Ok(None) => append(db, &members).await,
            Err(error) => Err(error),
        };
        match attempt {
            Err(error) if (is_in_doubt(&error) || is_busy(&error)) && Instant::now() < give_up => {
                tracing::warn!(%error, "the log does not answer; trying again");
                tokio::time::sleep(backoff.take()).await;
            }
            settled => break settled,
        }
    };
    let [member] = members;
    match result {
        Ok(positions) => {
            let recorded = record(vec![member], &positions, &mut std::iter::once(reply));
            log.offer(recorded, asked_at);
        }
        Err(error) => {
            let error = explain(db, &member, error).await;
            let _ = reply.send(Err(error));
        }
    }
}

async fn append(db: &mut Kept, members: &[Member]) -> Result<Vec<Position>, sqlx::Error> {
    let appended = statement::append(db.get().await?, members).await;
    db.checked(appended)
}

async fn positions_of(
    db: &mut Kept,
    member: &Member,
) -> Result<Option<Vec<Position>>, sqlx::Error> {
    let positions = statement::positions_of(db.get().await?, member).await;
    db.checked(positions)
}

async fn holder_of(db: &mut Kept, claim: &Claim) -> Result<Option<String>, sqlx::Error> {
    let holder = statement::holder_of(db.get().await?, claim).await;
    db.checked(holder)
}

/// Answers the senders, and makes the recorded events that subscribers get.
fn record(
    members: Vec<Member>,
    positions: &[Position],
    replies: &mut dyn Iterator<Item = Reply>,
) -> Vec<Arc<Recorded>> {
    let mut recorded = Vec::with_capacity(positions.len());
    let mut rest = positions;
    for member in members {
        let (own, others) = rest.split_at(member.events.len().min(rest.len()));
        rest = others;
        if let Some(reply) = replies.next() {
            let _ = reply.send(Ok(own.to_vec()));
        }
        let events = member.events.into_iter().zip(member.metadata);
        for ((event, metadata), &position) in events.zip(own) {
            recorded.push(Arc::new(Recorded {
                position,
                aggregate_type: event.aggregate_type.to_owned(),
                aggregate_id: event.aggregate_id,
                sequence: event.sequence,
                event_type: event.event_type,
                occurred_at: member.occurred_at,
                metadata: Arc::unwrap_or_clone(metadata),
                event: event.event,
            }));
        }
    }
    recorded
}

/// True if the statement may have been carried out although an error came back.
fn is_in_doubt(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::WorkerCrashed => true,
        // Class 57: the server is shutting down, has crashed, or is starting up.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| code.starts_with("57P")),
        _ => false,
    }
}

/// True if the database is busy: a lock or statement time-out, a deadlock, or no free
/// connection.
fn is_busy(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(|error| error.code())
        .is_some_and(|code| matches!(code.as_ref(), "55P03" | "40P01" | "57014" | "53300"))
}

/// Translates the failure of a member that was appended alone into the error for its sender.
async fn explain(db: &mut Kept, member: &Member, error: sqlx::Error) -> StoreError {
    let constraint = error
        .as_database_error()
        .and_then(|error| error.constraint());
    let mut refusing = member.effects.others.iter();
    if constraint.is_some() && refusing.any(|effect| effect.kind.refused_by == constraint) {
        return StoreError::Superseded;
    }
    let constraint = match error.as_database_error() {
        Some(database) if database.kind() == ErrorKind::UniqueViolation => {
            database.constraint().map(str::to_owned)
        }
        _ => return StoreError::Database(error),
    };
    if constraint.as_deref() != Some("claims_pkey") {
        return StoreError::Conflict;
    }
    for (claim, holder) in &member.effects.claim {
        match holder_of(db, claim).await {
            Ok(Some(other)) if other != *holder => return StoreError::Taken { field: claim.field },
            Ok(_) => {}
            Err(error) => return StoreError::Database(error),
        }
    }
    // The holder has released the name meanwhile.
    StoreError::Conflict
}
