//! Snapshots of aggregates with long histories: states from which a load starts, made after
//! every 100 events. They are optional: without a snapshot the whole history is read.

use cqrs_es::{
    Aggregate,
    persist::{PersistedEventRepository, SerializedSnapshot},
};
use domain::{Entity, Id, Personal, Subject};
use postgres_es::PostgresEventRepository;
use sqlx::PgPool;

use crate::{
    StoreError,
    codec::{Encoded, Place, collect_subjects, unseal},
    keys::Keys,
    loaded::Loaded,
};

/// A snapshot is made whenever this many events have come since the last.
pub(crate) const EVERY: u64 = 100;

/// True if a commit from sequence `before` to sequence `after` makes a snapshot due.
pub(crate) fn is_due(before: u64, after: u64) -> bool {
    before / EVERY != after / EVERY
}

/// The newest snapshot, if there is one that can still be read.
pub(crate) async fn load<A: Entity>(
    repository: &PostgresEventRepository,
    keys: &Keys,
    id: Id<A>,
) -> Result<Option<Loaded<A>>, StoreError> {
    let found = repository.get_snapshot::<A>(&id.to_string()).await;
    let Some(snapshot) = found? else {
        return Ok(None);
    };
    let SerializedSnapshot {
        mut aggregate,
        current_sequence,
        ..
    } = snapshot;
    let aggregate_id = id.to_string();
    let place = Place {
        aggregate_type: A::TYPE,
        aggregate_id: &aggregate_id,
        sequence: current_sequence as u64,
    };
    let mut subjects = std::collections::HashSet::new();
    collect_subjects(&aggregate, &mut subjects);
    let keys = keys.read(subjects).await?;
    if unseal(&mut aggregate, place, &keys).is_err() {
        return Ok(None);
    }
    // A snapshot in an older form is no error: the whole history is read instead.
    let state = match serde_json::from_value::<Personal<A>>(aggregate.clone()) {
        Ok(sealed) => sealed.into_inner(),
        Err(_) => serde_json::from_value::<A>(aggregate).ok(),
    };
    Ok(state.map(|aggregate| Loaded {
        aggregate,
        version: current_sequence as u64,
        last: None,
    }))
}

/// Saves a snapshot. If the aggregate has a key of its own as a subject, the whole state is
/// sealed with that key.
pub(crate) async fn save<A: Entity>(
    pool: &PgPool,
    keys: &Keys,
    id: Id<A>,
    state: Loaded<A>,
) -> Result<(), StoreError> {
    let own: Subject = id.subject();
    let has_key = !keys.read([own.clone()]).await?.is_empty();
    let encoded = if has_key {
        Encoded::encode(&Personal::new(own, state.aggregate))
    } else {
        Encoded::encode(&state.aggregate)
    };
    let encoded =
        encoded.map_err(|error| StoreError::Database(sqlx::Error::Encode(error.into())))?;
    let keys = keys.read(encoded.subjects.iter().cloned()).await?;
    let aggregate_id = id.to_string();
    let place = Place {
        aggregate_type: A::TYPE,
        aggregate_id: &aggregate_id,
        sequence: state.version,
    };
    let payload = encoded.seal(place, &keys)?;
    sqlx::query(
        "insert into snapshots (aggregate_type, aggregate_id, last_sequence, current_snapshot, payload) \
         values ($1, $2, $3, 1, $4::json) \
         on conflict (aggregate_type, aggregate_id) do update \
         set last_sequence = excluded.last_sequence, payload = excluded.payload, \
             current_snapshot = snapshots.current_snapshot + 1 \
         where snapshots.last_sequence < excluded.last_sequence",
    )
    .bind(<A as Aggregate>::TYPE)
    .bind(&aggregate_id)
    .bind(state.version as i64)
    .bind(payload)
    .execute(pool)
    .await?;
    Ok(())
}
