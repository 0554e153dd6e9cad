//! The read model of campaigns.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc, serde::ts_seconds_option};
use cqrs_es::Aggregate;
use domain::{
    Event, Id,
    delivery::{Campaign, CampaignDetails, CampaignEvent, hours::QuietHours},
    values::Line,
};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection, PgPool, Postgres, postgres::PgArguments, query::Query};
use utoipa::{IntoParams, ToSchema};

use super::pace_numbers::{nine_digits, number};
use crate::{
    Projection, Registered, View,
    counts::Counted,
    reads::{By, Conditions},
    wire,
};

/// A campaign as clients see it; `cpm` is per second, or per minute by a setting.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct CampaignRow<const PER_MINUTE: bool> {
    pub campaign_id: i64,
    pub program_id: i64,
    /// The program's type; null once the program is deleted.
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
    /// 1 if a phone number or email address that two contacts share is reached twice.
    #[serde(serialize_with = "wire::flag")]
    #[schema(value_type = u8, maximum = 1)]
    pub duplicates: bool,
    /// The time of day at which quiet hours begin, in the time zone of each contact.
    pub quiet_from: Option<String>,
    /// The time of day at which quiet hours end.
    pub quiet_to: Option<String>,
    /// The quiet days of the week; 1 is Sunday.
    pub quiet_days: Option<String>,
    pub status: String,
    /// The reason why the campaign is broken.
    pub reason: Option<String>,
    /// The number of contacts in the group at the start; once it has ended, the number of
    /// transmissions made.
    pub contact_total: i64,
    /// The number of transmissions that have ended, with any outcome.
    pub contact_done: i64,
    /// The number of contacts that left the group or were deleted before their turn.
    pub contact_skipped: i64,
    pub delivered: i64,
    pub rejected: i64,
    pub unanswered: i64,
    pub unavailable: i64,
    pub unknown: i64,
    /// Transmissions not sent, because they must not be or cannot be.
    pub suppressed: i64,
    /// Attempts started per second, averaged over the last ten seconds.
    pub rate: f64,
    #[serde(with = "ts_seconds_option")]
    #[schema(value_type = Option<i64>)]
    pub started_at: Option<DateTime<Utc>>,
    #[serde(with = "ts_seconds_option")]
    #[schema(value_type = Option<i64>)]
    pub ended_at: Option<DateTime<Utc>>,
    /// The expected time of the end at this rate; null unless it is running at a rate above 0.
    #[serde(with = "ts_seconds_option")]
    #[schema(value_type = Option<i64>)]
    pub expected_end: Option<DateTime<Utc>>,
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

/// The selected columns, with `cpm` by the given expression.
macro_rules! columns {
    ($cpm:literal) => {
        concat!(
            "t.campaign_id, t.program_id, p.type as program_type, t.group_id, t.account_id, ",
            $cpm,
            " as cpm, (1000 / t.pace)::float8 as delay, t.try_allowed, t.source, \
             t.duplicates, t.quiet_from, t.quiet_to, t.quiet_days, t.status, t.reason, t.contact_total, t.contact_skipped, \
             coalesce(d.done, 0) as contact_done, coalesce(d.delivered, 0) as delivered, \
             coalesce(d.rejected, 0) as rejected, coalesce(d.unanswered, 0) as unanswered, \
             coalesce(d.unavailable, 0) as unavailable, coalesce(d.unknown, 0) as unknown, \
             coalesce(d.suppressed, 0) as suppressed, r.rate, t.started_at, t.ended_at, \
             case when t.status = 'running' and r.rate > 0 then now() + make_interval(secs => \
               greatest(t.contact_total - coalesce(d.done, 0), 0) / r.rate) end as expected_end, \
             t.user_id, t.tenant_id, t.created_position, t.version"
        )
    };
}

/// The filter of a list of campaigns.
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
    pub duplicates: Option<bool>,
    pub status: Option<String>,
    pub contact_total: Option<i64>,
    pub contact_done: Option<i64>,
}

/// The pace in transmissions per 10^12 seconds, as in the index of campaigns.
const PACE: &str = "(t.pace * 1000000000000)::bigint";

impl<const PER_MINUTE: bool> View for CampaignRow<PER_MINUTE>
where
    Self: Registered,
{
    type Filter = CampaignFilter;

    const COLUMNS: &'static str = if PER_MINUTE {
        columns!("(t.pace * 60)::float8")
    } else {
        columns!("t.pace::float8")
    };
    const FROM: &'static str = "from read.campaigns t \
        left join read.programs p on p.program_id = t.program_id \
        left join read.campaign_progress d on d.campaign_id = t.campaign_id \
        cross join lateral (select coalesce(sum(s.starts), 0)::float8 \
            / greatest(least(extract(epoch from now() - t.started_at)::float8, 10), 1) as rate \
          from read.campaign_starts s where s.campaign_id = t.campaign_id \
            and s.second >= date_trunc('second', now()) - interval '10 seconds' \
            and s.second < date_trunc('second', now())) r";
    const ID: &'static str = "t.campaign_id";
    const NAME: &'static str = if PER_MINUTE {
        "t.campaign_id per minute"
    } else {
        Self::ID
    };
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
        conditions.exact("t.duplicates", filter.duplicates);
        conditions.exact("t.status", filter.status.clone());
        conditions.exact("t.contact_total", filter.contact_total);
        match filter.contact_done {
            Some(0) => conditions.exact("coalesce(d.done, 0)", Some(0_i64)),
            done => conditions.within(
                "t.campaign_id",
                "select i.campaign_id from read.campaign_progress i where i.done",
                done,
            ),
        }
    }

    fn created_position(&self) -> i64 {
        self.created_position
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// Adds a condition on the pace: the smallest stored pace that equals the given one in all digits
/// that are shown. A single value and not a range, so that an index gives the rows in order.
fn about(conditions: &mut Conditions<'_>, pace: Option<f64>) {
    let Some(pace) = pace else { return };
    let bound = |side: f64| (pace * (1.0 + side * 1e-8) * 1e12).round() as i64;
    conditions.first(PACE, "read.campaigns t", bound(-1.0), bound(1.0));
}

/// The number of campaigns of a program that have not ended.
pub async fn open_of_program(pool: &PgPool, program_id: i64) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "select count(*) from read.campaigns \
         where program_id = $1 and status <> 'completed'",
    )
    .bind(program_id)
    .fetch_one(pool)
    .await
}

