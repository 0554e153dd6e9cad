//! `/pbx/tenants/{tenant_id}/configuration`: the whole PBX of a tenant as one JSON document.

mod accounts;
mod document;
mod export;
mod plan;

use std::collections::{HashMap, HashSet};

use axum::{extract::FromRequestParts, http::request::Parts};
use domain::{
    Id, Owner, Scope,
    access::Tenant,
    pbx::{
        ConditionDetails, CustomDetails, DestinationDetails, DisaDetails, HuntDetails, IvrDetails,
        PhoneDetails, RateTableDetails, VoicemailDetails,
    },
};
use projections::people::{dids::DidRow, extensions::ExtensionRow};
use serde::Serialize;
use sqlx::PgPool;
use tokio::task::spawn_blocking;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ArrayBuilder, ObjectBuilder, RefOr, Schema, schema::Type},
};

pub(super) use self::plan::Pbx;
use self::{
    document::{Document, Section},
    export::{Configuration, Reading},
    plan::{Change, Plan},
};
use crate::{
    App, Error, Result,
    answer::Answer,
    authorization::{Caller, Read, Reader, Update, Writer},
    extract::{Input, Path, flag, query_pairs},
    openapi::{Describe, Routes, Sketch, op},
};

/// The aggregate types that a document changes, whose read models are waited for.
const KINDS: [&str; 10] = [
    "account",
    "condition",
    "custom",
    "destination",
    "disa",
    "hunt",
    "ivr",
    "phone",
    "rate_table",
    "voicemail",
];

/// The fields of a document.
static FIELDS: [&str; Section::ALL.len()] = {
    let mut fields = [""; Section::ALL.len()];
    let mut at = 0;
    while at < fields.len() {
        fields[at] = Section::ALL[at].field();
        at += 1;
    }
    fields
};

pub(super) fn routes() -> Routes {
    const PATH: &str = "/pbx/tenants/{tenant_id}/configuration";
    Routes::new()
        .get(
            PATH,
            read,
            op("Exports the PBX of a tenant")
                .note("Records refer to each other by their keys. Secrets are left out.")
                .json::<Exported>(),
        )
        .put(
            PATH,
            replace,
            op("Imports the PBX of a tenant")
                .note(
                    "The configuration becomes that of the document: a record with the key of a \
                     present one changes it, others are created, and those that the document does \
                     not have are deleted; it has to have all kinds, if empty. All of it is checked first, and all of it or nothing \
                     is written. Secrets stay where the document names none. `dry_run=1` answers \
                     the changes and makes none.",
                )
                .requires(&FIELDS)
                .example(serde_json::json!({
                    "extensions": [], "dids": [], "ivrs": [], "voicemails": [], "phones": [],
                    "hunts": [{"key": "600", "number": "600", "name": "Sales"}],
                    "customs": [], "disas": [], "rate_tables": [], "conditions": [],
                    "destinations": [],
                }))
                .json::<Changes>(),
        )
}

/// The schema of an exported document.
enum Exported {}

impl PartialSchema for Exported {
    fn schema() -> RefOr<Schema> {
        let records = || ArrayBuilder::new().items(ObjectBuilder::new().schema_type(Type::Object));
        let sections = Section::ALL.map(Section::field).into_iter();
        let document = sections.fold(ObjectBuilder::new(), |document, name| {
            document.property(name, records()).required(name)
        });
        document.into()
    }
}

impl ToSchema for Exported {}

/// The changes that an import makes.
#[derive(Serialize, ToSchema)]
struct Changes {
    /// True if nothing was changed.
    dry_run: bool,
    changes: Vec<Change>,
}

async fn read(pbxs: Reader<Pbx, Read>, Path(tenant): Path<Id<Tenant>>) -> Result<Answer> {
    let caller = pbxs.caller();
    must_exist(caller, &pbxs.scope(), tenant)?;
    let _turn = caller.app().configurations().await?;
    let present = present(pbxs.pool(), tenant).await?;
    let document = spawn_blocking(move || present.document()).await;
    Answer::from_value(&document.map_err(|_| Error::Internal)?)
}

async fn replace(
    pbxs: Writer<Tenant, Update, Pbx>,
    Path(tenant): Path<Id<Tenant>>,
    DryRun(dry_run): DryRun,
    Input(document): Input<Document>,
) -> Result<Answer> {
    let caller = pbxs.caller();
    must_exist(caller, &pbxs.scope(), tenant)?;
    pbxs.whole_tenant_of(tenant)?;
    document.check()?;
    let _turn = caller.app().configurations().await?;
    let present = present(pbxs.pool(), tenant).await?;
    // Nothing is written before all of it was found right, not even the end of a quarantine.
    let mut plan = planned(&pbxs, tenant, document.clone(), &present, true).await?;
    if !dry_run {
        plan = planned(&pbxs, tenant, document, &present, false).await?;
    }
    let more_accounts = plan.more_accounts();
    let room = if more_accounts > 0 {
        Some(caller.app().room_in(tenant).await?)
    } else {
        None
    };
    if let Some(room) = &room {
        room.must_hold_accounts(more_accounts)?;
    }
    let answer = Answer::from_value(&Changes {
        dry_run,
        changes: plan.changes,
    })?;
    if dry_run {
        return Ok(answer);
    }
    let done = pbxs.commit(plan.append, None, &KINDS).await?;
    let done = done.ok_or(Error::Unavailable("something changed meanwhile; try again"))?;
    Ok(answer.late(done))
}

