//! The subscriber that fills the queue.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use domain::{
    Event, Id,
    delivery::{Campaign, Transmission, TransmissionEvent},
};
use eventstore::{
    Recorded,
    subscriber::{LaneKind, Subscriber},
};
use sqlx::PgConnection;

use super::{
    awaited::{self, Awaited},
    campaigns,
};
use crate::WorkSignal;

/// The subscriber that maintains `dispatch.queue`, the awaited reports, and the states and
/// backlogs of campaigns. Wakes the workers by its signal.
pub struct Feed(pub WorkSignal);

#[async_trait]
impl Subscriber for Feed {
    fn name(&self) -> &'static str {
        "dispatch"
    }

    fn schema(&self) -> &'static str {
        "dispatch"
    }

    /// No answer to a request waits for it.
    fn follows(&self) -> &'static [&'static str] {
        &[]
    }

    fn needs(&self) -> &'static [&'static str] {
        &[Campaign::TYPE, Transmission::TYPE]
    }

    fn wants(&self, event: &Recorded) -> bool {
        use TransmissionEvent::{
            SpoolCompleted, SpoolConnected, SpoolFailed, SpoolOutcomeUnknown, SpoolQueued,
            SpoolReceived, SpoolWithdrawn, TransmissionCreated, TransmissionDeleted,
            TransmissionSuppressed, TransmissionUpdated,
        };
        match &event.event {
            Event::Campaign(_) => true,
            Event::Transmission(event) => match event.as_ref() {
                TransmissionCreated { order, .. } | TransmissionUpdated { order } => {
                    order.campaign_id.is_some()
                }
                SpoolConnected { awaited, .. } => awaited.is_some(),
                SpoolReceived { opened, .. } => opened.is_some(),
                SpoolQueued { .. }
                | SpoolCompleted { .. }
                | SpoolFailed { .. }
                | SpoolOutcomeUnknown { .. }
                | SpoolWithdrawn { .. }
                | TransmissionSuppressed { .. }
                | TransmissionDeleted {} => true,
                _ => false,
            },
            _ => false,
        }
    }

    fn lane(&self) -> LaneKind {
        LaneKind::Urgent
    }

    fn is_durable(&self, event: &Recorded) -> bool {
        enqueues(event)
    }

    async fn apply(
        &self,
        db: &mut PgConnection,
        events: &[Arc<Recorded>],
    ) -> Result<(), sqlx::Error> {
        let changes = Changes::from_events(events);
        clean_up(db, &changes).await?;
        insert(db, &changes.queued.into_values().collect::<Vec<_>>()).await?;
        awaited::insert(db, &changes.awaited.into_values().collect::<Vec<_>>()).await?;
        campaigns::take_in(db, events).await
    }

    fn committed(&self, events: &[Arc<Recorded>]) {
        if events.iter().any(|event| enqueues(event)) {
            self.0.ring();
        }
    }
}

/// True if this event enqueues an attempt.
fn enqueues(event: &Recorded) -> bool {
    let Event::Transmission(event) = &event.event else {
        return false;
    };
    use TransmissionEvent::{SpoolQueued, SpoolReceived};
    let enqueued = |event: &TransmissionEvent| match event {
        SpoolQueued { .. } => true,
        SpoolReceived { opened, .. } => opened.is_some(),
        _ => false,
    };
    enqueued(event.as_ref())
}

#[derive(Default)]
struct Changes<'e> {
    queued: BTreeMap<i64, Queued<'e>>,
    awaited: BTreeMap<i64, Awaited>,
    /// Attempts that have ended or were withdrawn.
    over: BTreeSet<i64>,
    deleted: BTreeSet<i64>,
}

struct Queued<'e> {
    recorded: &'e Recorded,
    spool_id: i64,
    campaign_id: Option<i64>,
    service: i16,
    due_at: DateTime<Utc>,
    deadline: DateTime<Utc>,
    avoid: String,
    attempt: i32,
}

impl<'e> Changes<'e> {
    fn from_events(events: &'e [Arc<Recorded>]) -> Self {
        let mut changes = Self::default();
        for recorded in events {
            if let Event::Transmission(event) = &recorded.event {
                changes.take(recorded, event);
            }
        }
        changes
    }

