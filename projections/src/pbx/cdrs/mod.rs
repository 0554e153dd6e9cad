//! The read model of call detail records: a row for each call that has ended.
//!
//! A call is an attempt of service voice, or a session that the remote side opened. Until it ends
//! it is in `open_calls`, which holds what its record will show.

mod changes;
mod disposition;
mod ended_call;
mod open_call;
mod write;

use std::{collections::BTreeSet, ops::Range, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc, serde::ts_seconds, serde::ts_seconds_option};
use cqrs_es::Aggregate;
use domain::{
    Event, Id, Scope,
    access::Tenant,
    delivery::{Transmission, TransmissionEvent},
    people::{Contact, ContactEvent},
};
use eventstore::Recorded;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection, PgPool};
use utoipa::{IntoParams, ToSchema};

use self::changes::{Changes, call_of};
use crate::{
    Page, Projection, Query, View, list,
    reads::{By, Conditions, Sort},
    wire,
};

pub use disposition::{Disposition, NoDisposition};

/// A call detail record as clients see it.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
pub struct CdrRow {
    /// The id, which is also that of the attempt.
    pub cdr_id: i64,
    /// The transmission of the attempt.
    pub transmission_id: i64,
    /// The code of the tenant.
    pub accountcode: Option<String>,
    /// The time of dialling or arrival.
    #[serde(with = "ts_seconds")]
    #[schema(value_type = i64)]
    pub started_at: DateTime<Utc>,
    /// The time of the answer; null if there was none.
    #[serde(with = "ts_seconds_option")]
    #[schema(value_type = Option<i64>)]
    pub answered_at: Option<DateTime<Utc>>,
    /// The time of the end.
    #[serde(with = "ts_seconds")]
    #[schema(value_type = i64)]
    pub ended_at: DateTime<Utc>,
    /// The name and number that the caller showed; null for outbound calls.
    pub clid: Option<String>,
    /// The number that called; null for outbound calls.
    pub realsrc: Option<String>,
    /// The number that called; null for outbound calls.
    pub src: Option<String>,
    /// The number that was called.
    pub dst: Option<String>,
    /// The first number that was called.
    pub firstdst: Option<String>,
    /// The last number that was called.
    pub lastdst: Option<String>,
    /// The place in the PBX at which the call ended.
    pub wherelanded: Option<String>,
    /// The seconds from start to end, each that began.
    pub duration: i32,
    /// The seconds from answer to end, each that began; 0 without an answer.
    pub billsec: i32,
    /// ANSWERED, NO ANSWER, BUSY or FAILED.
    #[schema(example = "ANSWERED")]
    pub disposition: String,
    /// The billed amount: seconds.
    pub cc_cost: i32,
    /// A note on the call.
    pub userfield: Option<String>,
    /// The owner.
    pub user_id: Option<i64>,
    /// The tenant; absent for the first one.
    #[serde(skip_serializing_if = "wire::is_first_tenant")]
    #[schema(required = false)]
    pub tenant_id: i64,
    #[serde(skip)]
    #[allow(missing_docs)]
    pub created_position: i64,
    #[serde(skip)]
    #[allow(missing_docs)]
    pub version: i64,
}

/// The filter of a list of call detail records.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct CdrFilter {
    pub cdr_id: Option<i64>,
    pub transmission_id: Option<i64>,
    /// The last digits of the number that called.
    pub src: Option<String>,
    /// The last digits of the number that was called.
    pub dst: Option<String>,
    /// The last digits of the first number that was called.
    pub firstdst: Option<String>,
    /// ANSWERED, NO ANSWER, BUSY or FAILED.
    #[param(value_type = Option<String>)]
    pub disposition: Option<Disposition>,
    pub cc_cost: Option<i64>,
    /// The times between which the call began, the second one excluded.
    #[serde(skip)]
    #[param(ignore)]
    pub started: Option<Range<DateTime<Utc>>>,
}

/// The order of the calls' beginnings.
const BY_START: By = By::Time("t.started_at");

impl View for CdrRow {
    type Filter = CdrFilter;

