//! Scheduling of transmissions and campaigns. A job has one schedule at most; scheduling the job
//! again changes that schedule.

use commands::{Actor, CommandError};
use cqrs_es::Aggregate;
use domain::{
    Entity, Id, Owner, Patch, Refusal,
    delivery::{
        Job, Schedule, ScheduleCommand,
        schedule::{Part, Timing, Unit},
    },
};
use eventstore::{Committed, clock};
use serde_json::{Value, json};

use crate::{
    Error, Result,
    answer::Answer,
    authorization::{Done, Noun, Verb, Writer},
    extract::{Fields, FromFields, Given},
};

/// The most attempts while other requests schedule the same job.
const ATTEMPTS: usize = 4;

/// Schedules a job, or changes its schedule; answers the schedule's id. A user who may do the job
/// now may do it later; the schedule belongs to `owner`, the owner of the transmission or campaign.
pub(super) async fn schedule<A: Noun, V: Verb>(
    jobs: &Writer<A, V>,
    owner: Owner,
    job: Job,
    timing: Timing,
) -> Result<Answer> {
    for _ in 0..ATTEMPTS {
        let (id, sent) = attempt(jobs, owner, job, timing.clone()).await?;
        match sent {
            // Another request scheduled or cancelled the job just now, or the schedule fired.
            Err(CommandError::Refused(
                Refusal::Taken { .. } | Refusal::NotFound | Refusal::NotReady(_),
            )) => {}
            Err(error) => return Err(error.into()),
            Ok(committed) => {
                let done = settle(jobs, committed).await;
                return Ok(Answer::from_value(&json!({ "schedule_id": id }))?.late(done));
            }
        }
    }
    Err(Error::Unavailable("others schedule the same; try again"))
}

async fn attempt<A: Noun, V: Verb>(
    jobs: &Writer<A, V>,
    owner: Owner,
    job: Job,
    timing: Timing,
) -> Result<(Id<Schedule>, Result<Committed, CommandError>)> {
    let (commands, at) = (jobs.commands(), clock::now());
    if let Some(id) = scheduled(jobs, job).await? {
        let change = ScheduleCommand::Change { timing, at };
        return Ok((id, commands.send(id, change, &actor(jobs)?).await));
    }
    let id = commands.next_id(Schedule::TYPE).await?;
    let create = ScheduleCommand::Create {
        id,
        owner,
        job,
        timing,
        at,
    };
    Ok((id, commands.send_new(id, create, &actor(jobs)?).await))
}

/// Cancels the schedule of a job, if there is one.
pub(super) async fn cancel<A: Noun, V: Verb>(jobs: &Writer<A, V>, job: Job) -> Result<Done> {
    let none = Done { late: None };
    let Some(id) = scheduled(jobs, job).await? else {
        return Ok(none);
    };
    let (cancel, actor) = (ScheduleCommand::Cancel, actor(jobs)?);
    match jobs.commands().send(id, cancel, &actor).await {
        Ok(committed) => Ok(settle(jobs, committed).await),
        // Another request cancelled the schedule just now, or it fired.
        Err(CommandError::Refused(Refusal::NotFound | Refusal::NotReady(_))) => Ok(none),
        Err(error) => Err(error.into()),
    }
}

/// Checks after scheduling: if the transmission or campaign was deleted meanwhile, its schedule is
/// cancelled.
pub(super) async fn still_there<A: Noun + Entity, V: Verb>(
    jobs: &Writer<A, V>,
    id: Id<A>,
    job: Job,
) -> Result<()> {
    let scope = jobs.caller().scope::<A>();
    if let Err(error) = jobs.commands().load(id, &scope).await {
        cancel(jobs, job).await?;
        return Err(error.into());
    }
    Ok(())
}

/// The schedule of a job, read from the claims, which are never behind the log.
async fn scheduled<A: Noun, V: Verb>(
    jobs: &Writer<A, V>,
    job: Job,
) -> Result<Option<Id<Schedule>>> {
    let store = jobs.commands().store();
    Ok(store.holder_of(&job.claim()).await?)
}

fn actor<A: Noun, V: Verb>(jobs: &Writer<A, V>) -> Result<Actor> {
    Ok(Actor {
        metadata: jobs.metadata()?,
        ..Actor::default()
    })
}

async fn settle<A: Noun, V: Verb>(jobs: &Writer<A, V>, committed: Committed) -> Done {
    let app = jobs.caller().app();
    Done {
        late: app.settle(Schedule::TYPE, committed.position).await,
    }
}

impl FromFields for Timing {
    fn from_fields(fields: &mut Fields) -> Self {
        let seconds =
            |fields: &mut Fields, field| fields.number(field, i64::MIN..=i64::MAX).given();
        Self {
            timestamp: seconds(fields, "timestamp"),
            datetime: fields.text("datetime").given(),
            delay: seconds(fields, "delay"),
            year: part(fields, "year", Unit::Year).given(),
            month: part(fields, "month", Unit::Month).given(),
            day: part(fields, "day", Unit::Day).given(),
            weekday: part(fields, "weekday", Unit::Weekday).given(),
            hour: part(fields, "hour", Unit::Hour).given(),
            minute: part(fields, "minute", Unit::Minute).given(),
            zone: fields.text("timezone").given(),
            if_missed: fields.text("if_missed").given(),
        }
    }
}

/// Numbers of a unit, as `*`, `n`, `a,b`, `a-b` or `*/n`.
pub(super) fn part(fields: &mut Fields, field: &'static str, unit: Unit) -> Patch<Part> {
    fields.parse(field, |value| {
        let text = match value {
            Value::String(text) if text.trim().is_empty() => return Ok(None),
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return Err("must be a number or a string".to_owned()),
        };
        let part = Part::parse(unit, &text);
        part.map(Some).map_err(|error| error.to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: Value) -> Result<Timing> {
        let Value::Object(map) = body else {
            panic!("an object")
        };
        let mut fields = Fields::new(map);
        let timing = Timing::from_fields(&mut fields);
        fields.finish(timing)
    }

    #[test]
    fn a_field_comes_as_a_number_and_as_text() {
        let timing = read(json!({"hour": 9, "minute": "*/15", "day": "", "timezone": "UTC"}));
        let timing = timing.unwrap();
        assert_eq!(timing.hour.unwrap().as_str(), "9");
        assert_eq!(timing.minute.unwrap().as_str(), "*/15");
        assert_eq!(timing.day, None);
        assert_eq!(timing.zone.unwrap().name(), "UTC");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = json!({
            "weekday": 0, "hour": 24, "minute": 1.5, "month": [], "delay": "soon",
            "datetime": "tomorrow", "timezone": "Mars/Olympus", "year": "2027",
            "if_missed": "maybe",
        });
        let Err(Error::Invalid(errors)) = read(wrong) else {
            panic!("412")
        };
        let mut fields: Vec<_> = errors.iter().map(|error| error.field.as_ref()).collect();
        fields.sort_unstable();
        let expected = [
            "datetime",
            "delay",
            "hour",
            "if_missed",
            "minute",
            "month",
            "timezone",
            "weekday",
        ];
        assert_eq!(fields, expected);
    }
}
