//! Writes the rows of transmissions, a batch at a time.

use domain::{
    Id,
    delivery::{Order, Outcome},
    values::Line,
};
use sqlx::{PgConnection, Postgres, postgres::PgArguments, query::Query};

use super::fold::{Created, Folded, fold};
use crate::delivery::occurred::{Occurred, storable};

/// Applies these events to the rows of transmissions.
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
           created_at, suppressed, campaign_id, tenant_id) \
         select u.transmission_id, u.updated_at, u.version, u.status, u.outcome, u.response, \
           u.account_id, coalesce(u.try_done, 0), u.last_run, u.last_spool_id, u.user_id, \
           u.title, u.origin, u.contact_id, u.program_id, u.service_flag, u.direction, \
           u.try_allowed, u.position, u.created_at, coalesce(u.suppressed, false), u.campaign_id, \
           u.tenant_id \
         from unnest($1::bigint[], $2::timestamptz[], $3::bigint[], $4::text[], $5::bool[], \
           $6::text[], $7::bool[], $8::text[], $9::bigint[], $10::bigint[], $11::int[], \
           $12::timestamptz[], $13::bigint[], $14::bool[], $15::bigint[], $16::text[], \
           $17::text[], $18::bigint[], $19::bigint[], $20::int[], $21::text[], $22::int[], \
           $23::bigint[], $24::timestamptz[], $25::bigint[], $26::bigint[]) \
           as u (transmission_id, updated_at, version, status, new_outcome, outcome, \
           new_response, response, if_last, account_id, try_done, last_run, last_spool_id, \
           suppressed, user_id, title, origin, contact_id, program_id, service_flag, direction, \
           try_allowed, position, created_at, campaign_id, tenant_id)",
    );
    bind(query, rows)
        .bind(
            created
                .iter()
                .map(|c| c.owner.user.map(Id::get))
                .collect::<Vec<_>>(),
        )
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
        .bind(
            created
                .iter()
                .map(|c| c.owner.tenant.get())
                .collect::<Vec<_>>(),
        )
        .execute(db)
        .await
        .map(drop)
}

/// Writes changed orders, one by one because they are rare.
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

/// Binds the columns that inserts and updates have in common.
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