    const COLUMNS: &'static str = "t.cdr_id, t.transmission_id, \
        (select c.code from read.tenants c where c.tenant_id = t.tenant_id) as accountcode, \
        t.started_at, t.answered_at, t.ended_at, t.clid, t.realsrc, t.src, t.dst, t.firstdst, \
        t.lastdst, t.wherelanded, t.duration, t.billsec, t.disposition, t.cc_cost, t.userfield, \
        t.user_id, t.tenant_id, t.created_position, t.version";
    const FROM: &'static str = "from read.cdrs t";
    const ID: &'static str = "t.cdr_id";
    const OWNER: Option<&'static str> = Some("t.user_id");
    const SORTS: &'static [(&'static str, By)] =
        &[("cdr_id", By::Number("t.cdr_id")), ("started_at", BY_START)];

    fn narrow(filter: &CdrFilter, conditions: &mut Conditions<'_>) {
        conditions.exact("t.cdr_id", filter.cdr_id);
        conditions.exact("t.transmission_id", filter.transmission_id);
        conditions.phone("t.src", &filter.src);
        conditions.phone("t.dst", &filter.dst);
        conditions.phone("t.firstdst", &filter.firstdst);
        conditions.exact("t.disposition", filter.disposition.map(Disposition::as_str));
        conditions.exact("t.cc_cost", filter.cc_cost);
        if let Some(Range { start, end }) = &filter.started {
            conditions.compare("t.started_at", ">=", Some(*start));
            conditions.compare("t.started_at", "<", Some(*end));
        }
    }

    fn created_position(&self) -> i64 {
        self.created_position
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// The calls of a tenant that match a filter, in the order in which they began.
pub fn history(
    pool: &PgPool,
    tenant: Id<Tenant>,
    filter: CdrFilter,
    scope: &Scope,
) -> BoxStream<'static, Result<CdrRow, sqlx::Error>> {
    list(pool, history_query(tenant, filter), scope)
}

pub(crate) fn history_query(tenant: Id<Tenant>, filter: CdrFilter) -> Query<CdrRow> {
    Query {
        tenant: Some(tenant.get()),
        page: Page {
            sort: Some(Sort::ascending(BY_START)),
            ..Page::default()
        },
        ..Query::by(filter)
    }
}

/// The projection that maintains `cdrs`, `open_calls` and `cdr_erased_contacts`.
pub struct Cdrs;

#[async_trait]
impl Projection for Cdrs {
    fn name(&self) -> &'static str {
        "cdrs"
    }

    fn follows(&self) -> &'static [&'static str] {
        &[Transmission::TYPE]
    }

    fn needs(&self) -> &'static [&'static str] {
        &[Transmission::TYPE, Contact::TYPE]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["cdrs", "open_calls", "cdr_erased_contacts"]
    }

    fn finds_by(&self) -> &'static [&'static str] {
        &["cdrs.contact_id", "open_calls.contact_id"]
    }

    fn wants(&self, event: &Recorded) -> bool {
        match &event.event {
            Event::Transmission(event) => call_of(event).is_some(),
            event => is_erasure(event),
        }
    }

    fn is_heavy(&self) -> bool {
        true
    }

    async fn apply(
        &self,
        db: &mut PgConnection,
        events: &[Arc<Recorded>],
    ) -> Result<(), sqlx::Error> {
        let ids: BTreeSet<i64> = of_transmissions(events)
            .filter_map(|(_, event)| call_of(event))
            .collect();
        let open = write::open(db, &ids).await?;
        let mut changes = Changes::fold(open, of_transmissions(events));
        write::write(db, &changes).await?;
        let erased = events.iter().filter(|it| is_erasure(&it.event));
        let erased = erased.map(|it| it.aggregate_id).collect();
        write::remember(db, &erased).await?;
        changes.contacts.extend(erased);
        write::forget(db, &changes.contacts).await
    }
}

fn is_erasure(event: &Event) -> bool {
    matches!(event, Event::Contact(ContactEvent::ContactErased {}))
}

fn of_transmissions(
    events: &[Arc<Recorded>],
) -> impl Iterator<Item = (&Recorded, &TransmissionEvent)> {
    events.iter().filter_map(|recorded| match &recorded.event {
        Event::Transmission(event) => Some((recorded.as_ref(), event.as_ref())),
        _ => None,
    })
}
