//! The read model of contacts.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use domain::{
    Event, Id, Owner,
    flow::Service,
    people::{Contact, ContactEvent, ContactProfile},
    reference::TimeZone,
    values::{Body, Line},
};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection, PgPool};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Projection, View,
    counts::Counted,
    reads::{By, Conditions},
    wire,
};

/// A contact as clients see it.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct ContactRow {
    pub contact_id: i64,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub phone: Option<String>,
    pub email: Option<String>,
    pub address: Option<String>,
    pub timezone: Option<String>,
    pub custom1: Option<String>,
    pub custom2: Option<String>,
    pub custom3: Option<String>,
    pub description: Option<String>,
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

/// The filter of a list of contacts.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ContactFilter {
    pub contact_id: Option<i64>,
    pub group_id: Option<i64>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub phone: Option<String>,
    pub email: Option<String>,
}

impl View for ContactRow {
    type Filter = ContactFilter;

    const COLUMNS: &'static str = "t.contact_id, t.first_name, t.last_name, t.phone, t.email, \
        t.address, t.timezone, t.custom1, t.custom2, t.custom3, t.description, t.user_id, t.tenant_id, \
        t.created_position, t.version";
    const FROM: &'static str = "from read.contacts t";
    const ID: &'static str = "t.contact_id";
    const OWNER: Option<&'static str> = Some("t.user_id");
    const SORTS: &'static [(&'static str, By)] = &[
        ("contact_id", By::Number("t.contact_id")),
        ("first_name", By::Text("lower(coalesce(t.first_name, ''))")),
        ("last_name", By::Text("lower(coalesce(t.last_name, ''))")),
        ("phone", By::Text("coalesce(t.phone, '')")),
        ("email", By::Text("lower(coalesce(t.email, ''))")),
    ];

    fn narrow(filter: &ContactFilter, conditions: &mut Conditions<'_>) {
        conditions.exact("t.contact_id", filter.contact_id);
        conditions.within(
            "t.contact_id",
            "select contact_id from read.contact_groups where group_id",
            filter.group_id,
        );
        conditions.contains("t.first_name", &filter.first_name);
        conditions.contains("t.last_name", &filter.last_name);
        conditions.phone("t.phone", &filter.phone);
        conditions.email("t.email", &filter.email);
    }

    fn created_position(&self) -> i64 {
        self.created_position
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// Finds, for each pair of user and address in order, the user's contact with one of the spellings
/// of the address (a phone number, or an email address in lower case); the oldest of several.
pub async fn reached_at(
    pool: &PgPool,
    service: Service,
    addresses: &[(Owner, Vec<String>)],
) -> Result<Vec<Option<i64>>, sqlx::Error> {
    let column = match service {
        Service::Email => "lower(coalesce(email, ''))",
        Service::Voice | Service::Fax | Service::Sms => "coalesce(phone, '')",
    };
    let (mut places, mut spelt) = (Vec::new(), Vec::new());
    let (mut users, mut tenants) = (Vec::new(), Vec::new());
    for (place, (owner, spellings)) in (0_i32..).zip(addresses) {
        for spelling in spellings {
            places.push(place);
            users.push(owner.user.map(Id::get));
            tenants.push(owner.tenant.get());
            spelt.push(spelling);
        }
    }
    // "offset 0" keeps the user out of the inner query: each address is looked up by the
    // index of addresses, whatever the statistics say of users.
    let sql = format!(
        "select distinct on (w.place) w.place, c.contact_id \
         from unnest($1::int[], $2::bigint[], $3::bigint[], $4::text[]) \
           as w (place, user_id, tenant_id, spelling), \
         lateral (select contact_id, user_id, tenant_id, created_position from read.contacts \
           where {column} = w.spelling offset 0) c \
         where c.user_id = w.user_id and c.tenant_id = w.tenant_id \
         order by w.place, c.created_position"
    );
    let found: Vec<(i32, i64)> = sqlx::query_as(&sql)
        .bind(places)
        .bind(users)
        .bind(tenants)
        .bind(spelt)
        .fetch_all(pool)
        .await?;
    let mut contacts = vec![None; addresses.len()];
    for (place, contact) in found {
        if let Some(found) = contacts.get_mut(place as usize) {
            *found = Some(contact);
        }
    }
    Ok(contacts)
}

/// The projection that maintains `contacts` and `contact_counts`.
pub struct Contacts;

const COUNTED: Counted = Counted {
    table: "contact_counts",
    rows: "contacts t",
    by: "t.contact_id",
    service: "0",
    states: ["false"; 3],
};

#[async_trait]
impl Projection for Contacts {
    fn name(&self) -> &'static str {
        "contacts"
    }

    fn follows(&self) -> &'static [&'static str] {
        &[Contact::TYPE]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["contacts", "contact_counts"]
    }

    fn is_heavy(&self) -> bool {
        true
    }

    async fn apply(
        &self,
        db: &mut PgConnection,
        events: &[Arc<Recorded>],
    ) -> Result<(), sqlx::Error> {
        let contacts = fold(events);
        let gone: Vec<i64> = contacts
            .iter()
            .filter(|(_, contact)| contact.is_none())
            .map(|(id, _)| *id)
            .collect();
        let there = contacts
            .iter()
            .filter_map(|(id, c)| c.as_ref().map(|c| (*id, c)));
        let (new, old): (Vec<_>, Vec<_>) = there.partition(|(_, c)| c.created.is_some());
        let (changed, touched): (Vec<_>, Vec<_>) =
            old.into_iter().partition(|(_, c)| c.profile.is_some());
        let new_ids: Vec<i64> = new.iter().map(|(id, _)| *id).collect();
        let before = COUNTED.tally(db, &gone).await?;
        delete(db, &gone).await?;
        update(db, &changed).await?;
        touch(db, &touched).await?;
        insert(db, &new).await?;
        let after = COUNTED.tally(db, &new_ids).await?;
        COUNTED.keep(db, &before, &after).await
    }
}

