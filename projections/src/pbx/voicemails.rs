//! The read model of voicemail boxes.

use domain::{
    Event,
    pbx::{VoicemailDetails, VoicemailEvent},
};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use utoipa::{IntoParams, ToSchema};

use super::record::{Columns, RecordTable, columns_of, hide};
use crate::{
    View,
    reads::{By, Conditions},
    wire,
};

/// A voicemail box, without its PIN, as clients see it.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct VoicemailRow {
    pub voicemail_id: i64,
    /// The number of the box within the tenant.
    pub mailbox: Option<String>,
    /// The name of the person or desk.
    pub fullname: Option<String>,
    /// The address that messages are sent to.
    pub email: Option<String>,
    /// 1 if there is a PIN.
    #[serde(serialize_with = "wire::flag")]
    #[schema(value_type = u8, maximum = 1)]
    pub has_pin: bool,
    /// The tenant; absent for the first one.
    #[serde(skip_serializing_if = "wire::is_first_tenant")]
    #[schema(required = false)]
    pub tenant_id: i64,
    #[serde(skip)]
    pub created_position: i64,
    #[serde(skip)]
    pub version: i64,
}

/// The filter of a list of voicemail boxes.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct VoicemailFilter {
    pub voicemail_id: Option<i64>,
    pub mailbox: Option<String>,
    pub fullname: Option<String>,
    pub email: Option<String>,
    pub has_pin: Option<bool>,
}

impl View for VoicemailRow {
    type Filter = VoicemailFilter;

    const COLUMNS: &'static str = "t.voicemail_id, t.mailbox, t.fullname, t.email, t.has_pin, \
        t.tenant_id, t.created_position, t.version";
    const FROM: &'static str = "from read.voicemails t";
    const ID: &'static str = "t.voicemail_id";
    const OWNER: Option<&'static str> = None;
    const TENANT: Option<&'static str> = Some("t.tenant_id");
    const SORTS: &'static [(&'static str, By)] = &[
        ("voicemail_id", By::Number("t.voicemail_id")),
        ("mailbox", By::Text("lower(coalesce(t.mailbox, ''))")),
        ("fullname", By::Text("lower(coalesce(t.fullname, ''))")),
        ("email", By::Text("lower(coalesce(t.email, ''))")),
        ("has_pin", By::Flag("t.has_pin")),
    ];

    fn narrow(filter: &VoicemailFilter, conditions: &mut Conditions<'_>) {
        conditions.exact("t.voicemail_id", filter.voicemail_id);
        conditions.contains("t.mailbox", &filter.mailbox);
        conditions.contains("t.fullname", &filter.fullname);
        conditions.email("t.email", &filter.email);
        conditions.exact("t.has_pin", filter.has_pin);
    }

    fn created_position(&self) -> i64 {
        self.created_position
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// The projection that maintains `voicemails`.
pub struct Voicemails;

impl RecordTable for Voicemails {
    type Details = VoicemailDetails;

    const TABLE: &'static str = "voicemails";
    const KEY: &'static str = "voicemail_id";

    fn event(event: &Event) -> Option<&VoicemailEvent> {
        match event {
            Event::Voicemail(event) => Some(event),
            _ => None,
        }
    }

    fn columns(details: &VoicemailDetails) -> serde_json::Result<Columns> {
        let mut columns = columns_of(details)?;
        hide(&mut columns, "pin", "has_pin");
        Ok(columns)
    }
}
