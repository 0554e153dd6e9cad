//! The statements of the appender.

use std::{borrow::Cow, sync::Arc};

use sqlx::{PgConnection, PgExecutor, PgPool};

use crate::{
    Metadata, Position, effect,
    member::{Effects, Member},
};
use domain::Claim;

/// The number of the first parameter of other crates' effects in `append_with_effects.sql`.
const FIRST_OF_EFFECTS: usize = 19;

/// Appends all events of all members, with their effects, in one statement; one
/// transaction, one round trip.
pub(crate) async fn append(
    db: &mut PgConnection,
    members: &[Member],
) -> Result<Vec<Position>, sqlx::Error> {
    let columns = Columns::from_members(members);
    let has_effects = members
        .iter()
        .any(|member| member.effects != Effects::default());
    let others = effect::Columns::new(members.iter().flat_map(|member| &member.effects.others));
    let sql = if has_effects {
        let clauses = others.clauses(FIRST_OF_EFFECTS);
        Cow::Owned(include_str!("append_with_effects.sql").replace("/* effects */", &clauses))
    } else {
        Cow::Borrowed(include_str!("append.sql"))
    };
    let query = sqlx::query_scalar(&sql)
        .bind(columns.aggregate_type)
        .bind(columns.aggregate_id)
        .bind(columns.sequence)
        .bind(columns.event_type)
        .bind(columns.event_version)
        .bind(columns.payload)
        .bind(columns.metadata)
        .bind(columns.occurred_at)
        .bind(columns.commit_id);
    if !has_effects {
        return query.fetch_all(db).await;
    }
    let effects = || members.iter().map(|member| &member.effects);
    let (claim_scope, claim_value, claim_holder) = unzip3(effects().flat_map(|effects| {
        let claims = effects.claim.iter();
        claims.map(|(claim, holder)| (claim.scope, claim.value.as_str(), holder.as_str()))
    }));
    let (release_scope, release_value, release_holder) = unzip3(effects().flat_map(|effects| {
        let released = effects.release.iter();
        released.map(|(claim, holder)| (claim.scope, claim.value.as_str(), holder.as_str()))
    }));
    let (key_subject, key_sealed): (Vec<_>, Vec<_>) = effects()
        .flat_map(|effects| &effects.keys)
        .map(|(subject, sealed)| (subject.as_str(), sealed.as_slice()))
        .unzip();
    let erase: Vec<_> = effects()
        .flat_map(|effects| &effects.erase)
        .map(|subject| subject.as_str())
        .collect();
    let query = query
        .bind(claim_scope)
        .bind(claim_value)
        .bind(claim_holder)
        .bind(release_scope)
        .bind(release_value)
        .bind(key_subject)
        .bind(key_sealed)
        .bind(erase)
        .bind(release_holder);
    others
        .arrays()
        .fold(query, |query, array| query.bind(array))
        .fetch_all(db)
        .await
}

/// The positions of a member's events, if they are in the log.
pub(crate) async fn positions_of(
    db: &mut PgConnection,
    member: &Member,
) -> Result<Option<Vec<Position>>, sqlx::Error> {
    // Effects without events leave no trace in the log, and can be repeated.
    let Some(first) = member.events.first() else {
        return Ok(None);
    };
    // By the primary key of the first event: an index on commit_id would cost
    // every append something, and this is asked only after an answer was lost.
    let positions: Vec<Position> = sqlx::query_scalar(
        "select e.position from events f join events e \
           on e.position >= f.position and e.position < f.position + $5 \
          and e.commit_id = f.commit_id \
         where f.aggregate_type = $1 and f.aggregate_id = $2 and f.sequence = $3 \
           and f.commit_id = $4::uuid \
         order by e.position",
    )
    .bind(first.aggregate_type)
    .bind(first.aggregate_id.to_string())
    .bind(first.sequence as i64)
    .bind(&member.commit_id)
    .bind(member.events.len() as i64)
    .fetch_all(db)
    .await?;
    Ok((positions.len() == member.events.len()).then_some(positions))
}

/// The holder of a unique name, as `type/id`.
pub(crate) async fn holder_of(
    db: impl PgExecutor<'_>,
    claim: &Claim,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar("select holder from claims where scope = $1 and value = $2")
        .bind(claim.scope)
        .bind(&claim.value)
        .fetch_optional(db)
        .await
}

/// Those of these names in a scope that are held, each with its holder: one look-up in the
/// primary key for each. With `any`, Postgres would read the whole scope while the table is
/// small.
pub(crate) async fn holders_of(
    pool: &PgPool,
    scope: &str,
    values: &[String],
) -> Result<Vec<(String, String)>, sqlx::Error> {
    sqlx::query_as(
        "select held.value, held.holder from unnest($2::text[]) as w (value), \
         lateral (select value, holder from claims c \
           where c.scope = $1 and c.value = w.value offset 0) held",
    )
    .bind(scope)
    .bind(values)
    .fetch_all(pool)
    .await
}

/// The events of a group, column by column.
#[derive(Default)]
struct Columns<'a> {
    aggregate_type: Vec<&'a str>,
    aggregate_id: Vec<String>,
    sequence: Vec<i64>,
    event_type: Vec<&'a str>,
    event_version: Vec<&'a str>,
    payload: Vec<&'a str>,
    metadata: Vec<String>,
    occurred_at: Vec<chrono::DateTime<chrono::Utc>>,
    commit_id: Vec<&'a str>,
}

impl<'a> Columns<'a> {
    fn from_members(members: &'a [Member]) -> Self {
        let mut columns = Self::default();
        for member in members {
            let mut before: Option<&Arc<Metadata>> = None;
            for (event, metadata) in member.events.iter().zip(&member.metadata) {
                // Events of one commit mostly share their metadata.
                let shared = before.filter(|before| Arc::ptr_eq(before, metadata));
                let text = match (shared, columns.metadata.last()) {
                    (Some(_), Some(text)) => text.clone(),
                    // A map of plain strings and numbers always has a JSON form.
                    _ => serde_json::to_string(metadata.as_ref()).unwrap_or_default(),
                };
                before = Some(metadata);
                columns.aggregate_type.push(event.aggregate_type);
                columns.aggregate_id.push(event.aggregate_id.to_string());
                columns.sequence.push(event.sequence as i64);
                columns.event_type.push(&event.event_type);
                columns.event_version.push(&event.event_version);
                columns.payload.push(&event.payload);
                columns.metadata.push(text);
                columns.occurred_at.push(member.occurred_at);
                columns.commit_id.push(&member.commit_id);
            }
        }
        columns
    }
}

fn unzip3<A, B, C>(rows: impl Iterator<Item = (A, B, C)>) -> (Vec<A>, Vec<B>, Vec<C>) {
    let mut columns = (Vec::new(), Vec::new(), Vec::new());
    for (a, b, c) in rows {
        columns.0.push(a);
        columns.1.push(b);
        columns.2.push(c);
    }
    columns
}
