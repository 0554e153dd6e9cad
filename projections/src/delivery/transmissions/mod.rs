//! The read model of transmissions.

mod fold;
mod write;

use chrono::{DateTime, Utc, serde::ts_seconds_option};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use utoipa::{IntoParams, ToSchema};

use crate::{
    View,
    reads::{By, Conditions, Side},
    wire,
};

pub(super) use write::take_in;

/// A transmission as clients see it.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct TransmissionRow {
    pub transmission_id: i64,
    pub title: Option<String>,
    pub origin: Option<String>,
    pub contact_id: i64,
    pub contact_phone: Option<String>,
    pub contact_email: Option<String>,
    pub account_id: Option<i64>,
    pub account_phone: Option<String>,
    pub account_email: Option<String>,
    pub service_flag: i32,
    pub program_id: i64,
    pub campaign_id: Option<i64>,
    pub direction: String,
    pub status: String,
    /// The last response of the remote side; empty while there is none.
    #[serde(serialize_with = "wire::said")]
    #[schema(value_type = String)]
    pub response: Option<String>,
    pub outcome: Option<String>,
    /// 1 if it was not sent, because it must not be or cannot be.
    #[serde(serialize_with = "wire::flag")]
    #[schema(value_type = u8, maximum = 1)]
    pub suppressed: bool,
    pub try_allowed: i32,
    pub try_done: i32,
    #[serde(with = "ts_seconds_option")]
    #[schema(value_type = Option<i64>)]
    pub last_run: Option<DateTime<Utc>>,
    pub user_id: i64,
    /// The tenant; absent for the first one.
    #[serde(skip_serializing_if = "wire::is_first_tenant")]
    #[schema(required = false)]
    pub tenant_id: i64,
    /// The username of the owner.
    pub username: Option<String>,
    #[sqlx(flatten)]
    pub account: AccountBrief,
    #[sqlx(flatten)]
    pub contact: ContactBrief,
    #[serde(skip)]
    pub created_position: i64,
    #[serde(skip)]
    pub version: i64,
}

/// The account of a transmission in brief; its other fields are null once it is deleted or given
/// away.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct AccountBrief {
    pub account_id: Option<i64>,
    #[sqlx(rename = "account_username")]
    pub username: Option<String>,
    #[sqlx(rename = "account_first_name")]
    pub first_name: Option<String>,
    #[sqlx(rename = "account_last_name")]
    pub last_name: Option<String>,
    #[sqlx(rename = "account_phone")]
    pub phone: Option<String>,
    #[sqlx(rename = "account_email")]
    pub email: Option<String>,
}

/// The contact of a transmission in brief; its other fields are null once it is deleted.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct ContactBrief {
    pub contact_id: i64,
    #[sqlx(rename = "contact_first_name")]
    pub first_name: Option<String>,
    #[sqlx(rename = "contact_last_name")]
    pub last_name: Option<String>,
    #[sqlx(rename = "contact_phone")]
    pub phone: Option<String>,
    #[sqlx(rename = "contact_email")]
    pub email: Option<String>,
}

/// The filter of a list of transmissions.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct TransmissionFilter {
    pub transmission_id: Option<i64>,
    pub title: Option<String>,
    pub service_flag: Option<i32>,
    pub account_id: Option<i64>,
    pub contact_id: Option<i64>,
    pub program_id: Option<i64>,
    pub campaign_id: Option<i64>,
    pub origin: Option<String>,
    pub direction: Option<String>,
    pub status: Option<String>,
    pub response: Option<String>,
    pub outcome: Option<String>,
    /// A phone number of the account or the contact.
    pub phone: Option<String>,
    /// An email address of the account or the contact.
    pub email: Option<String>,
    pub account_phone: Option<String>,
    pub account_email: Option<String>,
    pub contact_phone: Option<String>,
    pub contact_email: Option<String>,
    /// The type of the program, for the routes that name one.
    #[serde(skip)]
    pub program_type: Option<String>,
}