/// The change of a contact by a batch.
#[derive(Debug, PartialEq)]
struct Folded<'e> {
    /// Owner, position and time, if it was created in this batch.
    created: Option<(Owner, i64, DateTime<Utc>)>,
    /// The new profile; none if the batch does not change it, none inside once it was erased.
    profile: Option<Option<&'e ContactProfile>>,
    updated_at: DateTime<Utc>,
    version: i64,
}

/// Folds events to one change for each contact; none for a contact that was deleted. In the
/// order of the ids, so that locks are always taken in the same order.
fn fold(events: &[Arc<Recorded>]) -> BTreeMap<i64, Option<Folded<'_>>> {
    let mut contacts = BTreeMap::new();
    for recorded in events {
        let Event::Contact(event) = &recorded.event else {
            continue;
        };
        let id = recorded.aggregate_id;
        let so_far: Option<Folded<'_>> = contacts.remove(&id).flatten();
        let created = so_far.as_ref().and_then(|contact| contact.created);
        let folded = |created, profile| {
            Some(Folded {
                created,
                profile,
                updated_at: recorded.occurred_at,
                version: recorded.sequence as i64,
            })
        };
        let now = match event {
            ContactEvent::ContactCreated { owner, profile, .. } => folded(
                Some((*owner, recorded.position, recorded.occurred_at)),
                Some(profile.get()),
            ),
            ContactEvent::ContactUpdated { profile } => folded(created, Some(profile.get())),
            ContactEvent::ContactLinked { .. } | ContactEvent::ContactUnlinked { .. } => {
                folded(created, so_far.and_then(|contact| contact.profile))
            }
            ContactEvent::ContactDeleted {} | ContactEvent::ContactErased {} => None,
        };
        contacts.insert(id, now);
    }
    contacts
}

async fn delete(db: &mut PgConnection, ids: &[i64]) -> Result<(), sqlx::Error> {
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query("delete from contacts where contact_id = any($1)")
        .bind(ids)
        .execute(db)
        .await
        .map(drop)
}

type Rows<'a, 'e> = [(i64, &'a Folded<'e>)];

