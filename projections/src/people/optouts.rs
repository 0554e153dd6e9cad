//! The read model of opt-outs, the do-not-contact list. The suppression check before sending
//! uses the log instead.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use domain::{
    Event, Id, Owner,
    people::{Address, Channel, OptOut, OptOutEvent, OptOutSource, normal_address},
    values::Line,
};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Projection, View,
    reads::{By, Conditions},
    wire,
};

/// An opt-out as clients see it.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct OptOutRow {
    pub optout_id: i64,
    pub channel: String,
    pub address: Option<String>,
    pub reason: Option<String>,
    pub source: String,
    pub user_id: i64,
    /// The tenant; absent for the first one.
    #[serde(skip_serializing_if = "wire::is_first_tenant")]
    #[schema(required = false)]
    pub tenant_id: i64,
    #[serde(skip)]
    pub created_position: i64,
    #[serde(skip)]
    pub version: i64,
}

/// The filter of a list of opt-outs.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct OptOutFilter {
    pub optout_id: Option<i64>,
    pub channel: Option<String>,
    pub address: Option<String>,
    pub reason: Option<String>,
    pub source: Option<String>,
}

impl View for OptOutRow {
    type Filter = OptOutFilter;

    const COLUMNS: &'static str = "t.optout_id, t.channel, t.address, t.reason, t.source, \
        t.user_id, t.tenant_id, t.created_position, t.version";
    const FROM: &'static str = "from read.optouts t";
    const ID: &'static str = "t.optout_id";
    const OWNER: Option<&'static str> = Some("t.user_id");
    const SORTS: &'static [(&'static str, By)] = &[
        ("optout_id", By::Number("t.optout_id")),
        ("channel", By::Text("t.channel")),
        ("address", By::Text("lower(coalesce(t.address, ''))")),
        ("source", By::Text("t.source")),
    ];

    fn narrow(filter: &OptOutFilter, conditions: &mut Conditions<'_>) {
        conditions.exact("t.optout_id", filter.optout_id);
        conditions.one_of("t.channel", &filter.channel, &Channel::NAMES);
        conditions.contains("t.address", &filter.address.as_deref().map(sought));
        conditions.contains("t.reason", &filter.reason);
        conditions.one_of("t.source", &filter.source, &OptOutSource::NAMES);
    }

    fn created_position(&self) -> i64 {
        self.created_position
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// The normal form of a phone number in a filter, so that it is found in any spelling; other
/// texts stay as they are.
fn sought(address: &str) -> String {
    match address.parse() {
        Ok(Address::Phone(phone)) => normal_address(phone.as_str()),
        _ => address.to_owned(),
    }
}

/// The projection that maintains `optouts`.
pub struct OptOuts;

#[async_trait]
impl Projection for OptOuts {
    fn name(&self) -> &'static str {
        "optouts"
    }

    fn follows(&self) -> &'static [&'static str] {
        &[OptOut::TYPE]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["optouts"]
    }

    async fn apply(
        &self,
        db: &mut PgConnection,
        events: &[Arc<Recorded>],
    ) -> Result<(), sqlx::Error> {
        let Folded { new, changed, gone } = fold(events);
        insert(db, &new).await?;
        update(db, &changed).await?;
        delete(db, &gone).await
    }
}

/// The changes of opt-outs by a batch, by id, so that locks are always taken in the same order.
#[derive(Debug, Default, PartialEq)]
struct Folded<'e> {
    new: BTreeMap<i64, Added<'e>>,
    /// Changes of opt-outs that existed before the batch.
    changed: BTreeMap<i64, Latest<'e>>,
    /// Deleted opt-outs that existed before the batch.
    gone: Vec<i64>,
}

#[derive(Debug, PartialEq)]
struct Added<'e> {
    owner: Owner,
    channel: Channel,
    address: Option<&'e str>,
    source: OptOutSource,
    position: i64,
    created_at: DateTime<Utc>,
    latest: Latest<'e>,
}

/// The fields that can change, as of the last event.
#[derive(Debug, PartialEq)]
struct Latest<'e> {
    reason: Option<&'e str>,
    at: DateTime<Utc>,
    version: i64,
}

