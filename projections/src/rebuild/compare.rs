//! Compares the live tables with a rebuild from the log.

use std::time::Duration;

use eventstore::subscriber::Subscriber as _;
use eventstore::{Log, Position};
use sqlx::Executor as _;
use tokio::time::sleep;

use super::{Building, RebuildError};

/// The most checks whether the live projection has reached the position of the rebuild.
const LOOKS: u32 = 200;
const PAUSE: Duration = Duration::from_millis(50);

/// The most differences that are listed for each table and side.
const SPELLED_OUT: i64 = 20;

/// Rebuilds a projection beside the live one and compares the two row by row at the same
/// position. Answers a line for each difference; none if they are equal.
pub async fn differences(log: &Log, name: &str) -> Result<Vec<String>, RebuildError> {
    let mut building = Building::begin(log, name).await?;
    building
        .catch_up(&mut |_: Position, _: Position| {})
        .await?;
    for _ in 0..LOOKS {
        building.db.execute("begin").await?;
        let live = building.hold_checkpoint().await?;
        if live >= building.seen {
            building.take_in_until(live).await?;
            let found = compare(&mut building).await;
            building.db.execute("rollback").await?;
            let found = found?;
            building.abandon().await?;
            return Ok(found);
        }
        building.db.execute("rollback").await?;
        sleep(PAUSE).await;
    }
    let name = building.projection.name();
    building.abandon().await?;
    Err(RebuildError::Restless(name))
}

async fn compare(building: &mut Building) -> Result<Vec<String>, sqlx::Error> {
    building
        .db
        .execute("reset enable_seqscan; reset enable_hashjoin; reset enable_mergejoin")
        .await?;
    let mut found = Vec::new();
    for table in building.projection.0.tables() {
        for (side, here, there) in [("live", "read", "rebuild"), ("rebuilt", "rebuild", "read")] {
            let sql = format!(
                "select to_jsonb(d)::text from ( \
                   select * from {here}.{table} except all select * from {there}.{table} \
                 ) d limit $1"
            );
            let rows: Vec<String> = sqlx::query_scalar(&sql)
                .bind(SPELLED_OUT)
                .fetch_all(&mut building.db)
                .await?;
            found.extend(
                rows.iter()
                    .map(|row| format!("{table}: only {side}: {row}")),
            );
        }
    }
    Ok(found)
}
