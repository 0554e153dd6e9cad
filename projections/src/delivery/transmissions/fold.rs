//! Events of transmissions, folded to one row each.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{
    Id,
    delivery::{Order, Outcome, TransmissionEvent},
    values::Line,
};
use sqlx::{PgConnection, Postgres, postgres::PgArguments, query::Query};

use crate::delivery::deliveries::{Occurred, storable};

/// What a batch made of a transmission. Where a field is empty the row keeps its value.
#[derive(Debug, Default, PartialEq)]
struct Folded<'e> {
    created: Option<Created<'e>>,
    /// The whole order, if it was changed in this batch and not created in it.
    edited: Option<&'e Order>,
    status: Option<&'static str>,
    /// Empty inside: open again.
    outcome: Option<Option<Outcome>>,
    response: Option<Response<'e>>,
    account_id: Option<i64>,
    try_done: Option<i32>,
    last_run: Option<DateTime<Utc>>,
    /// The newest attempt, where the batch names it.
    last_spool: Option<i64>,
    suppressed: Option<bool>,
    updated_at: DateTime<Utc>,
    version: i64,
}

#[derive(Debug, PartialEq)]
struct Created<'e> {
    owner: i64,
    order: &'e Order,
    position: i64,
    at: DateTime<Utc>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Response<'e> {
    /// Nothing once the contact was erased.
    words: Option<&'e String>,
    /// They count only if the row says that this attempt is the last one.
    if_last: Option<i64>,
}

/// Writes what these events made of transmissions.
pub(in crate::delivery) async fn take_in(
    db: &mut PgConnection,
    events: &[Occurred<'_>],
) -> Result<(), sqlx::Error> {
    let transmissions = fold(events);
    let (new, changed): (Vec<_>, Vec<_>) = transmissions
        .iter()
        .map(|(id, folded)| (*id, folded))
        .partition(|(_, folded)| folded.created.is_some());
    edit(db, &changed).await?;
    update(db, &changed).await?;
    insert(db, &new).await
}

fn fold<'e>(events: &[Occurred<'e>]) -> BTreeMap<i64, Folded<'e>> {
    let mut transmissions: BTreeMap<i64, Folded<'e>> = BTreeMap::new();
    for occurred in events {
        let folded = transmissions
            .entry(occurred.recorded.aggregate_id)
            .or_default();
        folded.updated_at = occurred.recorded.occurred_at;
        folded.version = occurred.recorded.sequence as i64;
        folded.take(occurred);
    }
    transmissions
}

impl<'e> Folded<'e> {
    fn take(&mut self, occurred: &Occurred<'e>) {
        use TransmissionEvent::{
            ResultRecorded, RetryScheduled, SpoolCompleted, SpoolConnected, SpoolFailed,
            SpoolOutcomeUnknown, SpoolQueued, SpoolResolved, SpoolStarted, SpoolWithdrawn,
            TransmissionCompleted, TransmissionCreated, TransmissionDeleted, TransmissionFailed,
            TransmissionSuppressed, TransmissionUpdated,
        };
        match occurred.event {
            TransmissionCreated { owner, order, .. } => {
                self.created = Some(Created {
                    owner: owner.get(),
                    order,
                    position: occurred.recorded.position,
                    at: occurred.recorded.occurred_at,
                });
                self.status = Some("pending");
                self.account_id = order.account_id.map(Id::get);
            }
            TransmissionUpdated { order } => {
                self.account_id = order.account_id.map(Id::get);
                match &mut self.created {
                    Some(created) => created.order = order,
                    None => self.edited = Some(order),
                }
            }
            SpoolQueued {
                spool,
                attempt,
                at,
                account_id,
                ..
            } => {
                self.status = Some("processing");
                self.outcome = Some(None);
                self.suppressed = Some(false);
                self.account_id = Some(account_id.get());
                self.try_done = Some(i32::try_from(*attempt).unwrap_or(i32::MAX));
                self.last_run = Some(*at);
                self.last_spool = Some(spool.get());
            }
            SpoolStarted { spool, at, .. } => {
                self.last_run = Some(*at);
                self.last_spool = Some(spool.get());
            }
            SpoolCompleted {
                spool, response, ..
            }
            | SpoolFailed {
                spool, response, ..
            }
            | SpoolOutcomeUnknown {
                spool, response, ..
            } => {
                self.last_spool = Some(spool.get());
                self.response = Some(Response {
                    words: response.get(),
                    if_last: None,
                });
            }
            SpoolResolved {
                spool, response, ..
            } => self.resolve(spool.get(), response.get()),
            TransmissionCompleted { .. } => self.end("completed", Outcome::Delivered),
            TransmissionFailed { outcome, .. } => self.end("failed", *outcome),
            TransmissionSuppressed { reason, .. } => {
                self.end("failed", Outcome::Rejected);
                self.suppressed = Some(true);
                self.response = Some(Response {
                    words: Some(reason),
                    if_last: None,
                });
            }
            SpoolWithdrawn { attempt, .. } => {
                self.status = Some("pending");
                let before = i32::try_from(*attempt).unwrap_or(i32::MAX) - 1;
                self.try_done = Some(before);
            }
            SpoolConnected { .. }
            | ResultRecorded { .. }
            | RetryScheduled { .. }
            | TransmissionDeleted {} => {}
        }
    }