/// Refuses a tenant out of the caller's reach as one that does not exist.
fn must_exist(caller: &Caller, scope: &Scope, tenant: Id<Tenant>) -> Result<()> {
    let is_there = caller.access_cache().tenant(tenant).is_some();
    if is_there && scope.covers(Some(Owner::whole(tenant))) {
        Ok(())
    } else {
        Err(Error::NotFound)
    }
}

/// The plan of an import, found right. A rehearsal changes nothing.
async fn planned<'w>(
    pbxs: &'w Writer<Tenant, Update, Pbx>,
    tenant: Id<Tenant>,
    mut document: Document,
    present: &Configuration,
    rehearsal: bool,
) -> Result<Plan<'w>> {
    let mut plan = Plan {
        writer: pbxs,
        owner: Owner::whole(tenant),
        append: pbxs.commands().begin_append(),
        changes: Vec::new(),
        wrong: Vec::new(),
        ids: HashMap::new(),
        taken: HashSet::new(),
    };
    plan_sections(&mut plan, &mut document, present, rehearsal).await?;
    if plan.wrong.is_empty() {
        Ok(plan)
    } else {
        Err(Error::Invalid(plan.wrong))
    }
}

async fn plan_sections(
    plan: &mut Plan<'_>,
    document: &mut Document,
    present: &Configuration,
    rehearsal: bool,
) -> Result<()> {
    use Section::{
        Conditions, Customs, Destinations, Dids, Disas, Extensions, Hunts, Ivrs, Phones,
        RateTables, Voicemails,
    };
    accounts::extensions(
        plan,
        document.take(Extensions),
        present.of(Extensions),
        rehearsal,
    )
    .await?;
    accounts::dids(plan, document.take(Dids), present.of(Dids), rehearsal).await?;
    plan.records::<HuntDetails>(Hunts, document.take(Hunts), present.of(Hunts))
        .await?;
    plan.records::<IvrDetails>(Ivrs, document.take(Ivrs), present.of(Ivrs))
        .await?;
    plan.records::<VoicemailDetails>(
        Voicemails,
        document.take(Voicemails),
        present.of(Voicemails),
    )
    .await?;
    plan.records::<PhoneDetails>(Phones, document.take(Phones), present.of(Phones))
        .await?;
    plan.records::<CustomDetails>(Customs, document.take(Customs), present.of(Customs))
        .await?;
    plan.records::<DisaDetails>(Disas, document.take(Disas), present.of(Disas))
        .await?;
    plan.records::<RateTableDetails>(
        RateTables,
        document.take(RateTables),
        present.of(RateTables),
    )
    .await?;
    plan.records::<ConditionDetails>(
        Conditions,
        document.take(Conditions),
        present.of(Conditions),
    )
    .await?;
    plan.records::<DestinationDetails>(
        Destinations,
        document.take(Destinations),
        present.of(Destinations),
    )
    .await?;
    Ok(())
}

/// The records of a tenant as they are now.
async fn present(pool: &PgPool, tenant: Id<Tenant>) -> Result<Configuration> {
    let mut reading = Reading {
        pool,
        tenant,
        read: Configuration::default(),
    };
    reading
        .section::<ExtensionRow>(Section::Extensions, "extension_id")
        .await?;
    reading.section::<DidRow>(Section::Dids, "did_id").await?;
    reading
        .records::<HuntDetails>(Section::Hunts, "hunt_id")
        .await?;
    reading
        .records::<IvrDetails>(Section::Ivrs, "ivr_id")
        .await?;
    reading
        .records::<VoicemailDetails>(Section::Voicemails, "voicemail_id")
        .await?;
    reading
        .records::<PhoneDetails>(Section::Phones, "phone_id")
        .await?;
    reading
        .records::<CustomDetails>(Section::Customs, "custom_id")
        .await?;
    reading
        .records::<DisaDetails>(Section::Disas, "disa_id")
        .await?;
    reading
        .records::<RateTableDetails>(Section::RateTables, "rate_table_id")
        .await?;
    reading
        .records::<ConditionDetails>(Section::Conditions, "condition_id")
        .await?;
    reading
        .records::<DestinationDetails>(Section::Destinations, "destination_id")
        .await?;
    let read = reading.read;
    let named = spawn_blocking(move || read.named()).await;
    named.map_err(|_| Error::Internal)
}

/// `?dry_run=1`.
struct DryRun(bool);

impl FromRequestParts<App> for DryRun {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self> {
        let pairs = query_pairs(parts)?;
        if let Some((name, _)) = pairs.iter().find(|(name, _)| name != "dry_run") {
            return Err(Error::invalid(name.clone(), "is not known here"));
        }
        flag(&pairs, "dry_run").map(Self)
    }
}

impl Describe for DryRun {
    fn describe(sketch: &mut Sketch) {
        let flag = ObjectBuilder::new().schema_type(Type::Boolean);
        sketch.query("dry_run", "Answers the changes and makes none.", flag);
    }
}
