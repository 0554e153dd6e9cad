//! `/pbx/tenants/{tenant_id}/configuration`: the whole PBX of a tenant as one JSON document.

mod accounts;
mod document;
mod export;
mod plan;

use std::collections::HashMap;

use axum::{extract::FromRequestParts, http::request::Parts};
use domain::{
    Id, Owner,
    access::Tenant,
    pbx::{
        ConditionDetails, CustomDetails, DestinationDetails, DisaDetails, HuntDetails, IvrDetails,
        PhoneDetails, RateTableDetails, VoicemailDetails,
    },
};
use projections::people::{dids::DidRow, extensions::ExtensionRow};
use serde::Serialize;
use sqlx::PgPool;
use utoipa::{
    ToSchema,
    openapi::{ObjectBuilder, schema::Type},
};

use self::{
    document::{Document, Section},
    export::{Configuration, Reading},
    plan::{Change, Pbx, Plan},
};
use crate::{
    App, Error, Result,
    access::Newcomer,
    answer::Answer,
    authorization::{Read, Reader, Update, Writer},
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

pub(super) fn routes() -> Routes {
    const PATH: &str = "/pbx/tenants/{tenant_id}/configuration";
    Routes::new()
        .get(
            PATH,
            read,
            op("Exports the PBX of a tenant")
                .note("Records refer to each other by their keys. Secrets are left out."),
        )
        .put(
            PATH,
            replace,
            op("Imports the PBX of a tenant")
                .note(
                    "The configuration becomes that of the document: a record with the key of a \
                     present one changes it, others are created, and those that the document does \
                     not have are deleted. All of it is checked first, and all of it or nothing \
                     is written. Secrets stay where the document names none. `dry_run=1` answers \
                     the changes and makes none.",
                )
                .example(serde_json::json!({
                    "hunts": [{"key": "600", "number": "600", "name": "Sales"}],
                }))
                .json::<Changes>(),
        )
}

/// The changes that an import makes.
#[derive(Serialize, ToSchema)]
struct Changes {
    /// True if nothing was changed.
    dry_run: bool,
    changes: Vec<Change>,
}

async fn read(pbxs: Reader<Pbx, Read>, Path(tenant): Path<Id<Tenant>>) -> Result<Answer> {
    let caller = pbxs.caller();
    if !pbxs.scope().covers(Some(Owner::whole(tenant)))
        || caller.access_cache().tenant(tenant).is_none()
    {
        return Err(Error::NotFound);
    }
    let present = present(pbxs.pool(), tenant).await?;
    Answer::from_value(&present.document())
}

async fn replace(
    pbxs: Writer<Tenant, Update, Pbx>,
    Path(tenant): Path<Id<Tenant>>,
    DryRun(dry_run): DryRun,
    Input(mut document): Input<Document>,
) -> Result<Answer> {
    let caller = pbxs.caller();
    if !pbxs.scope().covers(Some(Owner::whole(tenant)))
        || caller.access_cache().tenant(tenant).is_none()
    {
        return Err(Error::NotFound);
    }
    document.check()?;
    let _room = caller.app().room_for(Newcomer::Account, tenant).await?;
    let present = present(pbxs.pool(), tenant).await?;
    let mut plan = Plan {
        writer: &pbxs,
        owner: Owner::new(tenant, pbxs.user()),
        append: pbxs.commands().begin_append(),
        changes: Vec::new(),
        wrong: Vec::new(),
        ids: HashMap::new(),
    };
    planned(&mut plan, &mut document, &present, dry_run).await?;
    if !plan.wrong.is_empty() {
        return Err(Error::Invalid(plan.wrong));
    }
    let changes = Changes {
        dry_run,
        changes: plan.changes,
    };
    let answer = Answer::from_value(&changes)?;
    if dry_run {
        return Ok(answer);
    }
    let done = pbxs.commit(plan.append, None, &KINDS).await?;
    let done = done.ok_or(Error::Unavailable("something changed meanwhile; try again"))?;
    Ok(answer.late(done))
}

async fn planned(
    plan: &mut Plan<'_>,
    document: &mut Document,
    present: &Configuration,
    dry_run: bool,
) -> Result<()> {
    use Section::{
        Conditions, Customs, Destinations, Dids, Disas, Extensions, Hunts, Ivrs, Phones,
        RateTables, Voicemails,
    };
    accounts::extensions(
        plan,
        document.take(Extensions),
        present.of(Extensions),
        dry_run,
    )
    .await?;
    accounts::dids(plan, document.take(Dids), present.of(Dids), dry_run).await?;
    plan.owner = Owner::whole(plan.owner.tenant);
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
    let by_number: &[&str] = &["number", "name"];
    reading
        .section::<ExtensionRow>(Section::Extensions, "extension_id", by_number)
        .await?;
    reading
        .section::<DidRow>(Section::Dids, "did_id", by_number)
        .await?;
    reading
        .records::<HuntDetails>(Section::Hunts, "hunt_id", by_number)
        .await?;
    reading
        .records::<IvrDetails>(Section::Ivrs, "ivr_id", &["name"])
        .await?;
    reading
        .records::<VoicemailDetails>(
            Section::Voicemails,
            "voicemail_id",
            &["mailbox", "fullname"],
        )
        .await?;
    reading
        .records::<PhoneDetails>(Section::Phones, "phone_id", &["mac", "name"])
        .await?;
    reading
        .records::<CustomDetails>(Section::Customs, "custom_id", &["name"])
        .await?;
    reading
        .records::<DisaDetails>(Section::Disas, "disa_id", &["name"])
        .await?;
    reading
        .records::<RateTableDetails>(Section::RateTables, "rate_table_id", &["name"])
        .await?;
    reading
        .records::<ConditionDetails>(Section::Conditions, "condition_id", &["name"])
        .await?;
    reading
        .records::<DestinationDetails>(Section::Destinations, "destination_id", &[])
        .await?;
    Ok(reading.finish())
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