/// The number of campaigns to a group that have not ended.
pub async fn open_of_group(pool: &PgPool, group_id: i64) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "select count(*) from read.campaigns \
         where group_id = $1 and status <> 'completed'",
    )
    .bind(group_id)
    .fetch_one(pool)
    .await
}

/// The projection that maintains `campaigns` and `campaign_counts`.
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

    fn is_heavy(&self) -> bool {
        true
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
    let change = |set: &str| {
        format!("update campaigns set updated_at = $2, version = $3, {set} where campaign_id = $1")
    };
    let sql = match event {
        CampaignEvent::CampaignCreated { .. } => {
            "insert into campaigns (campaign_id, updated_at, version, program_id, \
               service_flag, group_id, account_id, pace, try_allowed, source, duplicates, \
               quiet_from, quiet_to, quiet_days, user_id, tenant_id, created_position, \
               status, contact_total, created_at) \
             values ($1, $2, $3, $4, $5, $6, $7, $8::text::numeric, $9, $10, $11, $12, $13, \
               $14, $15, $16, $17, 'new', 0, $2)"
                .to_owned()
        }
        CampaignEvent::CampaignUpdated { .. } => change(
            "program_id = $4, service_flag = $5, group_id = $6, account_id = $7, \
             pace = $8::text::numeric, try_allowed = $9, source = $10, duplicates = $11, \
             quiet_from = $12, quiet_to = $13, quiet_days = $14",
        ),
        CampaignEvent::CampaignStarted { .. } => {
            change("status = 'running', started_at = $4, contact_total = $5")
        }
        CampaignEvent::CampaignResumed { .. } => {
            change("status = 'running', ended_at = null, reason = null")
        }
        CampaignEvent::CampaignPaused { .. } => change("status = 'paused'"),
        CampaignEvent::CampaignAdvanced { .. } => change(
            "contact_made = contact_made + $4, \
             contact_skipped = case when $5 then \
               greatest(contact_total - contact_made - $4, 0) else contact_skipped end, \
             contact_total = case when $5 then contact_made + $4 else contact_total end",
        ),
        CampaignEvent::CampaignCompleted { .. } => change("status = 'completed', ended_at = $4"),
        CampaignEvent::CampaignBroken { .. } => {
            change("status = 'broken', ended_at = $4, reason = $5")
        }
        CampaignEvent::CampaignDeleted {} => {
            "delete from campaigns where campaign_id = $1".to_owned()
        }
    };
    let query = sqlx::query(&sql).bind(recorded.aggregate_id);
    let query = match event {
        CampaignEvent::CampaignDeleted {} => query,
        _ => query
            .bind(recorded.occurred_at)
            .bind(recorded.sequence as i64),
    };
    let query = match event {
        CampaignEvent::CampaignCreated { owner, details, .. } => bind(query, details)
            .bind(owner.user.map(Id::get))
            .bind(owner.tenant.get())
            .bind(recorded.position),
        CampaignEvent::CampaignUpdated { details } => bind(query, details),
        CampaignEvent::CampaignStarted { at, contacts, .. } => {
            query.bind(*at).bind(counted(*contacts))
        }
        CampaignEvent::CampaignAdvanced { leg } => query.bind(counted(leg.made)).bind(leg.last),
        CampaignEvent::CampaignCompleted { at, .. } => query.bind(*at),
        CampaignEvent::CampaignBroken { at, reason } => query.bind(*at).bind(reason.clone()),
        CampaignEvent::CampaignResumed { .. }
        | CampaignEvent::CampaignPaused { .. }
        | CampaignEvent::CampaignDeleted {} => query,
    };
    query.execute(db).await.map(drop)
}

fn counted(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Binds the columns that inserts and updates have in common.
fn bind<'q>(
    query: Query<'q, Postgres, PgArguments>,
    details: &CampaignDetails,
) -> Query<'q, Postgres, PgArguments> {
    let quiet = details.quiet.as_ref();
    query
        .bind(details.program_id.get())
        .bind(details.service.flag())
        .bind(details.group_id.get())
        .bind(details.account_id.map(Id::get))
        .bind(details.pace.to_string())
        .bind(i32::try_from(details.try_allowed).unwrap_or(i32::MAX))
        .bind(details.source.as_ref().map(Line::to_string))
        .bind(details.duplicates)
        .bind(
            quiet
                .and_then(QuietHours::from)
                .map(|time| time.to_string()),
        )
        .bind(quiet.and_then(QuietHours::to).map(|time| time.to_string()))
        .bind(
            quiet
                .and_then(QuietHours::days)
                .map(|days| days.as_str().to_owned()),
        )
}
