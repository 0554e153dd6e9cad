//! The read model of groups and their contacts.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use domain::{
    Event, Id,
    people::{Contact, ContactEvent, Group, GroupEvent},
    values::Body,
};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use sqlx::{Executor as _, FromRow, PgConnection, PgPool};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Projection, View,
    counts::Counted,
    reads::{By, Conditions},
    wire, writes,
};

/// A group as clients see it.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct GroupRow {
    pub group_id: i64,
    /// The id again, under its name in the API documentation.
    pub id: i64,
    pub name: String,
    pub description: Option<String>,
    pub contact_total: i64,
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

/// The filter of a list of groups.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct GroupFilter {
    pub group_id: Option<i64>,
    pub id: Option<i64>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub contact_total: Option<i64>,
}

impl View for GroupRow {
    type Filter = GroupFilter;

    const COLUMNS: &'static str = "t.group_id, t.group_id as id, t.name, t.description, \
        t.contact_total, t.user_id, t.tenant_id, t.created_position, t.version";
    const FROM: &'static str = "from read.groups t";
    const ID: &'static str = "t.group_id";
    const OWNER: Option<&'static str> = Some("t.user_id");
    const SORTS: &'static [(&'static str, By)] = &[
        ("group_id", By::Number("t.group_id")),
        ("name", By::Text("lower(t.name)")),
        ("contact_total", By::Number("t.contact_total")),
    ];

    fn narrow(filter: &GroupFilter, conditions: &mut Conditions<'_>) {
        conditions.exact("t.group_id", filter.group_id);
        conditions.exact("t.group_id", filter.id);
        conditions.contains("t.name", &filter.name);
        conditions.contains("t.description", &filter.description);
        conditions.exact("t.contact_total", filter.contact_total);
    }

    fn created_position(&self) -> i64 {
        self.created_position
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// The contacts of a group with these phone numbers, as pairs of phone and contact; the oldest
/// of several with the same phone.
pub async fn by_phone(
    pool: &PgPool,
    group_id: i64,
    phones: &[&str],
) -> Result<Vec<(String, i64)>, sqlx::Error> {
    let mut lookup = pool.begin().await?;
    // During an import the tables were small a moment ago and have no fresh statistics: by
    // itself the planner would read them from end to end each time.
    lookup.execute(BY_KEY_FOR_ONCE).await?;
    // Reversed, because phones are indexed that way. Forced to go from the phone to the group:
    // a new group has no statistics either, and a plan that began with its contacts would look
    // for every phone once for each of them.
    let found = sqlx::query_as(
        "select distinct on (t.phone) t.phone, t.contact_id \
         from unnest($2::text[]) as u (phone) \
         cross join lateral (select c.phone, c.contact_id, c.created_position \
           from read.contacts c where reverse(c.phone) = reverse(u.phone) offset 0) t \
         cross join lateral (select from read.contact_groups l \
           where l.group_id = $1 and l.contact_id = t.contact_id limit 1) l \
         order by t.phone, t.created_position",
    )
    .bind(group_id)
    .bind(phones)
    .persistent(false)
    .fetch_all(&mut *lookup)
    .await?;
    lookup.commit().await?;
    Ok(found)
}

/// The number of contacts in a group.
pub async fn contacts(pool: &PgPool, group_id: i64) -> Result<i64, sqlx::Error> {
    let total = sqlx::query_scalar("select contact_total from read.groups where group_id = $1")
        .bind(group_id)
        .fetch_optional(pool)
        .await?;
    Ok(total.unwrap_or_default())
}

const BY_KEY_FOR_ONCE: &str = "set local enable_seqscan = off; \
    set local enable_hashjoin = off; set local enable_mergejoin = off";

/// The projection that maintains `groups`, `contact_groups` and `group_counts`.
pub struct Groups;

const COUNTED: Counted = Counted {
    table: "group_counts",
    rows: "groups t",
    by: "t.group_id",
    service: "0",
    states: ["false"; 3],
};

#[async_trait]
impl Projection for Groups {
    fn name(&self) -> &'static str {
        "groups"
    }

    fn follows(&self) -> &'static [&'static str] {
        &[Contact::TYPE, Group::TYPE]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["groups", "contact_groups", "group_counts"]
    }

    fn finds_by(&self) -> &'static [&'static str] {
        &["contact_groups.contact_id"]
    }

    fn wants(&self, event: &Recorded) -> bool {
        matches!(
            event.event,
            Event::Group(_)
                | Event::Contact(
                    ContactEvent::ContactLinked { .. }
                        | ContactEvent::ContactUnlinked { .. }
                        | ContactEvent::ContactDeleted {}
                        | ContactEvent::ContactErased {}
                )
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
        let is_group = |event: &&Arc<Recorded>| event.aggregate_type == Group::TYPE;
        let groups = events.iter().filter(is_group);
        let groups: Vec<i64> = groups.map(|event| event.aggregate_id).collect();
        let before = COUNTED.tally(db, &groups).await?;
        let mut moves = Moves::default();
        for recorded in events {
            match &recorded.event {
                Event::Contact(event) => moves.add(recorded, event),
                Event::Group(event) => {
                    // The creation or deletion of a group affects only the moves after it.
                    std::mem::take(&mut moves).write(db).await?;
                    apply(db, recorded, event).await?;
                }
                _ => {}
            }
        }
        moves.write(db).await?;
        let after = COUNTED.tally(db, &groups).await?;
        COUNTED.keep(db, &before, &after).await
    }
}

