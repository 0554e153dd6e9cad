//! The progress of campaigns: counts of their transmissions by outcome, and starts per second.
//! Updated with the transmissions, from which it is computed.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SubsecRound, Utc};
use domain::delivery::TransmissionEvent;
use serde::Serialize;
use sqlx::{FromRow, PgConnection, PgPool};

use super::occurred::Occurred;

/// Retention of the numbers of attempts started per second, in seconds.
const KEPT: f64 = 60.0;

/// The numbers of a campaign's transmissions, by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromRow, Serialize)]
#[allow(missing_docs)]
pub struct Progress {
    /// All transmissions that the campaign made.
    pub made: i64,
    /// Transmissions that have ended, with any outcome.
    pub done: i64,
    pub delivered: i64,
    pub rejected: i64,
    pub unanswered: i64,
    pub unavailable: i64,
    pub unknown: i64,
    /// Transmissions not sent, because they must not be or cannot be.
    pub suppressed: i64,
}

/// The progress of this campaign.
pub async fn read(pool: &PgPool, campaign_id: i64) -> Result<Progress, sqlx::Error> {
    let progress = sqlx::query_as(
        "select made, done, delivered, rejected, unanswered, unavailable, unknown, suppressed \
         from read.campaign_progress where campaign_id = $1",
    )
    .bind(campaign_id)
    .fetch_optional(pool)
    .await?;
    Ok(progress.unwrap_or_default())
}

/// Progress by campaign, possibly of only some of their transmissions.
pub(super) type Tally = BTreeMap<i64, Progress>;

/// Counts those of these transmissions that belong to campaigns.
pub(super) async fn tally(db: &mut PgConnection, ids: &[i64]) -> Result<Tally, sqlx::Error> {
    #[derive(FromRow)]
    struct Row {
        campaign_id: i64,
        #[sqlx(flatten)]
        progress: Progress,
    }
    if ids.is_empty() {
        return Ok(Tally::new());
    }
    let rows: Vec<Row> = sqlx::query_as(
        "select t.campaign_id, count(*) as made, \
           count(*) filter (where t.status in ('completed', 'failed')) as done, \
           count(*) filter (where t.outcome = 'delivered') as delivered, \
           count(*) filter (where t.outcome = 'rejected' and not t.suppressed) as rejected, \
           count(*) filter (where t.outcome = 'unanswered') as unanswered, \
           count(*) filter (where t.outcome = 'unavailable') as unavailable, \
           count(*) filter (where t.outcome = 'unknown') as unknown, \
           count(*) filter (where t.suppressed) as suppressed \
         from transmissions t \
         where t.transmission_id = any($1) and t.campaign_id is not null group by 1",
    )
    .bind(ids)
    .fetch_all(db)
    .await?;
    let tally = rows.into_iter().map(|row| (row.campaign_id, row.progress));
    Ok(tally.collect())
}

/// Updates the counters by the difference between the rows before and after a change.
pub(super) async fn keep(
    db: &mut PgConnection,
    before: &Tally,
    after: &Tally,
) -> Result<(), sqlx::Error> {
    let none = Progress::default();
    let ids: BTreeSet<i64> = before.keys().chain(after.keys()).copied().collect();
    let changes: Vec<(i64, [i64; 8])> = ids
        .into_iter()
        .map(|id| {
            let old = before.get(&id).unwrap_or(&none).columns();
            let new = after.get(&id).unwrap_or(&none).columns();
            (id, std::array::from_fn(|at| new[at] - old[at]))
        })
        .filter(|(_, change)| *change != [0; 8])
        .collect();
    if changes.is_empty() {
        return Ok(());
    }
    let column = |at: usize| changes.iter().map(|(_, c)| c[at]).collect::<Vec<_>>();
    let mut query = sqlx::query(
        "insert into campaign_progress as t (campaign_id, made, done, delivered, rejected, \
           unanswered, unavailable, unknown, suppressed) \
         select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], \
           $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[]) \
         on conflict (campaign_id) do update set made = t.made + excluded.made, \
           done = t.done + excluded.done, delivered = t.delivered + excluded.delivered, \
           rejected = t.rejected + excluded.rejected, \
           unanswered = t.unanswered + excluded.unanswered, \
           unavailable = t.unavailable + excluded.unavailable, \
           unknown = t.unknown + excluded.unknown, \
           suppressed = t.suppressed + excluded.suppressed",
    )
    .bind(changes.iter().map(|(id, _)| *id).collect::<Vec<_>>());
    for at in 0..8 {
        query = query.bind(column(at));
    }
    query.execute(&mut *db).await?;
    // A rebuild makes no rows for campaigns whose transmissions are all deleted.
    let fewer = changes.iter().filter(|(_, change)| change[0] < 0);
    let fewer: Vec<i64> = fewer.map(|(id, _)| *id).collect();
    if fewer.is_empty() {
        return Ok(());
    }
    sqlx::query("delete from campaign_progress where campaign_id = any($1) and made = 0")
        .bind(fewer)
        .execute(db)
        .await
        .map(drop)
}

impl Progress {
    fn columns(&self) -> [i64; 8] {
        [
            self.made,
            self.done,
            self.delivered,
            self.rejected,
            self.unanswered,
            self.unavailable,
            self.unknown,
            self.suppressed,
        ]
    }
}

/// Counts the attempts that these events started, by campaign and second.
pub(super) async fn take_in(
    db: &mut PgConnection,
    events: &[Occurred<'_>],
) -> Result<(), sqlx::Error> {
    let mut starts: BTreeMap<(i64, DateTime<Utc>), i64> = BTreeMap::new();
    for Occurred { event, .. } in events {
        if let TransmissionEvent::SpoolStarted {
            at,
            campaign: Some(campaign),
            ..
        } = event
        {
            *starts
                .entry((campaign.get(), at.trunc_subsecs(0)))
                .or_default() += 1;
        }
    }
    if starts.is_empty() {
        return Ok(());
    }
    let campaigns: Vec<i64> = starts.keys().map(|(campaign, _)| *campaign).collect();
    let seconds: Vec<DateTime<Utc>> = starts.keys().map(|(_, second)| *second).collect();
    sqlx::query(
        "insert into campaign_starts as t (campaign_id, second, starts) \
         select * from unnest($1::bigint[], $2::timestamptz[], $3::bigint[]) \
         on conflict (campaign_id, second) do update set starts = t.starts + excluded.starts",
    )
    .bind(&campaigns)
    .bind(&seconds)
    .bind(starts.into_values().collect::<Vec<_>>())
    .execute(&mut *db)
    .await?;
    sqlx::query(
        "delete from campaign_starts t using (select campaign_id, max(second) as last \
           from unnest($1::bigint[], $2::timestamptz[]) as u (campaign_id, second) group by 1) n \
         where t.campaign_id = n.campaign_id and t.second < n.last - make_interval(secs => $3)",
    )
    .bind(campaigns)
    .bind(seconds)
    .bind(KEPT)
    .execute(db)
    .await
    .map(drop)
}
