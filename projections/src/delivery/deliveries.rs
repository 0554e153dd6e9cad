//! The projection of deliveries: one projection maintains transmissions, their attempts and the
//! results, so that a batch costs one transaction and an attempt finds its owner.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use cqrs_es::Aggregate;
use domain::{
    Event,
    delivery::{Transmission, TransmissionEvent},
    people::{Contact, ContactEvent},
};
use eventstore::Recorded;
use sqlx::PgConnection;

use super::{
    campaign_progress, messages,
    occurred::{Occurred, occurred},
    spool_results, spools, transmissions,
};
use crate::{Projection, counts::Counted};

/// The projection that maintains `transmissions`, `spools`, `spool_results`, `messages`,
/// `erased_contacts`, the counters of the first two, and the progress of campaigns.
pub struct Deliveries;

const TRANSMISSIONS: Counted = Counted {
    table: "transmission_counts",
    rows: "transmissions t",
    by: "t.transmission_id",
    service: "t.service_flag",
    states: [
        "t.status = 'processing'",
        "t.status = 'completed'",
        "t.status in ('failed', 'invalid')",
    ],
};

const SPOOLS: Counted = Counted {
    table: "spool_counts",
    rows: "spools t join transmissions o on o.transmission_id = t.transmission_id",
    by: "t.transmission_id",
    service: "o.service_flag",
    states: [
        "t.status = 'initiated'",
        "t.status = 'completed'",
        "t.status = 'failed'",
    ],
};

#[async_trait]
impl Projection for Deliveries {
    fn name(&self) -> &'static str {
        "transmissions"
    }

    fn follows(&self) -> &'static [&'static str] {
        &[Transmission::TYPE]
    }

    fn needs(&self) -> &'static [&'static str] {
        &[Transmission::TYPE, Contact::TYPE]
    }

    fn tables(&self) -> &'static [&'static str] {
        &[
            "transmissions",
            "spools",
            "spool_results",
            "messages",
            "erased_contacts",
            "transmission_counts",
            "spool_counts",
            "campaign_progress",
            "campaign_starts",
        ]
    }

    fn finds_by(&self) -> &'static [&'static str] {
        &["transmissions.contact_id", "spools.transmission_id"]
    }

    fn wants(&self, event: &Recorded) -> bool {
        matches!(
            &event.event,
            Event::Transmission(_) | Event::Contact(ContactEvent::ContactErased {})
        )
    }

    fn is_heavy(&self) -> bool {
        true
    }

    async fn apply(
        &self,
        db: &mut PgConnection,
        events: &[Arc<Recorded>],
    ) -> Result<(), sqlx::Error> {
        let counted = counted(events);
        let transmissions_before = TRANSMISSIONS.tally(db, &counted).await?;
        let spools_before = SPOOLS.tally(db, &counted).await?;
        let campaigns_before = campaign_progress::tally(db, &counted).await?;
        let deleted = deleted(events);
        let lasting: Vec<_> = events
            .iter()
            .filter(|event| !deleted.contains(&event.aggregate_id))
            .filter_map(|event| occurred(event))
            .collect();
        transmissions::take_in(db, &lasting).await?;
        spools::take_in(db, &lasting).await?;
        spool_results::take_in(db, &lasting).await?;
        messages::take_in(db, &lasting).await?;
        delete(db, &deleted).await?;
        let transmissions_after = TRANSMISSIONS.tally(db, &counted).await?;
        let spools_after = SPOOLS.tally(db, &counted).await?;
        TRANSMISSIONS
            .keep(db, &transmissions_before, &transmissions_after)
            .await?;
        SPOOLS.keep(db, &spools_before, &spools_after).await?;
        let campaigns_after = campaign_progress::tally(db, &counted).await?;
        campaign_progress::keep(db, &campaigns_before, &campaigns_after).await?;
        let all: Vec<_> = events.iter().filter_map(|event| occurred(event)).collect();
        campaign_progress::take_in(db, &all).await?;
        let mut forgotten = remember(db, &erased(events)).await?;
        forgotten.extend(spoken_of_after_erasure(db, &lasting).await?);
        forget(db, &forgotten).await
    }
}

/// The transmissions whose counters these events may change.
fn counted(events: &[Arc<Recorded>]) -> Vec<i64> {
    use TransmissionEvent::{
        ResultRecorded, RetryScheduled, SpoolConnected, SpoolHangupRequested, SpoolStarted,
    };
    let changes_none = |event: &TransmissionEvent| {
        matches!(
            event,
            ResultRecorded { .. }
                | RetryScheduled { .. }
                | SpoolConnected { .. }
                | SpoolHangupRequested { .. }
                | SpoolStarted { .. }
        )
    };
    let counted: BTreeSet<i64> = events
        .iter()
        .filter_map(|event| occurred(event))
        .filter(|occurred| !changes_none(occurred.event))
        .map(|occurred| occurred.recorded.aggregate_id)
        .collect();
    counted.into_iter().collect()
}

