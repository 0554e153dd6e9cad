//! `/schedules`, and the schedules of transmissions and campaigns.

use axum::{extract::FromRequestParts, http::request::Parts};
use domain::{
    Entity, Id,
    delivery::{Campaign, Job, Schedule, ScheduleCommand, Transmission, schedule::Timing},
};
use projections::delivery::schedules::ScheduleRow;

use super::scheduling::{cancel, schedule, still_there};
use crate::{
    App, Error, Result,
    answer::Answer,
    extract::{Input, Listing, Path},
    openapi::{Describe, Routes, Sketch, alias, op},
    permit::{Caller, Delete, List, Noun, Read, Reader, Sending, Start, Stop, Update, Writer},
};

pub(super) fn routes() -> Routes {
    let unschedule_as = "POST /campaigns/{campaign_id}/schedule";
    Routes::new()
        .get("/schedules", list, op("Lists schedules"))
        .get(
            "/schedules/{schedule_id}",
            read,
            op("Reads a schedule").row::<ScheduleRow>(),
        )
        .delete(
            "/schedules/{schedule_id}",
            delete,
            op("Cancels a schedule").id("schedule"),
        )
        .get(
            "/schedules/{schedule_id}/delete",
            delete,
            alias("DELETE /schedules/{schedule_id}"),
        )
        .put(
            "/transmissions/{transmission_id}/schedule",
            send_later,
            op("Schedules the sending of a transmission")
                .note(TIMES)
                .id("schedule"),
        )
        .delete(
            "/transmissions/{transmission_id}/schedule",
            unschedule_transmission,
            op("Cancels the schedule of a transmission").id("transmission"),
        )
        .post(
            "/campaigns/{campaign_id}/start/schedule",
            start_later,
            op("Schedules the start of a campaign")
                .note(TIMES)
                .id("schedule"),
        )
        .post(
            "/campaigns/{campaign_id}/stop/schedule",
            stop_later,
            op("Schedules the stop of a campaign")
                .note(TIMES)
                .id("schedule"),
        )
        .post(
            "/campaigns/{campaign_id}/{action}/schedule",
            nothing_else,
            op("Schedules the start or stop of a campaign")
                .note("Each is a route of its own; any other action is 404.")
                .id("schedule"),
        )
        .post(
            "/campaigns/{campaign_id}/schedule",
            unschedule_campaign,
            op("Cancels the schedules of a campaign").id("campaign"),
        )
        .delete(
            "/campaigns/{campaign_id}/schedule",
            unschedule_campaign,
            alias(unschedule_as),
        )
        .delete(
            "/campaign/{campaign_id}/schedule/cancel",
            unschedule_campaign,
            alias(unschedule_as),
        )
}

const TIMES: &str = "Once: timestamp (unix seconds), datetime (on the clocks of timezone, if \
    it has no offset) or delay (seconds). Again and again: some of year, month, day, weekday \
    (1 is Sunday), hour, minute, each *, n, a,b, a-b or */n. Clocks are UTC unless a timezone \
    is given. Another schedule for the same replaces this one. Schedules are stored; firing \
    them is not there yet.";

async fn list(schedules: Reader<Schedule, List>, listing: Listing<ScheduleRow>) -> Result<Answer> {
    schedules.list(listing).await
}

async fn read(schedules: Reader<Schedule, Read>, Path(id): Path<Id<Schedule>>) -> Result<Answer> {
    schedules.find::<ScheduleRow>(id.get()).await
}

async fn delete(
    schedules: Writer<Schedule, Delete>,
    Path(id): Path<Id<Schedule>>,
) -> Result<Answer> {
    schedules.deleted(id, ScheduleCommand::Cancel).await
}

async fn send_later(
    transmissions: Writer<Transmission, Sending>,
    Path(transmission_id): Path<Id<Transmission>>,
    Input(timing): Input<Timing>,
) -> Result<Answer> {
    let transmission = transmissions.load(transmission_id).await?.aggregate;
    if let Some(reason) = transmission.is_settled() {
        return Err(Error::NotReady(reason.to_owned()));
    }
    let owner = transmission.owner().unwrap_or(transmissions.user());
    let (caller, job) = (
        transmissions.caller(),
        Job::TransmissionSend { transmission_id },
    );
    let answer = schedule(caller, owner, job, timing).await?;
    still_there(caller, transmission_id, job).await?;
    Ok(answer)
}

async fn unschedule_transmission(
    transmissions: Writer<Transmission, Sending>,
    Path(transmission_id): Path<Id<Transmission>>,
) -> Result<Answer> {
    transmissions.load(transmission_id).await?;
    let job = Job::TransmissionSend { transmission_id };
    let done = cancel(transmissions.caller(), job).await?;
    Ok(Answer::id(Transmission::NAME, transmission_id.get())?.late(done))
}

async fn start_later(
    campaigns: Writer<Campaign, Start>,
    Path(campaign_id): Path<Id<Campaign>>,
    Input(timing): Input<Timing>,
) -> Result<Answer> {
    let campaign = campaigns.load(campaign_id).await?.aggregate;
    let owner = campaign.owner().unwrap_or(campaigns.user());
    let (caller, job) = (campaigns.caller(), Job::CampaignStart { campaign_id });
    let answer = schedule(caller, owner, job, timing).await?;
    still_there(caller, campaign_id, job).await?;
    Ok(answer)
}

async fn stop_later(
    campaigns: Writer<Campaign, Stop>,
    Path(campaign_id): Path<Id<Campaign>>,
    Input(timing): Input<Timing>,
) -> Result<Answer> {
    let campaign = campaigns.load(campaign_id).await?.aggregate;
    let owner = campaign.owner().unwrap_or(campaigns.user());
    let (caller, job) = (campaigns.caller(), Job::CampaignStop { campaign_id });
    let answer = schedule(caller, owner, job, timing).await?;
    still_there(caller, campaign_id, job).await?;
    Ok(answer)
}

/// Neither started nor stopped later.
async fn unschedule_campaign(
    campaigns: Writer<Campaign, Update>,
    Path(campaign_id): Path<Id<Campaign>>,
) -> Result<Answer> {
    campaigns.load(campaign_id).await?;
    cancel(campaigns.caller(), Job::CampaignStart { campaign_id }).await?;
    let done = cancel(campaigns.caller(), Job::CampaignStop { campaign_id }).await?;
    Ok(Answer::id(Campaign::NAME, campaign_id.get())?.late(done))
}

/// Start and stop are the only actions, and have routes of their own.
async fn nothing_else(_leave: StartOrStop, _path: Path<(Id<Campaign>, String)>) -> Result<Answer> {
    Err(Error::NotFound)
}

/// Leave to start or to stop campaigns.
struct StartOrStop;

impl FromRequestParts<App> for StartOrStop {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let caller = Caller::from_request_parts(parts, app).await?;
        if caller.may::<Campaign, Start>() {
            return Ok(Self);
        }
        caller.must::<Campaign, Stop>().map(|()| Self)
    }
}

impl Describe for StartOrStop {
    fn describe(sketch: &mut Sketch) {
        sketch.needs("campaign_start|campaign_stop".to_owned());
    }
}