impl<'e> Latest<'e> {
    fn from_recorded(recorded: &Recorded, reason: &'e Option<Line>) -> Self {
        Self {
            reason: reason.as_ref().map(Line::as_str),
            at: recorded.occurred_at,
            version: recorded.sequence as i64,
        }
    }
}

fn fold(events: &[Arc<Recorded>]) -> Folded<'_> {
    let mut folded = Folded::default();
    for recorded in events {
        let Event::OptOut(event) = &recorded.event else {
            continue;
        };
        let id = recorded.aggregate_id;
        match event {
            OptOutEvent::OptOutAdded {
                owner,
                channel,
                address,
                reason,
                source,
                ..
            } => {
                let added = Added {
                    owner: *owner,
                    channel: *channel,
                    address: address.get().map(String::as_str),
                    source: *source,
                    position: recorded.position,
                    created_at: recorded.occurred_at,
                    latest: Latest::from_recorded(recorded, reason),
                };
                folded.new.insert(id, added);
            }
            OptOutEvent::OptOutChanged { reason } => match folded.new.get_mut(&id) {
                Some(added) => added.latest = Latest::from_recorded(recorded, reason),
                None => drop(
                    folded
                        .changed
                        .insert(id, Latest::from_recorded(recorded, reason)),
                ),
            },
            OptOutEvent::OptOutRemoved {} => {
                folded.changed.remove(&id);
                if folded.new.remove(&id).is_none() {
                    folded.gone.push(id);
                }
            }
        }
    }
    folded.gone.sort_unstable();
    folded
}

async fn insert(db: &mut PgConnection, new: &BTreeMap<i64, Added<'_>>) -> Result<(), sqlx::Error> {
    if new.is_empty() {
        return Ok(());
    }
    let rows = || new.values();
    let user = |row: &Added<'_>| row.owner.user.map(Id::get);
    sqlx::query(
        "insert into optouts (optout_id, user_id, channel, address, reason, source, \
           created_position, created_at, updated_at, version, tenant_id) \
         select * from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], \
           $6::text[], $7::bigint[], $8::timestamptz[], $9::timestamptz[], $10::bigint[], \
           $11::bigint[])",
    )
    .bind(new.keys().copied().collect::<Vec<_>>())
    .bind(rows().map(user).collect::<Vec<_>>())
    .bind(rows().map(|row| row.channel.name()).collect::<Vec<_>>())
    .bind(rows().map(|row| row.address).collect::<Vec<_>>())
    .bind(rows().map(|row| row.latest.reason).collect::<Vec<_>>())
    .bind(rows().map(|row| row.source.name()).collect::<Vec<_>>())
    .bind(rows().map(|row| row.position).collect::<Vec<_>>())
    .bind(rows().map(|row| row.created_at).collect::<Vec<_>>())
    .bind(rows().map(|row| row.latest.at).collect::<Vec<_>>())
    .bind(rows().map(|row| row.latest.version).collect::<Vec<_>>())
    .bind(rows().map(|row| row.owner.tenant.get()).collect::<Vec<_>>())
    .execute(db)
    .await
    .map(drop)
}

async fn update(
    db: &mut PgConnection,
    changed: &BTreeMap<i64, Latest<'_>>,
) -> Result<(), sqlx::Error> {
    if changed.is_empty() {
        return Ok(());
    }
    let rows = || changed.values();
    sqlx::query(
        "update optouts t set reason = u.reason, updated_at = u.updated_at, version = u.version \
         from unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::bigint[]) \
           as u (optout_id, reason, updated_at, version) \
         where t.optout_id = u.optout_id",
    )
    .bind(changed.keys().copied().collect::<Vec<_>>())
    .bind(rows().map(|row| row.reason).collect::<Vec<_>>())
    .bind(rows().map(|row| row.at).collect::<Vec<_>>())
    .bind(rows().map(|row| row.version).collect::<Vec<_>>())
    .execute(db)
    .await
    .map(drop)
}

async fn delete(db: &mut PgConnection, gone: &[i64]) -> Result<(), sqlx::Error> {
    if gone.is_empty() {
        return Ok(());
    }
    sqlx::query("delete from optouts where optout_id = any($1)")
        .bind(gone)
        .execute(db)
        .await
        .map(drop)
}
