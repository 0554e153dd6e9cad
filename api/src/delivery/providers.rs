//! `/providers`.

use dispatch::health::{self, ProviderStatus};
use domain::{
    Id, Owner, Scope,
    access::Tenant,
    delivery::{Provider, ProviderCommand},
};
use projections::delivery::providers::ProviderRow;
use serde_json::json;

use super::provider_fields::ProviderRequest;
use crate::{
    Error, Result,
    answer::Answer,
    authorization::{Create, Delete, List, Noun, Owned, Read, Reader, TENANT_ID, Update, Writer},
    extract::{Input, Listing, Path},
    openapi::{Routes, op},
};

/// The settings that decide on senders.
const SENDERS: &str = "`default_sender` in the `settings` of type smtp is the author of mails whose \
                       account may not send as its own address, or whose address is not within \
                       `dkim_domain`; it must itself be within it (412). `sender` of http and smpp \
                       is that of short messages whose account has none that it may use.";

impl Noun for Provider {
    const NAME: &'static str = "provider";
    const OWNED: Owned = Owned::ByTenants;
}

pub(super) fn routes() -> Routes {
    Routes::crud::<ProviderRow>("/providers", "provider")
        .create(
            create,
            op("Creates a provider")
                .note(SENDERS)
                .within(
                    "The tenant that alone uses it; without it the installation, for those who \
                     may change its providers, and else the caller's home tenant.",
                )
                .requires(&["name", "type"])
                .example(json!({"name": "Trials", "type": "sandbox"})),
        )
        .list(list, op("Lists providers"))
        .read(read, op("Reads a provider"))
        .update(
            update,
            op("Changes a provider")
                .note(SENDERS)
                .example(json!({"name": "Trials", "weight": 2})),
        )
        .delete(delete, op("Deletes a provider"))
        .done()
        .get(
            "/providers/{provider_id}/status",
            status,
            op("Reads the state of a provider")
                .note(
                    "As the running workers report, at most a few seconds ago. Unknown values \
                     are null; `rate` is the number of attempts started in the last minute.",
                )
                .json::<ProviderStatus>(),
        )
}

async fn create(
    providers: Writer<Provider, Create>,
    Input(said): Input<ProviderRequest>,
) -> Result<Answer> {
    let (id, kind) = (providers.next_id().await?, said.kind());
    let patch = said.checked(providers.caller().app().vault(), kind)?;
    let tenant = tenant(&providers)?;
    providers
        .created(id, ProviderCommand::Create { id, tenant, patch })
        .await
}

/// The tenant that a new provider is for: the one that the request names; else the installation,
/// for those who may change its providers, and the caller's home tenant for others.
fn tenant(providers: &Writer<Provider, Create>) -> Result<Option<Id<Tenant>>> {
    let is_free = providers.scope() == Scope::Installation;
    let asked = providers.requested_tenant()?;
    let Some(tenant) = asked.or((!is_free).then(|| providers.caller().home())) else {
        return Ok(None);
    };
    let is_there = providers.caller().access_cache().tenant(tenant).is_some();
    if !is_there || !providers.scope().covers(Some(Owner::whole(tenant))) {
        return Err(Error::unknown(TENANT_ID));
    }
    Ok(Some(tenant))
}

async fn list(providers: Reader<Provider, List>, listing: Listing<ProviderRow>) -> Result<Answer> {
    providers.list(listing).await
}

async fn read(providers: Reader<Provider, Read>, Path(id): Path<Id<Provider>>) -> Result<Answer> {
    providers.find::<ProviderRow>(id.get()).await
}

/// The status that the workers report, wherever they run.
async fn status(providers: Reader<Provider, Read>, Path(id): Path<Id<Provider>>) -> Result<Answer> {
    let provider = providers.row::<ProviderRow>(id.get()).await?;
    let status = ProviderStatus {
        rate_limit: provider.rate_limit,
        channel_limit: provider.channel_limit,
        ..health::status(providers.pool(), id.get()).await?
    };
    Answer::from_value(&status)
}

async fn update(
    providers: Writer<Provider, Update>,
    Path(id): Path<Id<Provider>>,
    Input(said): Input<ProviderRequest>,
) -> Result<Answer> {
    let known = providers.load(id).await?.aggregate;
    let kind = known.details().map(|details| details.kind);
    let patch = said.checked(providers.caller().app().vault(), kind)?;
    providers
        .updated::<ProviderRow>(id, ProviderCommand::Update(patch))
        .await
}

async fn delete(
    providers: Writer<Provider, Delete>,
    Path(id): Path<Id<Provider>>,
) -> Result<Answer> {
    providers.deleted(id, ProviderCommand::Delete).await
}
