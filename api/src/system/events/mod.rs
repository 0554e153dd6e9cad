//! `GET /events`: the log, for auditors.

mod wanted;

use std::sync::Arc;

use eventstore::{Log, Position, Recorded};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use self::wanted::Wanted;
use super::event_payload::readable;
use crate::{
    Error, Result,
    answer::Answer,
    authorization::{EventLog, Read, Reader},
    openapi::{Routes, op},
};

/// The number of events that are looked up at a time.
const CHUNK: i64 = 500;
/// The number of reads under way at a time.
const AT_ONCE: usize = 4;

pub(super) fn routes() -> Routes {
    Routes::new().get(
        "/events",
        list,
        op("Lists the events of the log").array_of::<Row>(),
    )
}

async fn list(events: Reader<EventLog, Read>, wanted: Wanted) -> Result<Answer> {
    let (pool, log) = (
        events.pool().clone(),
        events.caller().app().commands().store().log(),
    );
    let Some(limit) = wanted.limit else {
        return Answer::stream(all(pool, log.clone(), wanted)).await;
    };
    let total = wanted.count(&pool).await?;
    let positions = wanted.positions(&pool, limit).await?;
    let rows = rows(log, &positions).await?;
    let next = positions.last().filter(|_| positions.len() as i64 == limit);
    let next = next.map(|last| wanted.next_page(*last));
    Ok(Answer::from_value(&rows)?.page(total, next))
}

/// An event as auditors see it.
#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
struct Row {
    position: Position,
    aggregate_type: String,
    aggregate_id: i64,
    sequence: u64,
    event_type: String,
    occurred_at: i64,
    payload: Value,
    metadata: Value,
}

impl From<&Recorded> for Row {
    fn from(recorded: &Recorded) -> Self {
        Self {
            position: recorded.position,
            aggregate_type: recorded.aggregate_type.clone(),
            aggregate_id: recorded.aggregate_id,
            sequence: recorded.sequence,
            event_type: recorded.event_type.clone(),
            occurred_at: recorded.occurred_at.timestamp(),
            payload: readable(&recorded.event),
            metadata: serde_json::to_value(&recorded.metadata).unwrap_or_default(),
        }
    }
}

/// All events that match, chunk by chunk.
fn all(
    pool: sqlx::PgPool,
    log: Log,
    wanted: Wanted,
) -> stream::BoxStream<'static, Result<Row, Error>> {
    let chunks = stream::try_unfold(Some(wanted), move |wanted| {
        let (pool, log) = (pool.clone(), log.clone());
        async move {
            let Some(mut wanted) = wanted else {
                return Ok::<_, Error>(None);
            };
            let positions = wanted.positions(&pool, CHUNK).await?;
            let rows = rows(&log, &positions).await?;
            let full = positions.len() as i64 == CHUNK;
            let next = positions.last().filter(|_| full).map(|last| {
                wanted.after_position = *last;
                wanted
            });
            Ok(Some((stream::iter(rows.into_iter().map(Ok)), next)))
        }
    });
    chunks.try_flatten().boxed()
}

/// The events at these positions. The log reads on from a position, so neighbours are
/// read together.
async fn rows(log: &Log, positions: &[Position]) -> Result<Vec<Row>> {
    let runs = runs(positions);
    let reads = runs
        .into_iter()
        .map(|(first, count)| log.read(first - 1, count));
    let read: Vec<Vec<Arc<Recorded>>> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
    Ok(read
        .iter()
        .flatten()
        .map(|recorded| Row::from(recorded.as_ref()))
        .collect())
}

/// Runs of neighbouring positions: the first of each, and its length.
fn runs(positions: &[Position]) -> Vec<(Position, i64)> {
    let mut runs: Vec<(Position, i64)> = Vec::new();
    for &position in positions {
        match runs.last_mut() {
            Some((first, count)) if *first + *count == position => *count += 1,
            _ => runs.push((position, 1)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_read_together() {
        assert_eq!(runs(&[1, 2, 3, 7, 9, 10]), [(1, 3), (7, 1), (9, 2)]);
        assert_eq!(runs(&[]), []);
    }
}