    fn end(&mut self, status: &'static str, outcome: Outcome) {
        self.status = Some(status);
        self.outcome = Some(Some(outcome));
    }

    /// An attempt may be settled long after newer ones: then its words are only its own.
    fn resolve(&mut self, spool: i64, words: Option<&'e String>) {
        let if_last = match self.last_spool {
            Some(last) if last == spool => None,
            Some(_) => return,
            None => Some(spool),
        };
        self.response = Some(Response { words, if_last });
    }
}

type Rows<'a, 'e> = [(i64, &'a Folded<'e>)];

async fn insert(db: &mut PgConnection, rows: &Rows<'_, '_>) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let created: Vec<_> = rows
        .iter()
        .filter_map(|(_, row)| row.created.as_ref())
        .collect();
    let line = |field: fn(&Order) -> &Option<Line>| -> Vec<Option<String>> {
        let value = |created: &&Created<'_>| field(created.order).clone().map(String::from);
        created.iter().map(value).collect()
    };
    let query = sqlx::query(
        "insert into transmissions (transmission_id, updated_at, version, status, outcome, \
           response, account_id, try_done, last_run, last_spool_id, user_id, title, origin, \
           contact_id, program_id, service_flag, direction, try_allowed, created_position, \
           created_at, suppressed, campaign_id) \
         select u.transmission_id, u.updated_at, u.version, u.status, u.outcome, u.response, \
           u.account_id, coalesce(u.try_done, 0), u.last_run, u.last_spool_id, u.user_id, \
           u.title, u.origin, u.contact_id, u.program_id, u.service_flag, u.direction, \
           u.try_allowed, u.position, u.created_at, coalesce(u.suppressed, false), u.campaign_id \
         from unnest($1::bigint[], $2::timestamptz[], $3::bigint[], $4::text[], $5::bool[], \
           $6::text[], $7::bool[], $8::text[], $9::bigint[], $10::bigint[], $11::int[], \
           $12::timestamptz[], $13::bigint[], $14::bool[], $15::bigint[], $16::text[], \
           $17::text[], $18::bigint[], $19::bigint[], $20::int[], $21::text[], $22::int[], \
           $23::bigint[], $24::timestamptz[], $25::bigint[]) \
           as u (transmission_id, updated_at, version, status, new_outcome, outcome, \
           new_response, response, if_last, account_id, try_done, last_run, last_spool_id, \
           suppressed, user_id, title, origin, contact_id, program_id, service_flag, direction, \
           try_allowed, position, created_at, campaign_id)",
    );
    bind(query, rows)
        .bind(created.iter().map(|c| c.owner).collect::<Vec<_>>())
        .bind(line(|order| &order.title))
        .bind(line(|order| &order.origin))
        .bind(
            created
                .iter()
                .map(|c| c.order.contact_id.get())
                .collect::<Vec<_>>(),
        )
        .bind(
            created
                .iter()
                .map(|c| c.order.program_id.get())
                .collect::<Vec<_>>(),
        )
        .bind(
            created
                .iter()
                .map(|c| c.order.service.flag())
                .collect::<Vec<_>>(),
        )
        .bind(
            created
                .iter()
                .map(|c| c.order.direction.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(created.iter().map(|c| tries(c.order)).collect::<Vec<_>>())
        .bind(created.iter().map(|c| c.position).collect::<Vec<_>>())
        .bind(created.iter().map(|c| c.at).collect::<Vec<_>>())
        .bind(
            created
                .iter()
                .map(|c| c.order.campaign_id.map(Id::get))
                .collect::<Vec<_>>(),
        )
        .execute(db)
        .await
        .map(drop)
}

/// Takes changed orders over. Seldom, so one by one.
async fn edit(db: &mut PgConnection, rows: &Rows<'_, '_>) -> Result<(), sqlx::Error> {
    for (id, order) in rows.iter().filter_map(|(id, row)| Some((id, row.edited?))) {
        sqlx::query(
            "update transmissions set title = $2, origin = $3, contact_id = $4, \
               account_id = $5, program_id = $6, service_flag = $7, try_allowed = $8 \
             where transmission_id = $1",
        )
        .bind(id)
        .bind(order.title.clone().map(String::from))
        .bind(order.origin.clone().map(String::from))
        .bind(order.contact_id.get())
        .bind(order.account_id.map(Id::get))
        .bind(order.program_id.get())
        .bind(order.service.flag())
        .bind(tries(order))
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

fn tries(order: &Order) -> i32 {
    i32::try_from(order.try_allowed).unwrap_or(i32::MAX)
}

async fn update(db: &mut PgConnection, rows: &Rows<'_, '_>) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let query = sqlx::query(
        "update transmissions t set updated_at = u.updated_at, version = u.version, \
           status = coalesce(u.status, t.status), \
           outcome = case when u.new_outcome then u.outcome else t.outcome end, \
           response = case when u.new_response \
               and coalesce(u.if_last = t.last_spool_id, u.if_last is null) \
             then u.response else t.response end, \
           account_id = coalesce(u.account_id, t.account_id), \
           try_done = coalesce(u.try_done, t.try_done), \
           last_run = coalesce(u.last_run, t.last_run), \
           last_spool_id = coalesce(u.last_spool_id, t.last_spool_id), \
           suppressed = coalesce(u.suppressed, t.suppressed) \
         from unnest($1::bigint[], $2::timestamptz[], $3::bigint[], $4::text[], $5::bool[], \
           $6::text[], $7::bool[], $8::text[], $9::bigint[], $10::bigint[], $11::int[], \
           $12::timestamptz[], $13::bigint[], $14::bool[]) \
           as u (transmission_id, updated_at, version, status, new_outcome, outcome, \
           new_response, response, if_last, account_id, try_done, last_run, last_spool_id, \
           suppressed) \
         where t.transmission_id = u.transmission_id",
    );
    bind(query, rows).execute(db).await.map(drop)
}

/// Binds what inserts and updates have in common, column by column.
fn bind<'q>(
    query: Query<'q, Postgres, PgArguments>,
    rows: &Rows<'_, '_>,
) -> Query<'q, Postgres, PgArguments> {
    let outcome = |row: &Folded<'_>| row.outcome.flatten().map(Outcome::as_str);
    let words = |row: &Folded<'_>| row.response.and_then(|r| r.words.map(|w| storable(w)));
    let if_last = |row: &Folded<'_>| row.response.and_then(|response| response.if_last);
    query
        .bind(rows.iter().map(|(id, _)| *id).collect::<Vec<_>>())
        .bind(
            rows.iter()
                .map(|(_, row)| row.updated_at)
                .collect::<Vec<_>>(),
        )
        .bind(rows.iter().map(|(_, row)| row.version).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, row)| row.status).collect::<Vec<_>>())
        .bind(
            rows.iter()
                .map(|(_, row)| row.outcome.is_some())
                .collect::<Vec<_>>(),
        )
        .bind(rows.iter().map(|(_, row)| outcome(row)).collect::<Vec<_>>())
        .bind(
            rows.iter()
                .map(|(_, row)| row.response.is_some())
                .collect::<Vec<_>>(),
        )
        .bind(rows.iter().map(|(_, row)| words(row)).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, row)| if_last(row)).collect::<Vec<_>>())
        .bind(
            rows.iter()
                .map(|(_, row)| row.account_id)
                .collect::<Vec<_>>(),
        )
        .bind(rows.iter().map(|(_, row)| row.try_done).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, row)| row.last_run).collect::<Vec<_>>())
        .bind(
            rows.iter()
                .map(|(_, row)| row.last_spool)
                .collect::<Vec<_>>(),
        )
        .bind(
            rows.iter()
                .map(|(_, row)| row.suppressed)
                .collect::<Vec<_>>(),
        )
}

