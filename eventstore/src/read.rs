//! Turns stored rows into events: unseals, upcasts and decodes them.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use cqrs_es::persist::{EventUpcaster, SerializedEvent};
use domain::{Event, Subject};
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor, PgPool};

use crate::{
    Metadata, Position, Recorded, StoreError,
    codec::{Place, collect_subjects, unseal},
    keys::{Keys, SubjectKey},
    upcasters,
};

/// A row of the log, in full.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Row {
    pub position: Position,
    pub aggregate_type: String,
    pub aggregate_id: String,
    pub sequence: i64,
    pub event_type: String,
    pub event_version: String,
    pub payload: Value,
    pub metadata: Value,
    pub occurred_at: DateTime<Utc>,
}

/// The columns of a [`Row`], for a `select`.
pub(crate) const COLUMNS: &str = "position, aggregate_type, aggregate_id, sequence, event_type, \
     event_version, payload, metadata, occurred_at";

/// Reads stored events.
#[derive(Clone)]
pub(crate) struct Reader {
    pub pool: PgPool,
    pub keys: Keys,
    upcasters: Arc<Vec<Box<dyn EventUpcaster>>>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reader")
    }
}

impl Reader {
    pub fn new(pool: PgPool, keys: Keys) -> Self {
        Self {
            pool,
            keys,
            upcasters: Arc::new(upcasters::all()),
        }
    }

    /// The events above a position, at most `limit`.
    pub async fn after(
        &self,
        position: Position,
        limit: i64,
    ) -> Result<Vec<Arc<Recorded>>, StoreError> {
        let rows = rows_after(&self.pool, position, limit).await?;
        self.recorded(&self.pool, rows).await
    }

    /// As [`Reader::after`], with all reads over one connection.
    pub async fn after_on(
        &self,
        db: &mut PgConnection,
        position: Position,
        limit: i64,
    ) -> Result<Vec<Arc<Recorded>>, StoreError> {
        let rows = rows_after(&mut *db, position, limit).await?;
        self.recorded(db, rows).await
    }

    /// Decodes rows in their order, with one look-up of all keys that are needed.
    pub async fn recorded(
        &self,
        db: impl PgExecutor<'_>,
        mut rows: Vec<Row>,
    ) -> Result<Vec<Arc<Recorded>>, StoreError> {
        let payloads = rows.iter().map(|row| &row.payload);
        let keys = self.keys_for(db, payloads).await?;
        let mut events = Vec::with_capacity(rows.len());
        for row in rows.drain(..) {
            events.push(Arc::new(self.decode(row, &keys)));
        }
        Ok(events)
    }

    /// Decodes a row. An event that cannot be read becomes [`Event::Unreadable`], so that it does
    /// not hold up subscribers that do not need it.
    fn decode(&self, row: Row, keys: &HashMap<Subject, SubjectKey>) -> Recorded {
        let (position, occurred_at) = (row.position, row.occurred_at);
        let metadata = Metadata::deserialize_or_default(&row.metadata);
        let aggregate_type = row.aggregate_type.clone();
        let aggregate_id = row.aggregate_id.parse().unwrap_or_default();
        let sequence = u64::try_from(row.sequence).unwrap_or_default();
        let event_type = row.event_type.clone();
        let event = self.event(row, keys);
        Recorded {
            position,
            aggregate_type,
            aggregate_id,
            sequence,
            event_type,
            occurred_at,
            metadata,
            event: event.unwrap_or_else(|error| Event::Unreadable(error.to_string())),
        }
    }

    fn event(&self, row: Row, keys: &HashMap<Subject, SubjectKey>) -> Result<Event, StoreError> {
        let stored = SerializedEvent {
            aggregate_id: row.aggregate_id,
            sequence: usize::try_from(row.sequence).unwrap_or_default(),
            aggregate_type: row.aggregate_type,
            event_type: row.event_type,
            event_version: row.event_version,
            payload: row.payload,
            metadata: row.metadata,
        };
        let stored = self.opened(stored, keys)?;
        if stored.aggregate_id.parse::<i64>().is_err() {
            return Err(unreadable(&stored, "its id is no number"));
        }
        match Event::decode(&stored.aggregate_type, stored.payload.clone()) {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(unreadable(&stored, &error.to_string())),
            None => Err(unreadable(&stored, "its kind is not known")),
        }
    }

    /// Unseals and upcasts stored events of one or several aggregates.
    pub async fn open_all(
        &self,
        events: Vec<SerializedEvent>,
    ) -> Result<Vec<SerializedEvent>, StoreError> {
        let payloads = events.iter().map(|event| &event.payload);
        let keys = self.keys_for(&self.pool, payloads).await?;
        events
            .into_iter()
            .map(|event| self.opened(event, &keys))
            .collect()
    }

    async fn keys_for<'a>(
        &self,
        db: impl PgExecutor<'_>,
        payloads: impl Iterator<Item = &'a Value>,
    ) -> Result<HashMap<Subject, SubjectKey>, StoreError> {
        let mut subjects = HashSet::new();
        payloads.for_each(|payload| collect_subjects(payload, &mut subjects));
        self.keys.read_over(db, subjects).await
    }

    fn opened(
        &self,
        mut event: SerializedEvent,
        keys: &HashMap<Subject, SubjectKey>,
    ) -> Result<SerializedEvent, StoreError> {
        let place = Place {
            aggregate_type: &event.aggregate_type,
            aggregate_id: &event.aggregate_id,
            sequence: event.sequence as u64,
        };
        unseal(&mut event.payload, place, keys)?;
        Ok(upcasters::upcast(&self.upcasters, event))
    }
}

async fn rows_after(
    db: impl PgExecutor<'_>,
    position: Position,
    limit: i64,
) -> Result<Vec<Row>, sqlx::Error> {
    let sql =
        format!("select {COLUMNS} from events where position > $1 order by position limit $2");
    let query = sqlx::query_as(&sql).bind(position).bind(limit);
    query.fetch_all(db).await
}

/// The error that names a stored event which cannot be read.
pub(crate) fn unreadable(event: &SerializedEvent, reason: &str) -> StoreError {
    StoreError::Unreadable {
        aggregate_type: event.aggregate_type.clone(),
        aggregate_id: event.aggregate_id.clone(),
        sequence: event.sequence as u64,
        event_type: event.event_type.clone(),
        reason: reason.to_owned(),
    }
}
