//! The rules of a schedule.

use chrono::{DateTime, TimeDelta, Utc};
use cqrs_es::{Aggregate, test::TestFramework};

use super::*;
use crate::{Entity, Id, Owner, Refusal};

fn noon() -> DateTime<Utc> {
    "2027-01-15T12:00:00Z".parse().unwrap()
}

fn later(seconds: i64) -> Plan {
    let at = noon() + TimeDelta::seconds(seconds);
    Plan {
        when: When::Once { at },
        zone: Zone::default(),
        if_missed: IfMissed::Run,
        next_run: at,
    }
}

fn delay(seconds: i64) -> Timing {
    Timing {
        delay: Some(seconds),
        ..Timing::default()
    }
}

fn job() -> Job {
    Job::TransmissionSend {
        transmission_id: Id::new(3),
    }
}

fn created() -> ScheduleEvent {
    ScheduleEvent::ScheduleCreated {
        id: Id::new(7),
        owner: Owner::in_first_tenant(Id::new(1)),
        job: job(),
        plan: later(60),
    }
}

fn given(events: Vec<ScheduleEvent>) -> cqrs_es::test::AggregateTestExecutor<Schedule> {
    TestFramework::with(()).given(events)
}

#[test]
fn what_is_created_knows_when_it_is_due() {
    given(vec![])
        .when(ScheduleCommand::Create {
            id: Id::new(7),
            owner: Owner::in_first_tenant(Id::new(1)),
            job: job(),
            timing: delay(60),
            at: noon(),
        })
        .then_expect_events(vec![created()]);
}

#[test]
fn another_time_replaces_the_first() {
    let change = |seconds| ScheduleCommand::Change {
        timing: delay(seconds),
        at: noon(),
    };
    given(vec![created()])
        .when(change(90))
        .then_expect_events(vec![ScheduleEvent::ScheduleChanged { plan: later(90) }]);
    given(vec![created()])
        .when(change(60))
        .then_expect_events(vec![]);
}

/// A schedule that is due at every full hour, first at 13:00.
fn hourly(if_missed: IfMissed) -> ScheduleEvent {
    let timing = Timing {
        minute: Part::parse(Unit::Minute, "0").ok(),
        if_missed: Some(if_missed),
        ..Timing::default()
    };
    ScheduleEvent::ScheduleCreated {
        id: Id::new(7),
        owner: Owner::in_first_tenant(Id::new(1)),
        job: job(),
        plan: timing.plan(noon()).unwrap(),
    }
}

fn at(time: &str) -> DateTime<Utc> {
    format!("2027-01-15T{time}Z").parse().unwrap()
}

fn fire(time: &str) -> ScheduleCommand {
    ScheduleCommand::Fire {
        at: at(time),
        refused: None,
        over: false,
    }
}

fn fired(due: &str, time: &str, next: Option<&str>) -> ScheduleEvent {
    ScheduleEvent::ScheduleFired {
        due_at: at(due),
        at: at(time),
        refused: None,
        next_run: next.map(at),
    }
}

fn missed(due: &str, time: &str, next: &str) -> ScheduleEvent {
    ScheduleEvent::ScheduleMissed {
        due_at: at(due),
        at: at(time),
        next_run: Some(at(next)),
    }
}

#[test]
fn nothing_fires_before_it_is_due() {
    given(vec![created()])
        .when(fire("12:00:59.999"))
        .then_expect_events(vec![]);
}

#[test]
fn a_single_run_fires_once_however_late() {
    let late = fired("12:01:00", "22:00:00", None);
    given(vec![created()])
        .when(fire("22:00:00"))
        .then_expect_events(vec![late.clone()]);
    given(vec![created(), late])
        .when(fire("22:00:01"))
        .then_expect_events(vec![]);
}

#[test]
fn a_schedule_stays_readable_after_its_last_run() {
    let done = vec![created(), fired("12:01:00", "12:01:00", None)];
    let refusal = Refusal::not_ready("it has been fired");
    let (timing, now) = (delay(60), noon());
    let change = ScheduleCommand::Change { timing, at: now };
    given(done.clone())
        .when(change)
        .then_expect_error(refusal.clone());
    given(done.clone())
        .when(ScheduleCommand::Cancel)
        .then_expect_error(refusal);
    let mut schedule = Schedule::default();
    done.into_iter().for_each(|event| schedule.apply(event));
    assert!(schedule.exists());
    assert_eq!(schedule.claims(), vec![]);
    assert_eq!(schedule.will_run(at("23:00:00")), Verdict::NotYet);
    assert_eq!(schedule.runs().next(), None);
}

