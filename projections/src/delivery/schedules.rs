//! Schedules.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc, serde::ts_seconds, serde::ts_seconds_option};
use cqrs_es::Aggregate;
use domain::{
    Event, Id,
    access::User,
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
    /// When, if it is once only.
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
    #[serde(with = "ts_seconds")]
    #[schema(value_type = i64)]
    pub next_run: DateTime<Utc>,
    pub user_id: i64,
    #[serde(skip)]
    pub created_position: i64,
    #[serde(skip)]
    pub version: i64,
}

/// By what schedules can be filtered.
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
}

impl View for ScheduleRow {
    type Filter = ScheduleFilter;

    const COLUMNS: &'static str = "t.schedule_id, t.action, t.transmission_id, t.campaign_id, \
        t.state, t.timezone, t.at, t.year, t.month, t.day, t.weekday, t.hour, t.minute, \
        t.next_run, t.user_id, t.created_position, t.version";
    const FROM: &'static str = "from read.schedules t";
    const ID: &'static str = "t.schedule_id";
    const OWNER: Option<&'static str> = Some("t.user_id");
    const SORTS: &'static [(&'static str, By)] = &[
        ("schedule_id", By::Number("t.schedule_id")),
        ("action", By::Text("t.action")),
        ("next_run", By::Time("t.next_run")),
    ];

    fn narrow(filter: &ScheduleFilter, conditions: &mut Conditions<'_>) {
        conditions.exact("t.schedule_id", filter.schedule_id);
        conditions.exact("t.action", filter.action.clone());
        conditions.exact("t.transmission_id", filter.transmission_id);
        conditions.exact("t.campaign_id", filter.campaign_id);
        conditions.exact("t.state", filter.state.clone());
        conditions.exact("t.timezone", filter.timezone.clone());
    }

    fn created_position(&self) -> i64 {
        self.created_position
    }
}

/// The schedule for this, if there is one.
pub async fn of_job(pool: &PgPool, job: Job) -> Result<Option<i64>, sqlx::Error> {
    let (column, id) = match (job.transmission(), job.campaign()) {
        (Some(transmission), _) => ("transmission_id", transmission.get()),
        (None, campaign) => ("campaign_id", campaign.map_or(0, Id::get)),
    };
    let sql = format!("select schedule_id from read.schedules where {column} = $1 and action = $2");
    sqlx::query_scalar(&sql)
        .bind(id)
        .bind(job.action())
        .fetch_optional(pool)
        .await
}

/// Keeps `schedules`.
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
                Event::Schedule(ScheduleEvent::ScheduleCancelled {}) => {
                    sqlx::query("delete from schedules where schedule_id = $1")
                        .bind(recorded.aggregate_id)
                        .execute(&mut *db)
                        .await?;
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
    owner: Id<User>,
    job: Job,
    plan: &Plan,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query(
        "insert into schedules (schedule_id, updated_at, version, timezone, next_run, at, year, \
           month, day, weekday, hour, minute, user_id, action, transmission_id, campaign_id, \
           state, created_position, created_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, \
           'pending', $17, $2)",
    );
    bind(query, recorded, plan)
        .bind(owner.get())
        .bind(job.action())
        .bind(job.transmission().map(Id::get))
        .bind(job.campaign().map(Id::get))
        .bind(recorded.position)
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
           at = $6, year = $7, month = $8, day = $9, weekday = $10, hour = $11, minute = $12 \
         where schedule_id = $1",
    );
    bind(query, recorded, plan).execute(db).await.map(drop)
}

/// Binds what both have in common.
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
    parts.into_iter().fold(query, |query, part| {
        query.bind(fields.map(|fields| part(fields).to_owned()))
    })
}
