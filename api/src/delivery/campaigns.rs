//! `/campaigns`. They are kept; running them is not there yet.

use domain::{
    Id,
    delivery::{Campaign, CampaignCommand, Job, PaceUnit},
};
use projections::{Query, delivery::campaigns::CampaignRow};

use super::{campaign_fields::Said, scheduling::cancel};
use crate::{
    Error, Result,
    answer::Answer,
    extract::{Input, Listing, Path},
    openapi::{Routes, alias, op},
    permit::{Create, Delete, List, Read, Reader, Start, Stop, Update, Writer},
};

/// With `cpm` as documented, and as the original counted.
type PerSecond = CampaignRow<false>;
type PerMinute = CampaignRow<true>;

const TO_COME: &str = "campaigns are stored; running them is not there yet";

pub(super) fn routes() -> Routes {
    Routes::new()
        .post(
            "/campaigns",
            create,
            op("Creates a campaign")
                .note("It is stored; running it is not there yet.")
                .requires(&["program_id", "group_id"])
                .id("campaign"),
        )
        .get("/campaigns", list, op("Lists campaigns"))
        .get(
            "/campaigns/{campaign_id}",
            read,
            op("Reads a campaign").row::<PerSecond>(),
        )
        .put(
            "/campaigns/{campaign_id}",
            update,
            op("Changes a campaign").row::<PerSecond>(),
        )
        .delete(
            "/campaigns/{campaign_id}",
            delete,
            op("Deletes a campaign and its schedules").id("campaign"),
        )
        .get(
            "/campaigns/{campaign_id}/delete",
            delete,
            alias("DELETE /campaigns/{campaign_id}"),
        )
        .put(
            "/campaigns/{campaign_id}/start",
            start,
            op("Starts a campaign").json::<bool>().answers(501, TO_COME),
        )
        .get(
            "/campaign/{campaign_id}/start",
            start,
            alias("PUT /campaigns/{campaign_id}/start"),
        )
        .put(
            "/campaigns/{campaign_id}/stop",
            stop,
            op("Stops a campaign").json::<bool>().answers(501, TO_COME),
        )
        .get(
            "/campaign/{campaign_id}/stop",
            stop,
            alias("PUT /campaigns/{campaign_id}/stop"),
        )
}

async fn create(campaigns: Writer<Campaign, Create>, Input(said): Input<Said>) -> Result<Answer> {
    let details = said.details(campaigns.caller()).await?;
    let (id, owner) = (campaigns.next_id().await?, campaigns.user());
    campaigns
        .created(id, CampaignCommand::Create { id, owner, details })
        .await
}

async fn list(campaigns: Reader<Campaign, List>, listing: Listing<PerSecond>) -> Result<Answer> {
    match campaigns.caller().app().config().cpm_unit {
        PaceUnit::Second => campaigns.list(listing).await,
        PaceUnit::Minute => campaigns.list(per_minute(listing)).await,
    }
}

/// The same list of rows that count otherwise.
fn per_minute(listing: Listing<PerSecond>) -> Listing<PerMinute> {
    let Listing { query, pairs, path } = listing;
    Listing {
        query: Query {
            filter: query.filter,
            owner: query.owner,
            before: query.before,
            after: query.after,
            page: query.page,
        },
        pairs,
        path,
    }
}

async fn read(campaigns: Reader<Campaign, Read>, Path(id): Path<Id<Campaign>>) -> Result<Answer> {
    match campaigns.caller().app().config().cpm_unit {
        PaceUnit::Second => campaigns.find::<PerSecond>(id.get()).await,
        PaceUnit::Minute => campaigns.find::<PerMinute>(id.get()).await,
    }
}

async fn update(
    campaigns: Writer<Campaign, Update>,
    Path(id): Path<Id<Campaign>>,
    Input(said): Input<Said>,
) -> Result<Answer> {
    campaigns.load(id).await?;
    let patch = CampaignCommand::Update(said.patch(campaigns.caller()).await?);
    match campaigns.caller().app().config().cpm_unit {
        PaceUnit::Second => campaigns.updated::<PerSecond>(id, patch).await,
        PaceUnit::Minute => campaigns.updated::<PerMinute>(id, patch).await,
    }
}

async fn delete(
    campaigns: Writer<Campaign, Delete>,
    Path(campaign_id): Path<Id<Campaign>>,
) -> Result<Answer> {
    let answer = campaigns
        .deleted(campaign_id, CampaignCommand::Delete)
        .await?;
    cancel(campaigns.caller(), Job::CampaignStart { campaign_id }).await?;
    cancel(campaigns.caller(), Job::CampaignStop { campaign_id }).await?;
    Ok(answer)
}

async fn start(campaigns: Writer<Campaign, Start>, Path(id): Path<Id<Campaign>>) -> Result<Answer> {
    campaigns.load(id).await?;
    Err(Error::NotImplemented(TO_COME.to_owned()))
}

async fn stop(campaigns: Writer<Campaign, Stop>, Path(id): Path<Id<Campaign>>) -> Result<Answer> {
    campaigns.load(id).await?;
    Err(Error::NotImplemented(TO_COME.to_owned()))
}
