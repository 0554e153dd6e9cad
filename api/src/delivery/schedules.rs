//! `/schedules`, and the schedules of transmissions and campaigns.

use axum::{extract::FromRequestParts, http::request::Parts};
use domain::{
    Entity, Id,
    delivery::{Campaign, Job, Schedule, ScheduleCommand, Transmission, schedule::Timing},
};
use projections::delivery::schedules::ScheduleRow;
use serde::Serialize;
use utoipa::{
    ToSchema,
    openapi::{ObjectBuilder, schema::Type},
};

use super::scheduling::{cancel, schedule, still_there};
use crate::{
    App, Error, Result,
    answer::Answer,
    authorization::{
        Caller, Delete, List, Noun, Owned, Read, Reader, Sending, Start, Stop, Update, Writer,
    },
    extract::{Input, Listing, Path, query_pairs},
    openapi::{Describe, Routes, Sketch, op},
};

impl Noun for Schedule {
    const NAME: &'static str = "schedule";
    const OWNED: Owned = Owned::ByUsers("schedule_admin");
}

pub(super) fn routes() -> Routes {
    Routes::crud::<ScheduleRow>("/schedules", "schedule")
        .list(list, op("Lists schedules"))
        .read(read, op("Reads a schedule"))
        .delete(
            delete,
            op("Cancels a schedule").note("One that has been fired for the last time is 423."),
        )
        .done()
        .get(
            "/schedules/{schedule_id}/runs",
            runs,
            op("Lists the next runs of a schedule").json::<Runs>(),
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
        .aliases(&[
            "DELETE /campaigns/{campaign_id}/schedule",
            "DELETE /campaign/{campaign_id}/schedule/cancel",
        ])
}

const TIMES: &str = "Once: timestamp (unix seconds), datetime (on the clocks of timezone, if \
    it has no offset) or delay (seconds). Again and again: some of year, month, day, weekday \
    (1 is Sunday), hour, minute, each *, n, a,b, a-b or */n. Clocks are UTC unless a timezone \
    is given. Another schedule for the same replaces this one. Of times that pass while the \
    server is down, one is made up for, or with if_missed `skip` none.";

async fn list(schedules: Reader<Schedule, List>, listing: Listing<ScheduleRow>) -> Result<Answer> {
    schedules.list(listing).await
}

async fn read(schedules: Reader<Schedule, Read>, Path(id): Path<Id<Schedule>>) -> Result<Answer> {
    schedules.find::<ScheduleRow>(id.get()).await
}

/// The next runs of a schedule.
#[derive(Serialize, ToSchema)]
struct Runs {
    schedule_id: i64,
    /// Unix seconds, the next run first; empty when the schedule is done.
    runs: Vec<i64>,
}

async fn runs(
    schedules: Reader<Schedule, Read>,
    Path(id): Path<Id<Schedule>>,
    HowMany(limit): HowMany,
) -> Result<Answer> {
    let schedule = schedules.load(id).await?.aggregate;
    let runs = schedule.runs().take(limit).map(|run| run.timestamp());
    Answer::from_value(&Runs {
        schedule_id: id.get(),
        runs: runs.collect(),
    })
}

/// The number of runs to list: `limit`.
struct HowMany(usize);

impl HowMany {
    const UNSAID: usize = 10;
    const MOST: usize = 100;

    fn read(pairs: Vec<(String, String)>) -> Result<Self> {
        let mut limit = Self::UNSAID;
        for (name, value) in pairs {
            if name != "limit" {
                return Err(Error::invalid(name, "is not known here; limit is"));
            }
            let number = value.trim().parse().ok();
            let number = number.filter(|number| (1..=Self::MOST).contains(number));
            limit = number.ok_or_else(|| Error::invalid(name, "must be a number from 1 to 100"))?;
        }
        Ok(Self(limit))
    }
}

impl FromRequestParts<App> for HowMany {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self> {
        Self::read(query_pairs(parts)?)
    }
}

impl Describe for HowMany {
    fn describe(sketch: &mut Sketch) {
        let number = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(Self::MOST))
            .default(Some(Self::UNSAID.into()));
        sketch.query("limit", "How many runs; 10 unless said.", number);
        sketch.refuses(&[412]);
    }
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
    let owner = transmission.owner().ok_or(Error::NotFound)?;
    let job = Job::TransmissionSend { transmission_id };
    let answer = schedule(&transmissions, owner, job, timing).await?;
    still_there(&transmissions, transmission_id, job).await?;
    Ok(answer)
}

async fn unschedule_transmission(
    transmissions: Writer<Transmission, Sending>,
    Path(transmission_id): Path<Id<Transmission>>,
) -> Result<Answer> {
    transmissions.load(transmission_id).await?;
    let job = Job::TransmissionSend { transmission_id };
    let done = cancel(&transmissions, job).await?;
    Ok(Answer::id(Transmission::NAME, transmission_id.get())?.late(done))
}

async fn start_later(
    campaigns: Writer<Campaign, Start>,
    Path(campaign_id): Path<Id<Campaign>>,
    Input(timing): Input<Timing>,
) -> Result<Answer> {
    let campaign = campaigns.load(campaign_id).await?.aggregate;
    let owner = campaign.owner().ok_or(Error::NotFound)?;
    let job = Job::CampaignStart { campaign_id };
    let answer = schedule(&campaigns, owner, job, timing).await?;
    still_there(&campaigns, campaign_id, job).await?;
    Ok(answer)
}

async fn stop_later(
    campaigns: Writer<Campaign, Stop>,
    Path(campaign_id): Path<Id<Campaign>>,
    Input(timing): Input<Timing>,
) -> Result<Answer> {
    let campaign = campaigns.load(campaign_id).await?.aggregate;
    let owner = campaign.owner().ok_or(Error::NotFound)?;
    let job = Job::CampaignStop { campaign_id };
    let answer = schedule(&campaigns, owner, job, timing).await?;
    still_there(&campaigns, campaign_id, job).await?;
    Ok(answer)
}

/// Cancels the schedules for starting and for stopping a campaign.
async fn unschedule_campaign(
    campaigns: Writer<Campaign, Update>,
    Path(campaign_id): Path<Id<Campaign>>,
) -> Result<Answer> {
    campaigns.load(campaign_id).await?;
    cancel(&campaigns, Job::CampaignStart { campaign_id }).await?;
    let done = cancel(&campaigns, Job::CampaignStop { campaign_id }).await?;
    Ok(Answer::id(Campaign::NAME, campaign_id.get())?.late(done))
}

/// Refuses any other action: start and stop are the only ones, and have routes of their own.
async fn nothing_else(_leave: StartOrStop, _path: Path<(Id<Campaign>, String)>) -> Result<Answer> {
    Err(Error::NotFound)
}

/// Permission to start or to stop campaigns.
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
        sketch.needs("campaign_start|campaign_stop".to_owned(), Campaign::OWNED);
    }
}