#[test]
fn why_it_was_not_done_is_kept() {
    let refused = Some("the group is empty".to_owned());
    let command = ScheduleCommand::Fire {
        at: at("12:01:00"),
        refused: refused.clone(),
        over: false,
    };
    let event = ScheduleEvent::ScheduleFired {
        due_at: at("12:01:00"),
        at: at("12:01:00"),
        refused,
        next_run: None,
    };
    given(vec![created()])
        .when(command)
        .then_expect_events(vec![event]);
}

#[test]
fn what_is_for_something_that_has_ended_does_not_come_again() {
    let refused = Some("it is completed".to_owned());
    let command = ScheduleCommand::Fire {
        at: at("13:00:00"),
        refused: refused.clone(),
        over: true,
    };
    let event = ScheduleEvent::ScheduleFired {
        due_at: at("13:00:00"),
        at: at("13:00:00"),
        refused,
        next_run: None,
    };
    given(vec![hourly(IfMissed::Run)])
        .when(command)
        .then_expect_events(vec![event]);
}

#[test]
fn several_that_were_missed_run_once() {
    given(vec![hourly(IfMissed::Run)])
        .when(fire("15:30:00"))
        .then_expect_events(vec![fired("13:00:00", "15:30:00", Some("16:00:00"))]);
}

#[test]
fn a_schedule_that_skips_missed_runs_skips_them() {
    given(vec![hourly(IfMissed::Skip)])
        .when(fire("15:30:00"))
        .then_expect_events(vec![missed("13:00:00", "15:30:00", "16:00:00")]);
    // A run that is late by less than the grace period is not missed.
    given(vec![hourly(IfMissed::Skip)])
        .when(fire("13:00:59.999"))
        .then_expect_events(vec![fired("13:00:00", "13:00:59.999", Some("14:00:00"))]);
}

#[test]
fn a_run_hardly_late_comes_after_missed_ones() {
    let first = missed("13:00:00", "15:00:30", "15:00:00");
    given(vec![hourly(IfMissed::Skip)])
        .when(fire("15:00:30"))
        .then_expect_events(vec![first.clone()]);
    given(vec![hourly(IfMissed::Skip), first])
        .when(fire("15:00:30"))
        .then_expect_events(vec![fired("15:00:00", "15:00:30", Some("16:00:00"))]);
}

#[test]
fn what_has_nobody_left_is_abandoned_with_a_reason() {
    let reason = "the campaign was deleted".to_owned();
    let abandon = ScheduleCommand::Abandon {
        reason: reason.clone(),
    };
    let reason = Some(reason);
    given(vec![created()])
        .when(abandon)
        .then_expect_events(vec![ScheduleEvent::ScheduleCancelled { reason }]);
}

#[test]
fn events_of_before_are_read() {
    let cancelled: ScheduleEvent = serde_json::from_str(r#"{"ScheduleCancelled":{}}"#).unwrap();
    let reason = None;
    assert_eq!(cancelled, ScheduleEvent::ScheduleCancelled { reason });
    let mut json = serde_json::to_value(created()).unwrap();
    let plan = json["ScheduleCreated"]["plan"].as_object_mut().unwrap();
    assert!(plan.remove("if_missed").is_some());
    assert_eq!(
        serde_json::from_value::<ScheduleEvent>(json).unwrap(),
        created()
    );
}

#[test]
fn what_is_cancelled_is_gone() {
    given(vec![
        created(),
        ScheduleEvent::ScheduleCancelled { reason: None },
    ])
    .when(ScheduleCommand::Cancel)
    .then_expect_error(Refusal::NotFound);
}

#[test]
fn a_transmission_has_one_schedule_while_it_is_pending() {
    let mut schedule = Schedule::default();
    assert_eq!(schedule.claims(), vec![]);
    schedule.apply(created());
    assert_eq!(schedule.claims(), vec![job().claim()]);
    schedule.apply(ScheduleEvent::ScheduleCancelled { reason: None });
    assert_eq!(schedule.claims(), vec![]);
}

#[test]
fn an_event_reads_as_it_was_written() {
    let json = serde_json::to_value(created()).unwrap();
    assert_eq!(
        json["ScheduleCreated"]["job"]["action"],
        "transmission_send"
    );
    let read: ScheduleEvent = serde_json::from_value(json).unwrap();
    assert_eq!(read, created());
}