/// The moves of contacts into and out of groups, in a run of events.
#[derive(Debug, Default, PartialEq)]
struct Moves {
    /// The contacts that were deleted.
    gone: BTreeSet<i64>,
    /// The moves by group and contact, so that locks are always taken in the same order.
    pairs: BTreeMap<(i64, i64), Move>,
}

/// The change of the link between a contact and a group.
#[derive(Debug, Default, PartialEq)]
struct Move {
    /// True if the link from before is to be deleted.
    out: bool,
    /// The time and position of the new link, if there is one.
    into: Option<(DateTime<Utc>, i64)>,
}

impl Moves {
    fn add(&mut self, recorded: &Recorded, event: &ContactEvent) {
        let contact = recorded.aggregate_id;
        match event {
            ContactEvent::ContactLinked { group } => {
                let pair = self.pairs.entry((group.get(), contact)).or_default();
                pair.into = Some((recorded.occurred_at, recorded.position));
            }
            ContactEvent::ContactUnlinked { group } => {
                let pair = self.pairs.entry((group.get(), contact)).or_default();
                *pair = Move {
                    out: true,
                    into: None,
                };
            }
            ContactEvent::ContactDeleted {} | ContactEvent::ContactErased {} => {
                self.gone.insert(contact);
            }
            _ => {}
        }
    }

    async fn write(mut self, db: &mut PgConnection) -> Result<(), sqlx::Error> {
        if !self.gone.is_empty() {
            let gone = &self.gone;
            self.pairs.retain(|(_, contact), _| !gone.contains(contact));
            let gone: Vec<i64> = self.gone.into_iter().collect();
            let delete = "delete from contact_groups where contact_id = any($1)";
            sqlx::query(&counted(delete, '-'))
                .bind(gone)
                .execute(&mut *db)
                .await?;
        }
        let out: (Vec<i64>, Vec<i64>) = self
            .pairs
            .iter()
            .filter(|(_, pair)| pair.out)
            .map(|(ids, _)| *ids)
            .unzip();
        if !out.0.is_empty() {
            let delete = "delete from contact_groups using unnest($1::bigint[], $2::bigint[]) \
                as u (group_id, contact_id) \
                where contact_groups.group_id = u.group_id \
                  and contact_groups.contact_id = u.contact_id";
            sqlx::query(&counted(delete, '-'))
                .bind(out.0)
                .bind(out.1)
                .execute(&mut *db)
                .await?;
        }
        let into = self.pairs.into_iter();
        let into: Vec<(_, (DateTime<Utc>, i64))> = into
            .filter_map(|(ids, pair)| Some((ids, pair.into?)))
            .collect();
        if into.is_empty() {
            return Ok(());
        }
        // A group may have been deleted while a contact was being added to it.
        let insert = "insert into contact_groups (group_id, contact_id, linked_at, \
              linked_position) \
            select u.* from unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::bigint[]) \
              as u (group_id, contact_id, linked_at, linked_position) \
            where exists (select from groups g where g.group_id = u.group_id)";
        sqlx::query(&counted(insert, '+'))
            .bind(into.iter().map(|(ids, _)| ids.0).collect::<Vec<_>>())
            .bind(into.iter().map(|(ids, _)| ids.1).collect::<Vec<_>>())
            .bind(into.iter().map(|(_, since)| since.0).collect::<Vec<_>>())
            .bind(into.iter().map(|(_, since)| since.1).collect::<Vec<_>>())
            .execute(db)
            .await
            .map(drop)
    }
}

/// A statement that inserts or deletes links, and updates the totals of the groups that it
/// touches.
fn counted(change: &str, sign: char) -> String {
    format!(
        "with changed as ({change} returning contact_groups.group_id), \
           counts as (select group_id, count(*) as number from changed group by group_id) \
         update groups g set contact_total = g.contact_total {sign} c.number \
         from counts c where g.group_id = c.group_id"
    )
}

async fn apply(
    db: &mut PgConnection,
    recorded: &Recorded,
    event: &GroupEvent,
) -> Result<(), sqlx::Error> {
    let id = recorded.aggregate_id;
    match event {
        GroupEvent::GroupCreated {
            owner,
            name,
            description,
            ..
        } => {
            sqlx::query(
                "insert into groups (group_id, user_id, tenant_id, name, description, \
                   contact_total, created_position, created_at, updated_at, version) \
                 values ($1, $2, $3, $4, $5, 0, $6, $7, $7, $8)",
            )
            .bind(id)
            .bind(owner.user.map(Id::get))
            .bind(owner.tenant.get())
            .bind(name.as_str())
            .bind(description.as_ref().map(Body::as_str))
            .bind(recorded.position)
            .bind(recorded.occurred_at)
            .bind(recorded.sequence as i64)
            .execute(db)
            .await?;
        }
        GroupEvent::GroupUpdated { name, description } => {
            sqlx::query(
                "update groups set name = $2, description = $3, updated_at = $4, version = $5 \
                 where group_id = $1",
            )
            .bind(id)
            .bind(name.as_str())
            .bind(description.as_ref().map(Body::as_str))
            .bind(recorded.occurred_at)
            .bind(recorded.sequence as i64)
            .execute(db)
            .await?;
        }
        GroupEvent::GroupDeleted {} => {
            writes::delete(db, recorded, &["contact_groups", "groups"], "group_id").await?;
        }
    }
    Ok(())
}