/// The transmissions that these events delete. No event follows a deletion, so their other
/// events in the batch need not be written.
fn deleted(events: &[Arc<Recorded>]) -> BTreeSet<i64> {
    let is_deletion = |occurred: &Occurred<'_>| {
        matches!(occurred.event, TransmissionEvent::TransmissionDeleted {})
    };
    let deletions = events
        .iter()
        .filter_map(|event| occurred(event))
        .filter(is_deletion);
    deletions
        .map(|occurred| occurred.recorded.aggregate_id)
        .collect()
}

fn erased(events: &[Arc<Recorded>]) -> Vec<i64> {
    let is_erasure = |event: &&Arc<Recorded>| {
        matches!(event.event, Event::Contact(ContactEvent::ContactErased {}))
    };
    let erasures = events.iter().filter(is_erasure);
    erasures.map(|event| event.aggregate_id).collect()
}

/// Records the erased contacts, because events about them may still come.
async fn remember(db: &mut PgConnection, erased: &[i64]) -> Result<Vec<i64>, sqlx::Error> {
    if !erased.is_empty() {
        sqlx::query(
            "insert into erased_contacts (contact_id) select unnest($1::bigint[]) \
             on conflict do nothing",
        )
        .bind(erased)
        .execute(db)
        .await?;
    }
    Ok(erased.to_vec())
}

/// The erased contacts that these events hold texts about. An attempt may end after its contact
/// was erased; its event, fresh from this process, still holds the text that can no longer be
/// read from the log.
async fn spoken_of_after_erasure(
    db: &mut PgConnection,
    events: &[Occurred<'_>],
) -> Result<Vec<i64>, sqlx::Error> {
    let contacts: BTreeSet<i64> = events.iter().filter_map(spoken_of).collect();
    if contacts.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_scalar("select contact_id from erased_contacts where contact_id = any($1)")
        .bind(contacts.into_iter().collect::<Vec<_>>())
        .fetch_all(db)
        .await
}

/// The contact that the remote side's text in this event is about, if there is a text.
fn spoken_of(occurred: &Occurred<'_>) -> Option<i64> {
    use TransmissionEvent::{
        ResultRecorded, SpoolCompleted, SpoolFailed, SpoolOutcomeUnknown, SpoolReceived,
        SpoolResolved,
    };
    let subject = match occurred.event {
        ResultRecorded { results, .. } => results.get().map(|_| results.subject()),
        SpoolReceived { message, .. } => message.get().map(|_| message.subject()),
        SpoolCompleted { response, .. }
        | SpoolFailed { response, .. }
        | SpoolOutcomeUnknown { response, .. }
        | SpoolResolved { response, .. } => response.get().map(|_| response.subject()),
        _ => None,
    };
    let (kind, id) = subject?.as_str().split_once('/')?;
    (kind == Contact::TYPE).then(|| id.parse().ok()).flatten()
}

async fn delete(db: &mut PgConnection, ids: &BTreeSet<i64>) -> Result<(), sqlx::Error> {
    if ids.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = ids.iter().copied().collect();
    for sql in [
        "delete from spool_results r using spools s \
         where s.transmission_id = any($1) and r.spool_id = s.spool_id",
        "delete from spools where transmission_id = any($1)",
        "delete from messages where transmission_id = any($1)",
        "delete from transmissions where transmission_id = any($1)",
    ] {
        sqlx::query(sql).bind(&ids).execute(&mut *db).await?;
    }
    Ok(())
}

/// Removes the remote side's texts about erased contacts, and their results and messages, as a
/// rebuild would: without the key the texts read as empty, and result rows cannot be told apart.
async fn forget(db: &mut PgConnection, contacts: &[i64]) -> Result<(), sqlx::Error> {
    if contacts.is_empty() {
        return Ok(());
    }
    for sql in [
        "delete from spool_results r using transmissions t, spools s \
         where t.contact_id = any($1) and s.transmission_id = t.transmission_id \
           and r.spool_id = s.spool_id",
        "delete from messages m using transmissions t \
         where t.contact_id = any($1) and m.transmission_id = t.transmission_id",
        "update spools s set response = null from transmissions t \
         where t.contact_id = any($1) and s.transmission_id = t.transmission_id \
           and s.response is not null",
        "update transmissions set response = null \
         where contact_id = any($1) and response is not null",
    ] {
        sqlx::query(sql).bind(contacts).execute(&mut *db).await?;
    }
    Ok(())
}