async fn insert(db: &mut PgConnection, rows: &Rows<'_, '_>) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let created = |rows: &Rows<'_, '_>| rows.iter().filter_map(|(_, row)| row.created).collect();
    let created: Vec<(Owner, i64, DateTime<Utc>)> = created(rows);
    let query = sqlx::query(
        "insert into contacts (contact_id, updated_at, version, first_name, last_name, phone, \
           email, address, custom1, custom2, custom3, description, timezone, \
           user_id, created_position, created_at, tenant_id) \
         select * from unnest($1::bigint[], $2::timestamptz[], $3::bigint[], $4::text[], \
           $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], \
           $11::text[], $12::text[], $13::text[], $14::bigint[], $15::bigint[], \
           $16::timestamptz[], $17::bigint[])",
    );
    bind(query, rows)
        .bind(
            created
                .iter()
                .map(|(owner, _, _)| owner.user.map(Id::get))
                .collect::<Vec<_>>(),
        )
        .bind(
            created
                .iter()
                .map(|(_, position, _)| *position)
                .collect::<Vec<_>>(),
        )
        .bind(created.iter().map(|(_, _, at)| *at).collect::<Vec<_>>())
        .bind(
            created
                .iter()
                .map(|(owner, _, _)| owner.tenant.get())
                .collect::<Vec<_>>(),
        )
        .execute(db)
        .await
        .map(drop)
}

async fn update(db: &mut PgConnection, rows: &Rows<'_, '_>) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let query = sqlx::query(
        "update contacts t set updated_at = u.updated_at, version = u.version, \
           first_name = u.first_name, last_name = u.last_name, phone = u.phone, \
           email = u.email, address = u.address, custom1 = u.custom1, \
           custom2 = u.custom2, custom3 = u.custom3, description = u.description, \
           timezone = u.timezone \
         from unnest($1::bigint[], $2::timestamptz[], $3::bigint[], $4::text[], $5::text[], \
           $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], \
           $12::text[], $13::text[]) as u (contact_id, updated_at, version, first_name, \
           last_name, phone, email, address, custom1, custom2, custom3, description, timezone) \
         where t.contact_id = u.contact_id",
    );
    bind(query, rows).execute(db).await.map(drop)
}

/// Updates the time and version of contacts of which only the groups changed.
async fn touch(db: &mut PgConnection, rows: &Rows<'_, '_>) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "update contacts t set updated_at = u.updated_at, version = u.version \
         from unnest($1::bigint[], $2::timestamptz[], $3::bigint[]) \
           as u (contact_id, updated_at, version) \
         where t.contact_id = u.contact_id",
    )
    .bind(rows.iter().map(|(id, _)| *id).collect::<Vec<_>>())
    .bind(
        rows.iter()
            .map(|(_, row)| row.updated_at)
            .collect::<Vec<_>>(),
    )
    .bind(rows.iter().map(|(_, row)| row.version).collect::<Vec<_>>())
    .execute(db)
    .await
    .map(drop)
}

type Statement<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

/// Binds the columns that inserts and updates have in common.
fn bind<'q>(query: Statement<'q>, rows: &Rows<'_, '_>) -> Statement<'q> {
    let column = |field: fn(&ContactProfile) -> Option<&str>| -> Vec<Option<String>> {
        let value = |row: &Folded<'_>| row.profile.flatten().and_then(field).map(str::to_owned);
        rows.iter().map(|(_, row)| value(row)).collect()
    };
    query
        .bind(rows.iter().map(|(id, _)| *id).collect::<Vec<_>>())
        .bind(
            rows.iter()
                .map(|(_, row)| row.updated_at)
                .collect::<Vec<_>>(),
        )
        .bind(rows.iter().map(|(_, row)| row.version).collect::<Vec<_>>())
        .bind(column(|p| p.first_name.as_ref().map(Line::as_str)))
        .bind(column(|p| p.last_name.as_ref().map(Line::as_str)))
        .bind(column(|p| p.phone.as_ref().map(|phone| phone.as_str())))
        .bind(column(|p| p.email.as_ref().map(|email| email.as_str())))
        .bind(column(|p| p.address.as_ref().map(Line::as_str)))
        .bind(column(|p| p.custom1.as_ref().map(Line::as_str)))
        .bind(column(|p| p.custom2.as_ref().map(Line::as_str)))
        .bind(column(|p| p.custom3.as_ref().map(Line::as_str)))
        .bind(column(|p| p.description.as_ref().map(Body::as_str)))
        .bind(column(|p| p.timezone.as_ref().map(TimeZone::as_str)))
}
