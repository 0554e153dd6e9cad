//! The read model of schedules.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc, serde::ts_seconds_option};
use cqrs_es::Aggregate;
use domain::{
    Event, Id, Owner,
    delivery::{
        Job, Schedule, ScheduleEvent,
        schedule::{Plan, Recurrence, When},
    },
};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection, PgPool, Postgres, postgres::PgArguments, query::Query};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Projection, View,
    reads::{By, Conditions},
    wire, writes,
};

/// A schedule as clients see it.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct ScheduleRow {
    pub schedule_id: i64,
    pub action: String,
    pub transmission_id: Option<i64>,
    pub campaign_id: Option<i64>,
    pub state: String,
    pub timezone: String,
    /// The time of a schedule that fires only once.
    #[sqlx(rename = "at")]
    #[serde(rename = "timestamp", with = "ts_seconds_option")]
    #[schema(value_type = Option<i64>)]
    pub at: Option<DateTime<Utc>>,
    pub year: Option<String>,
    pub month: Option<String>,
    pub day: Option<String>,
    pub weekday: Option<String>,
    pub hour: Option<String>,
    pub minute: Option<String>,
    /// The time at which it is due next; null once it is done.
    #[serde(with = "ts_seconds_option")]
    #[schema(value_type = Option<i64>)]
    pub next_run: Option<DateTime<Utc>>,
    /// The action for a time that was missed in an outage: `run` or `skip`.
    pub if_missed: String,
    /// The time at which it last fired.
    #[serde(with = "ts_seconds_option")]
    #[schema(value_type = Option<i64>)]
    pub last_run: Option<DateTime<Utc>>,
    /// The result when it was last due: `done`, `missed`, or the reason of a refusal.
    pub last_result: Option<String>,
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

/// The filter of a list of schedules.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ScheduleFilter {
    pub schedule_id: Option<i64>,
    pub action: Option<String>,
    pub transmission_id: Option<i64>,
    pub campaign_id: Option<i64>,
    pub state: Option<String>,
    pub timezone: Option<String>,
    pub if_missed: Option<String>,
}

impl View for ScheduleRow {
    type Filter = ScheduleFilter;

    const COLUMNS: &'static str = "t.schedule_id, t.action, t.transmission_id, t.campaign_id, \
        t.state, t.timezone, t.at, t.year, t.month, t.day, t.weekday, t.hour, t.minute, \
        t.next_run, t.if_missed, t.last_run, t.last_result, t.user_id, t.tenant_id, t.created_position, t.version";
    const FROM: &'static str = "from read.schedules t";
    const ID: &'static str = "t.schedule_id";
    const OWNER: Option<&'static str> = Some("t.user_id");
    const SORTS: &'static [(&'static str, By)] = &[
        ("schedule_id", By::Number("t.schedule_id")),
        ("action", By::Text("t.action")),
        // Schedules that are done sort last by `next_run`, those that never ran first by
        // `last_run`.
        (
            "next_run",
            By::Time("coalesce(t.next_run, '9999-12-31 00:00Z')"),
        ),
        ("last_run", By::Time("coalesce(t.last_run, 'epoch')")),
    ];

    fn narrow(filter: &ScheduleFilter, conditions: &mut Conditions<'_>) {
        conditions.exact("t.schedule_id", filter.schedule_id);
        conditions.exact("t.action", filter.action.clone());
        conditions.exact("t.transmission_id", filter.transmission_id);
        conditions.exact("t.campaign_id", filter.campaign_id);
        conditions.exact("t.state", filter.state.clone());
        conditions.exact("t.timezone", filter.timezone.clone());
        conditions.exact("t.if_missed", filter.if_missed.clone());
    }

    fn created_position(&self) -> i64 {
        self.created_position
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// A schedule that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub struct DueRow {
    /// The schedule.
    pub schedule_id: i64,
    /// The transmission that it acts on, or none.
    pub transmission_id: Option<i64>,
    /// The campaign that it acts on, or none.
    pub campaign_id: Option<i64>,
}

