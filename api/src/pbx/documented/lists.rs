//! The documented lists of a tenant's other records: `destination/all`, and `bytenant` of
//! voicemails, conditions, IVRs and custom destinations.

use domain::pbx::{Condition, Custom, CustomKind, Destination, Ivr, Voicemail};
use projections::pbx::{
    conditions::ConditionRow, customs::CustomRow, destinations::DestinationRow, ivrs::IvrRow,
    voicemails::VoicemailRow,
};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{OfTenant, documented, tenant_rows, text};
use crate::{
    Result,
    answer::Answer,
    authorization::{List, Reader},
    extract::Form,
    openapi::Routes,
};

/// A destination, without the ids of its source and target.
#[derive(Serialize, ToSchema)]
struct ListedDestination {
    de_id: String,
    de_type_src: String,
    de_type_dst: String,
    de_ord: String,
}

/// A voicemail box.
#[derive(Serialize, ToSchema)]
struct ListedVoicemail {
    uniqueid: String,
    /// The code of the tenant.
    context: String,
    fullname: String,
    email: String,
}

/// A condition.
#[derive(Serialize, ToSchema)]
struct ListedCondition {
    co_id: String,
    co_name: String,
    co_type: String,
    co_timezone: String,
    co_param1: String,
    co_param2: String,
    co_param3: String,
    co_param4: String,
    co_param5: String,
    co_param6: String,
    co_param7: String,
    co_param8: String,
    co_param9: String,
    co_param10: String,
    co_param11: String,
    co_param12: String,
}

/// An IVR.
#[derive(Serialize, ToSchema)]
struct ListedIvr {
    iv_id: String,
    iv_name: String,
}

/// A custom destination.
#[derive(Serialize, ToSchema)]
struct ListedCustom {
    cu_id: String,
    cu_name: String,
    cu_ct_id: String,
    ct_name: String,
    ct_description: &'static str,
}

pub(super) fn routes() -> Routes {
    Routes::new()
        .post(
            "/destination/all",
            destinations,
            documented("Lists the destinations of a tenant")
                .requires(&["tenant_id"])
                .example(json!({"tenant_id": 1}))
                .array_of::<ListedDestination>(),
        )
        .post(
            "/voicemail/bytenant",
            voicemails,
            documented("Lists the voicemail boxes of a tenant")
                .requires(&["tenant_id"])
                .example(json!({"tenant_id": 1}))
                .array_of::<ListedVoicemail>(),
        )
        .post(
            "/condition/bytenant",
            conditions,
            documented("Lists the conditions of a tenant")
                .requires(&["tenant_id"])
                .example(json!({"tenant_id": 1}))
                .array_of::<ListedCondition>(),
        )
        .post(
            "/ivr/bytenant",
            ivrs,
            documented("Lists the IVRs of a tenant")
                .requires(&["tenant_id"])
                .example(json!({"tenant_id": 1}))
                .array_of::<ListedIvr>(),
        )
        .post(
            "/custom/bytenant",
            customs,
            documented("Lists the custom destinations of a tenant")
                .requires(&["tenant_id"])
                .example(json!({"tenant_id": 1}))
                .array_of::<ListedCustom>(),
        )
}

async fn destinations(
    destinations: Reader<Destination, List>,
    Form(OfTenant(tenant)): Form<OfTenant>,
) -> Result<Answer> {
    let shown = |row: DestinationRow| ListedDestination {
        de_id: row.destination_id.to_string(),
        de_type_src: text(row.source_type),
        de_type_dst: text(row.target_type),
        de_ord: row.order.to_string(),
    };
    tenant_rows(&destinations, tenant, shown).await
}

async fn voicemails(
    voicemails: Reader<Voicemail, List>,
    Form(OfTenant(tenant)): Form<OfTenant>,
) -> Result<Answer> {
    let of_tenant = tenant.and_then(|id| voicemails.caller().access_cache().tenant(id));
    let context = of_tenant.map_or_else(String::new, |it| it.details().code.clone());
    let shown = move |row: VoicemailRow| ListedVoicemail {
        uniqueid: row.voicemail_id.to_string(),
        context: context.clone(),
        fullname: text(row.fullname),
        email: text(row.email),
    };
    tenant_rows(&voicemails, tenant, shown).await
}

async fn conditions(
    conditions: Reader<Condition, List>,
    Form(OfTenant(tenant)): Form<OfTenant>,
) -> Result<Answer> {
    tenant_rows(&conditions, tenant, |row: ConditionRow| {
        ListedCondition::from(row)
    })
    .await
}

impl From<ConditionRow> for ListedCondition {
    fn from(row: ConditionRow) -> Self {
        Self {
            co_id: row.condition_id.to_string(),
            co_name: text(row.name),
            co_type: text(row.condition_type),
            co_timezone: text(row.timezone),
            co_param1: text(row.param1),
            co_param2: text(row.param2),
            co_param3: text(row.param3),
            co_param4: text(row.param4),
            co_param5: text(row.param5),
            co_param6: text(row.param6),
            co_param7: text(row.param7),
            co_param8: text(row.param8),
            co_param9: text(row.param9),
            co_param10: text(row.param10),
            co_param11: text(row.param11),
            co_param12: text(row.param12),
        }
    }
}

async fn ivrs(ivrs: Reader<Ivr, List>, Form(OfTenant(tenant)): Form<OfTenant>) -> Result<Answer> {
    let shown = |row: IvrRow| ListedIvr {
        iv_id: row.ivr_id.to_string(),
        iv_name: text(row.name),
    };
    tenant_rows(&ivrs, tenant, shown).await
}

async fn customs(
    customs: Reader<Custom, List>,
    Form(OfTenant(tenant)): Form<OfTenant>,
) -> Result<Answer> {
    let shown = |row: CustomRow| {
        let kind = CustomKind::from_word(&row.custom_type).unwrap_or_default();
        ListedCustom {
            cu_id: row.custom_id.to_string(),
            cu_name: text(row.name),
            cu_ct_id: kind.id().to_string(),
            ct_name: kind.as_str().to_owned(),
            ct_description: "<t>Forward call to</t>",
        }
    };
    tenant_rows(&customs, tenant, shown).await
}
