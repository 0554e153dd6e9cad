//! `/campaigns`.

use domain::{
    Entity as _, Id,
    delivery::{Campaign, CampaignCommand, Job, PaceUnit},
};
use eventstore::clock;
use projections::{Query, delivery::campaigns::CampaignRow};
use serde_json::json;

use super::{campaign_fields::CampaignRequest, scheduling::cancel};
use crate::{
    Error, Result,
    answer::Answer,
    authorization::{Create, Delete, List, Noun, Owned, Read, Reader, Start, Stop, Update, Writer},
    extract::{Input, Listing, Path},
    openapi::{Routes, op},
};

/// Rows with `cpm` per second, as documented; `PerMinute` is as the original counted.
type PerSecond = CampaignRow<false>;
type PerMinute = CampaignRow<true>;

impl Noun for Campaign {
    const NAME: &'static str = "campaign";
    const OWNED: Owned = Owned::ByUsers("campaign_admin");
}

pub(super) fn routes() -> Routes {
    Routes::crud::<PerSecond>("/campaigns", "campaign")
        .create(
            create,
            op("Creates a campaign")
                .note("It does nothing until it is started.")
                .requires(&["program_id", "group_id"]),
        )
        .list(list, op("Lists campaigns"))
        .read(read, op("Reads a campaign"))
        .update(update, op("Changes a campaign"))
        .delete(delete, op("Deletes a campaign and its schedules"))
        .done()
        .put(
            "/campaigns/{campaign_id}/start",
            start,
            op("Starts a campaign")
                .note(
                    "Or goes on with one that was stopped, or is broken. What is sent is fixed at \
                     this moment, and so is who is reached: the contacts in its group.",
                )
                .json::<bool>(),
        )
        .aliases(&[
            "GET /campaign/{campaign_id}/start",
            "PUT /campaigns/{campaign_id}/resume",
            "GET /campaign/{campaign_id}/resume",
        ])
        .put(
            "/campaigns/{campaign_id}/stop",
            stop,
            op("Stops a campaign")
                .note("Nothing more is started; what is on the wire ends.")
                .json::<bool>(),
        )
        .aliases(&["GET /campaign/{campaign_id}/stop"])
}

async fn create(
    campaigns: Writer<Campaign, Create>,
    Input(said): Input<CampaignRequest>,
) -> Result<Answer> {
    let owner = campaigns.owner()?;
    let details = said.details(campaigns.caller(), owner.tenant).await?;
    let id = campaigns.next_id().await?;
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

/// The list request, for rows with `cpm` per minute.
fn per_minute(listing: Listing<PerSecond>) -> Listing<PerMinute> {
    let Listing { query, pairs, path } = listing;
    Listing {
        query: Query {
            filter: query.filter,
            owner: query.owner,
            tenant: query.tenant,
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
    Input(said): Input<CampaignRequest>,
) -> Result<Answer> {
    let owner = campaigns.load(id).await?.aggregate.owner();
    let tenant = owner.ok_or(Error::NotFound)?.tenant;
    let patch = said.patch(campaigns.caller(), tenant).await?;
    let patch = CampaignCommand::Update(Box::new(patch));
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
    cancel(&campaigns, Job::CampaignStart { campaign_id }).await?;
    cancel(&campaigns, Job::CampaignStop { campaign_id }).await?;
    Ok(answer)
}

async fn start(campaigns: Writer<Campaign, Start>, Path(id): Path<Id<Campaign>>) -> Result<Answer> {
    let campaign = campaigns.load(id).await?.aggregate;
    // An error in the campaign itself goes before an error in what it needs.
    if let Some(reason) = campaign.is_settled() {
        return Err(Error::NotReady(reason.to_owned()));
    }
    let app = campaigns.caller().app();
    let command = app.sending().start(&campaign, clock::now()).await?;
    campaigns.answered(id, command, json!(true)).await
}

async fn stop(campaigns: Writer<Campaign, Stop>, Path(id): Path<Id<Campaign>>) -> Result<Answer> {
    let command = CampaignCommand::Stop { at: clock::now() };
    campaigns.answered(id, command, json!(true)).await
}