/// The schedules that are due, the longest waiting first. They may have fired or changed since
/// the read model was updated: the log decides.
pub async fn due(
    pool: &PgPool,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<DueRow>, sqlx::Error> {
    sqlx::query_as(
        "select schedule_id, transmission_id, campaign_id from read.schedules \
         where state = 'pending' and next_run <= $1 order by next_run limit $2",
    )
    .bind(now)
    .bind(limit)
    .fetch_all(pool)
    .await
}

/// The pending schedules of a user, the oldest first, at most `limit`.
pub async fn pending_of_user(
    pool: &PgPool,
    user_id: i64,
    limit: i64,
) -> Result<Vec<i64>, sqlx::Error> {
    sqlx::query_scalar(
        "select schedule_id from read.schedules where user_id = $1 and state = 'pending' \
         order by created_position limit $2",
    )
    .bind(user_id)
    .bind(limit)
    .fetch_all(pool)
    .await
}

/// The projection that maintains `schedules`.
pub struct Schedules;

#[async_trait]
impl Projection for Schedules {
    fn name(&self) -> &'static str {
        "schedules"
    }

    fn follows(&self) -> &'static [&'static str] {
        &[Schedule::TYPE]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["schedules"]
    }

    async fn apply(
        &self,
        db: &mut PgConnection,
        events: &[Arc<Recorded>],
    ) -> Result<(), sqlx::Error> {
        for recorded in events {
            match &recorded.event {
                Event::Schedule(ScheduleEvent::ScheduleCreated {
                    owner, job, plan, ..
                }) => create(db, recorded, *owner, *job, plan).await?,
                Event::Schedule(ScheduleEvent::ScheduleChanged { plan }) => {
                    change(db, recorded, plan).await?;
                }
                Event::Schedule(ScheduleEvent::ScheduleFired {
                    at,
                    refused,
                    next_run,
                    ..
                }) => {
                    let result = refused.as_deref().unwrap_or("done");
                    go_on(db, recorded, *next_run, Some(*at), result).await?;
                }
                Event::Schedule(ScheduleEvent::ScheduleMissed { next_run, .. }) => {
                    go_on(db, recorded, *next_run, None, "missed").await?;
                }
                Event::Schedule(ScheduleEvent::ScheduleCancelled { .. }) => {
                    writes::delete(db, recorded, &["schedules"], "schedule_id").await?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

async fn create(
    db: &mut PgConnection,
    recorded: &Recorded,
    owner: Owner,
    job: Job,
    plan: &Plan,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query(
        "insert into schedules (schedule_id, updated_at, version, timezone, next_run, at, year, \
           month, day, weekday, hour, minute, if_missed, user_id, action, transmission_id, \
           campaign_id, state, created_position, created_at, tenant_id) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, \
           'pending', $18, $2, $19)",
    );
    bind(query, recorded, plan)
        .bind(owner.user.map(Id::get))
        .bind(job.action())
        .bind(job.transmission().map(Id::get))
        .bind(job.campaign().map(Id::get))
        .bind(recorded.position)
        .bind(owner.tenant.get())
        .execute(db)
        .await
        .map(drop)
}

async fn change(
    db: &mut PgConnection,
    recorded: &Recorded,
    plan: &Plan,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query(
        "update schedules set updated_at = $2, version = $3, timezone = $4, next_run = $5, \
           at = $6, year = $7, month = $8, day = $9, weekday = $10, hour = $11, minute = $12, \
           if_missed = $13 \
         where schedule_id = $1",
    );
    bind(query, recorded, plan).execute(db).await.map(drop)
}

/// Records the result of a schedule that was due, and the time at which it is due again, if any.
async fn go_on(
    db: &mut PgConnection,
    recorded: &Recorded,
    next_run: Option<DateTime<Utc>>,
    ran_at: Option<DateTime<Utc>>,
    result: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update schedules set updated_at = $2, version = $3, next_run = $4, \
           state = case when $4::timestamptz is null then 'done' else 'pending' end, \
           last_run = coalesce($5, last_run), last_result = $6 \
         where schedule_id = $1",
    )
    .bind(recorded.aggregate_id)
    .bind(recorded.occurred_at)
    .bind(recorded.sequence as i64)
    .bind(next_run)
    .bind(ran_at)
    .bind(result)
    .execute(db)
    .await
    .map(drop)
}

/// Binds the columns that inserts and updates have in common.
fn bind<'q>(
    query: Query<'q, Postgres, PgArguments>,
    recorded: &Recorded,
    plan: &Plan,
) -> Query<'q, Postgres, PgArguments> {
    let (at, fields) = match &plan.when {
        When::Once { at } => (Some(*at), None),
        When::Every(recurrence) => (None, Some(recurrence)),
    };
    let parts: [fn(&Recurrence) -> &str; 6] = [
        |fields| fields.year.as_str(),
        |fields| fields.month.as_str(),
        |fields| fields.day.as_str(),
        |fields| fields.weekday.as_str(),
        |fields| fields.hour.as_str(),
        |fields| fields.minute.as_str(),
    ];
    let query = query
        .bind(recorded.aggregate_id)
        .bind(recorded.occurred_at)
        .bind(recorded.sequence as i64)
        .bind(plan.zone.name())
        .bind(plan.next_run)
        .bind(at);
    let query = parts.into_iter().fold(query, |query, part| {
        query.bind(fields.map(|fields| part(fields).to_owned()))
    });
    query.bind(plan.if_missed.as_str())
}