const SERVICES: [i32; 4] = [1, 2, 4, 8];
const DIRECTIONS: [&str; 2] = ["inbound", "outbound"];
const STATUSES: [&str; 5] = ["pending", "processing", "completed", "failed", "invalid"];
/// The account's id, written as in the index.
const ACCOUNT: &str = "coalesce(t.account_id, 0)";

const PHONES: [Side; 2] = [
    Side {
        column: "c.phone",
        key: "t.contact_id",
        ids: "select c.contact_id from read.contacts c",
    },
    Side {
        column: "a.phone",
        key: ACCOUNT,
        ids: "select a.account_id from read.accounts a",
    },
];
const EMAILS: [Side; 2] = [
    Side {
        column: "c.email",
        ..PHONES[0]
    },
    Side {
        column: "a.email",
        ..PHONES[1]
    },
];

impl View for TransmissionRow {
    type Filter = TransmissionFilter;

    const COLUMNS: &'static str = "t.transmission_id, t.title, t.origin, t.contact_id, \
        t.account_id, t.service_flag, t.program_id, t.campaign_id, t.direction, t.status, t.response, \
        t.outcome, t.suppressed, t.try_allowed, t.try_done, t.last_run, t.user_id, t.tenant_id, u.username, \
        a.username as account_username, a.first_name as account_first_name, \
        a.last_name as account_last_name, a.phone as account_phone, a.email as account_email, \
        c.first_name as contact_first_name, c.last_name as contact_last_name, \
        c.phone as contact_phone, c.email as contact_email, t.created_position, t.version";
    const FROM: &'static str = "from read.transmissions t \
        left join read.users u on u.user_id = t.user_id \
        left join read.accounts a \
          on a.account_id = coalesce(t.account_id, 0) and a.user_id = t.user_id \
        left join read.contacts c on c.contact_id = t.contact_id \
        left join read.programs p on p.program_id = t.program_id";
    const ID: &'static str = "t.transmission_id";
    const OWNER: Option<&'static str> = Some("t.user_id");
    const SORTS: &'static [(&'static str, By)] = &[
        ("transmission_id", By::Number("t.transmission_id")),
        ("contact_id", By::Number("t.contact_id")),
        ("account_id", By::Number(ACCOUNT)),
        ("program_id", By::Number("t.program_id")),
        ("service_flag", By::Number("t.service_flag")),
        ("direction", By::Text("t.direction")),
        ("status", By::Text("t.status")),
        ("last_run", By::Time("coalesce(t.last_run, 'epoch')")),
    ];

    fn narrow(filter: &TransmissionFilter, conditions: &mut Conditions<'_>) {
        conditions.exact("t.transmission_id", filter.transmission_id);
        conditions.contains("t.title", &filter.title);
        conditions.bits("t.service_flag", filter.service_flag, &SERVICES);
        conditions.reference("t.account_id", filter.account_id);
        conditions.exact("t.contact_id", filter.contact_id);
        conditions.exact("t.program_id", filter.program_id);
        conditions.exact("t.campaign_id", filter.campaign_id);
        conditions.contains("t.origin", &filter.origin);
        conditions.one_of("t.direction", &filter.direction, &DIRECTIONS);
        conditions.one_of("t.status", &filter.status, &STATUSES);
        conditions.contains("t.response", &filter.response);
        conditions.exact("t.outcome", filter.outcome.clone());
        conditions.either_phone(&filter.phone, &PHONES);
        conditions.either_email(&filter.email, &EMAILS);
        conditions.phone("a.phone", &filter.account_phone);
        conditions.email("a.email", &filter.account_email);
        conditions.phone("c.phone", &filter.contact_phone);
        conditions.email("c.email", &filter.contact_email);
        conditions.exact("p.type", filter.program_type.clone());
    }

    fn created_position(&self) -> i64 {
        self.created_position
    }

    fn version(&self) -> i64 {
        self.version
    }
}
