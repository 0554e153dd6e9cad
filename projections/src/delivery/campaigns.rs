//! Campaigns.

use std::sync::Arc;

use async_trait::async_trait;
use cqrs_es::Aggregate;
use domain::{
    Event, Id,
    delivery::{Campaign, CampaignDetails, CampaignEvent},
    values::Line,
};
use eventstore::Recorded;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sqlx::{FromRow, PgConnection, PgPool, Postgres, postgres::PgArguments, query::Query};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Projection, View,
    counts::Counted,
    reads::{By, Conditions},
};

/// A campaign as clients see it, by a setting with `cpm` per minute.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct CampaignRow<const PER_MINUTE: bool> {
    pub campaign_id: i64,
    pub program_id: i64,
    /// Nothing once the program is gone.
    pub program_type: Option<String>,
    pub group_id: i64,
    pub account_id: Option<i64>,
    #[serde(serialize_with = "nine_digits")]
    pub cpm: f64,
    /// Milliseconds from one transmission to the next.
    #[serde(serialize_with = "nine_digits")]
    pub delay: f64,
    pub try_allowed: i32,
    pub source: Option<String>,
    pub status: String,
    pub contact_total: i64,
    pub contact_done: i64,
    pub user_id: i64,
    #[serde(skip)]
    pub created_position: i64,
    #[serde(skip)]
    pub version: i64,
}

/// As many as are exact in both `cpm` and `delay`, so that 3 comes back as 3.
fn nine_digits<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    let rounded = format!("{number:.8e}").parse().unwrap_or(*number);
    // Whole numbers are written as such; these are far below 2^53.
    match rounded.fract() == 0.0 {
        true => serializer.serialize_i64(rounded as i64),
        false => serializer.serialize_f64(rounded),
    }
}

/// By what campaigns can be filtered.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct CampaignFilter {
    pub campaign_id: Option<i64>,
    pub program_id: Option<i64>,
    pub program_type: Option<String>,
    pub group_id: Option<i64>,
    pub account_id: Option<i64>,
    #[serde(deserialize_with = "number")]
    pub cpm: Option<f64>,
    #[serde(deserialize_with = "number")]
    pub delay: Option<f64>,
    pub try_allowed: Option<i32>,
    pub source: Option<String>,
    pub status: Option<String>,
    pub contact_total: Option<i64>,
    pub contact_done: Option<i64>,
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let number = text
        .trim()
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite());
    number
        .map(Some)
        .ok_or_else(|| D::Error::custom("must be a number"))
}

/// Transmissions in 10^12 seconds, by which campaigns are indexed.
const PACE: &str = "(t.pace * 1000000000000)::bigint";

impl<const PER_MINUTE: bool> View for CampaignRow<PER_MINUTE> {
    type Filter = CampaignFilter;

    const COLUMNS: &'static str = if PER_MINUTE {
        "t.campaign_id, t.program_id, p.type as program_type, t.group_id, t.account_id, \
         (t.pace * 60)::float8 as cpm, (1000 / t.pace)::float8 as delay, t.try_allowed, \
         t.source, t.status, t.contact_total, t.contact_done, t.user_id, t.created_position, \
         t.version"
    } else {
        "t.campaign_id, t.program_id, p.type as program_type, t.group_id, t.account_id, \
         t.pace::float8 as cpm, (1000 / t.pace)::float8 as delay, t.try_allowed, \
         t.source, t.status, t.contact_total, t.contact_done, t.user_id, t.created_position, \
         t.version"
    };
    const FROM: &'static str = "from read.campaigns t \
        left join read.programs p on p.program_id = t.program_id";
    const ID: &'static str = "t.campaign_id";
    const OWNER: Option<&'static str> = Some("t.user_id");
    const SORTS: &'static [(&'static str, By)] = &[
        ("campaign_id", By::Number("t.campaign_id")),
        ("program_id", By::Number("t.program_id")),
        ("group_id", By::Number("t.group_id")),
        ("account_id", By::Number("coalesce(t.account_id, 0)")),
        ("cpm", By::Number(PACE)),
        ("delay", By::Number("(t.pace * -1000000000000)::bigint")),
        ("try_allowed", By::Number("t.try_allowed")),
        ("source", By::Text("lower(coalesce(t.source, ''))")),
        ("status", By::Text("t.status")),
        ("contact_total", By::Number("t.contact_total")),
        ("contact_done", By::Number("t.contact_done")),
    ];

    fn narrow(filter: &CampaignFilter, conditions: &mut Conditions<'_>) {
        conditions.exact("t.campaign_id", filter.campaign_id);
        conditions.exact("t.program_id", filter.program_id);
        conditions.exact("p.type", filter.program_type.clone());
        conditions.exact("t.group_id", filter.group_id);
        conditions.reference("t.account_id", filter.account_id);
        let seconds = if PER_MINUTE { 60.0 } else { 1.0 };
        about(conditions, filter.cpm.map(|cpm| cpm / seconds));
        about(conditions, filter.delay.map(|delay| 1000.0 / delay));
        conditions.exact("t.try_allowed", filter.try_allowed);
        conditions.contains("t.source", &filter.source);
        conditions.exact("t.status", filter.status.clone());
        conditions.exact("t.contact_total", filter.contact_total);
        conditions.exact("t.contact_done", filter.contact_done);
    }

    fn created_position(&self) -> i64 {
        self.created_position
    }
}