#[cfg(test)]
mod tests {
    use domain::{Personal, Subject};
    use eventstore::{Metadata, Recorded};

    use super::*;

    fn recorded(sequence: u64, event: TransmissionEvent) -> Recorded {
        Recorded {
            position: 100,
            aggregate_type: "transmission".into(),
            aggregate_id: 1,
            sequence,
            event_type: String::new(),
            occurred_at: DateTime::default(),
            metadata: Metadata::default(),
            event: event.into(),
        }
    }

    fn settled(spool: i64) -> TransmissionEvent {
        TransmissionEvent::SpoolResolved {
            spool: Id::new(spool),
            at: DateTime::default(),
            outcome: Outcome::Delivered,
            response: Personal::of(Subject::new("contact", 1), "late".into()),
        }
    }

    fn started(spool: i64) -> TransmissionEvent {
        TransmissionEvent::SpoolStarted {
            spool: Id::new(spool),
            at: DateTime::default(),
            claim: String::new(),
            provider: Id::new(1),
            worker: String::new(),
            campaign: None,
        }
    }

    /// What a batch of these says of the response: its condition, if it says anything.
    fn response_after(events: &[TransmissionEvent]) -> Option<Option<i64>> {
        let events: Vec<_> = (1..)
            .zip(events)
            .map(|(n, e)| recorded(n, e.clone()))
            .collect();
        let occurred: Vec<_> = events
            .iter()
            .map(|recorded| match &recorded.event {
                domain::Event::Transmission(event) => Occurred { recorded, event },
                _ => unreachable!(),
            })
            .collect();
        fold(&occurred)[&1]
            .response
            .map(|response| response.if_last)
    }

    #[test]
    fn what_settles_an_old_attempt_is_not_the_last_word() {
        assert_eq!(response_after(&[started(2), settled(1)]), None);
        assert_eq!(response_after(&[started(1), settled(1)]), Some(None));
        assert_eq!(
            response_after(&[settled(1)]),
            Some(Some(1)),
            "only the row can tell"
        );
    }
}