    fn take(&mut self, recorded: &'e Recorded, event: &TransmissionEvent) {
        match event {
            TransmissionEvent::SpoolQueued {
                spool,
                attempt,
                due_at,
                deadline,
                flow,
                avoid,
                campaign,
                ..
            } => {
                let avoid: Vec<_> = avoid.iter().map(ToString::to_string).collect();
                let queued = Queued {
                    recorded,
                    spool_id: spool.get(),
                    campaign_id: campaign.map(Id::get),
                    service: i16::try_from(flow.service.flag()).unwrap_or_default(),
                    due_at: *due_at,
                    deadline: *deadline,
                    avoid: format!("{{{}}}", avoid.join(",")),
                    attempt: i32::try_from(*attempt).unwrap_or(i32::MAX),
                };
                self.queued.insert(spool.get(), queued);
            }
            // An inbound session, which waits for a worker or has one already.
            TransmissionEvent::SpoolReceived {
                spool,
                at,
                flow,
                opened: Some(opened),
                ..
            } => {
                let queued = Queued {
                    recorded,
                    spool_id: spool.get(),
                    campaign_id: None,
                    service: i16::try_from(flow.service.flag()).unwrap_or_default(),
                    due_at: *at,
                    deadline: opened.deadline,
                    avoid: "{}".to_owned(),
                    attempt: 1,
                };
                self.queued.insert(spool.get(), queued);
            }
            TransmissionEvent::SpoolConnected {
                spool,
                awaited: Some(awaited),
                ..
            } => {
                let awaited = Awaited {
                    spool_id: spool.get(),
                    transmission_id: recorded.aggregate_id,
                    provider_id: awaited.provider.get(),
                    message_id: awaited.message_id.clone(),
                    until: awaited.until,
                };
                // The worker deletes its row in the queue with the same append.
                self.queued.remove(&spool.get());
                self.awaited.insert(spool.get(), awaited);
            }
            TransmissionEvent::SpoolCompleted { spool, .. }
            | TransmissionEvent::SpoolFailed { spool, .. }
            | TransmissionEvent::SpoolOutcomeUnknown { spool, .. }
            | TransmissionEvent::SpoolWithdrawn { spool, .. } => {
                // An attempt that this batch queued may end in it.
                self.queued.remove(&spool.get());
                self.awaited.remove(&spool.get());
                self.over.insert(spool.get());
            }
            TransmissionEvent::TransmissionDeleted {} => {
                let id = recorded.aggregate_id;
                self.queued
                    .retain(|_, queued| queued.recorded.aggregate_id != id);
                self.awaited.retain(|_, it| it.transmission_id != id);
                self.deleted.insert(id);
            }
            _ => {}
        }
    }
}

/// Deletes the rows of attempts that ended. A worker does this in the transaction that ends the
/// attempt; rows are left only of attempts that ended without a worker.
async fn clean_up(db: &mut PgConnection, changes: &Changes<'_>) -> Result<(), sqlx::Error> {
    for (sql, ids) in [
        ("delete from queue where spool_id = any($1)", &changes.over),
        (
            "delete from awaited where spool_id = any($1)",
            &changes.over,
        ),
        (
            "delete from awaited where transmission_id = any($1)",
            &changes.deleted,
        ),
        (
            "delete from queue where transmission_id = any($1)",
            &changes.deleted,
        ),
    ] {
        if !ids.is_empty() {
            let ids: Vec<_> = ids.iter().copied().collect();
            sqlx::query(sql).bind(ids).execute(&mut *db).await?;
        }
    }
    Ok(())
}

/// Inserts queued attempts. The row of an inbound session may be there already, with its claim; it
/// lacks what only the log knows.
async fn insert(db: &mut PgConnection, rows: &[Queued<'_>]) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let request = |row: &Queued<'_>| row.recorded.metadata.request_id.clone();
    let correlation = |row: &Queued<'_>| row.recorded.metadata.correlation_id.clone();
    sqlx::query(
        "insert into queue (spool_id, transmission_id, campaign_id, service, due_at, \
           deadline, avoid, attempt, request_id, correlation_id, position) \
         select u.spool_id, u.transmission_id, u.campaign_id, u.service, u.due_at, u.deadline, \
           u.avoid::bigint[], u.attempt, u.request_id, u.correlation_id, u.position \
         from unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::timestamptz[], \
           $5::timestamptz[], $6::text[], $7::int[], $8::text[], $9::text[], $10::bigint[], \
           $11::bigint[]) \
           as u (spool_id, transmission_id, service, due_at, deadline, avoid, attempt, \
           request_id, correlation_id, position, campaign_id) \
         on conflict (spool_id) do update set position = excluded.position, \
           request_id = excluded.request_id, correlation_id = excluded.correlation_id \
         where queue.position = 0",
    )
    .bind(rows.iter().map(|row| row.spool_id).collect::<Vec<_>>())
    .bind(
        rows.iter()
            .map(|row| row.recorded.aggregate_id)
            .collect::<Vec<_>>(),
    )
    .bind(rows.iter().map(|row| row.service).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.due_at).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.deadline).collect::<Vec<_>>())
    .bind(
        rows.iter()
            .map(|row| row.avoid.as_str())
            .collect::<Vec<_>>(),
    )
    .bind(rows.iter().map(|row| row.attempt).collect::<Vec<_>>())
    .bind(rows.iter().map(request).collect::<Vec<_>>())
    .bind(rows.iter().map(correlation).collect::<Vec<_>>())
    .bind(
        rows.iter()
            .map(|row| row.recorded.position)
            .collect::<Vec<_>>(),
    )
    .bind(rows.iter().map(|row| row.campaign_id).collect::<Vec<_>>())
    .execute(db)
    .await
    .map(drop)
}