/// The first pace that there is among those that read the same, to as many digits as are
/// shown. One value and not a range, so that an index gives the rows in their order.
fn about(conditions: &mut Conditions<'_>, pace: Option<f64>) {
    let Some(pace) = pace else { return };
    let bound = |side: f64| (pace * (1.0 + side * 1e-8) * 1e12).round() as i64;
    conditions.first(PACE, "read.campaigns t", bound(-1.0), bound(1.0));
}

/// How many campaigns of a program have not ended.
pub async fn open_of_program(pool: &PgPool, program_id: i64) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "select count(*) from read.campaigns \
         where program_id = $1 and status in ('new', 'running', 'paused')",
    )
    .bind(program_id)
    .fetch_one(pool)
    .await
}

/// How many campaigns that reach a group have not ended.
pub async fn open_of_group(pool: &PgPool, group_id: i64) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "select count(*) from read.campaigns \
         where group_id = $1 and status in ('new', 'running', 'paused')",
    )
    .bind(group_id)
    .fetch_one(pool)
    .await
}

/// Keeps `campaigns` and `campaign_counts`.
pub struct Campaigns;

const COUNTED: Counted = Counted {
    table: "campaign_counts",
    rows: "campaigns t",
    by: "t.campaign_id",
    service: "t.service_flag",
    states: [
        "t.status = 'running'",
        "t.status = 'completed'",
        "t.status = 'broken'",
    ],
};

#[async_trait]
impl Projection for Campaigns {
    fn name(&self) -> &'static str {
        "campaigns"
    }

    fn follows(&self) -> &'static [&'static str] {
        &[Campaign::TYPE]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["campaigns", "campaign_counts"]
    }

    async fn apply(
        &self,
        db: &mut PgConnection,
        events: &[Arc<Recorded>],
    ) -> Result<(), sqlx::Error> {
        let ids: Vec<i64> = events.iter().map(|event| event.aggregate_id).collect();
        let before = COUNTED.tally(db, &ids).await?;
        for recorded in events {
            if let Event::Campaign(event) = &recorded.event {
                take_in(db, recorded, event).await?;
            }
        }
        let after = COUNTED.tally(db, &ids).await?;
        COUNTED.keep(db, &before, &after).await
    }
}

async fn take_in(
    db: &mut PgConnection,
    recorded: &Recorded,
    event: &CampaignEvent,
) -> Result<(), sqlx::Error> {
    let query = match event {
        CampaignEvent::CampaignCreated { owner, details, .. } => {
            let insert = sqlx::query(
                "insert into campaigns (campaign_id, updated_at, version, program_id, \
                   service_flag, group_id, account_id, pace, try_allowed, source, user_id, \
                   created_position, status, contact_total, contact_done, created_at) \
                 values ($1, $2, $3, $4, $5, $6, $7, $8::text::numeric, $9, $10, $11, $12, \
                   'new', 0, 0, $2)",
            );
            bind(insert, recorded, details)
                .bind(owner.get())
                .bind(recorded.position)
        }
        CampaignEvent::CampaignUpdated { details } => {
            let update = sqlx::query(
                "update campaigns set updated_at = $2, version = $3, program_id = $4, \
                   service_flag = $5, group_id = $6, account_id = $7, \
                   pace = $8::text::numeric, try_allowed = $9, source = $10 \
                 where campaign_id = $1",
            );
            bind(update, recorded, details)
        }
        CampaignEvent::CampaignDeleted {} => {
            sqlx::query("delete from campaigns where campaign_id = $1").bind(recorded.aggregate_id)
        }
    };
    query.execute(db).await.map(drop)
}

/// Binds what inserts and updates have in common, column by column.
fn bind<'q>(
    query: Query<'q, Postgres, PgArguments>,
    recorded: &Recorded,
    details: &CampaignDetails,
) -> Query<'q, Postgres, PgArguments> {
    query
        .bind(recorded.aggregate_id)
        .bind(recorded.occurred_at)
        .bind(recorded.sequence as i64)
        .bind(details.program_id.get())
        .bind(details.service.flag())
        .bind(details.group_id.get())
        .bind(details.account_id.map(Id::get))
        .bind(details.pace.to_string())
        .bind(i32::try_from(details.try_allowed).unwrap_or(i32::MAX))
        .bind(details.source.as_ref().map(Line::to_string))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_comes_back_whole() {
        let written = |number: f64| {
            let mut json = Vec::new();
            nine_digits(&number, &mut serde_json::Serializer::new(&mut json)).unwrap();
            String::from_utf8(json).unwrap()
        };
        assert_eq!(written(3.000_000_000_003), "3");
        assert_eq!(written(0.033_333_333_333 * 60.0), "2");
        assert_eq!(written(333.333_333_333_333), "333.333333");
        assert_eq!(written(0.001), "0.001");
    }
}
