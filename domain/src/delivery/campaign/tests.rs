use cqrs_es::test::TestFramework;

use super::*;
use crate::{
    Id, Patch,
    delivery::{Pace, PaceUnit},
    flow::{Flow, Service},
    people::Account,
};
use chrono::{DateTime, Utc};

fn pace(cpm: f64) -> Pace {
    Pace::said(Some(cpm), None, PaceUnit::Second)
        .unwrap()
        .unwrap()
}

fn details() -> CampaignDetails {
    CampaignDetails {
        program_id: Id::new(1),
        service: Service::Email,
        group_id: Id::new(2),
        account_id: Some(Id::new(3)),
        pace: pace(2.0),
        try_allowed: 2,
        source: None,
        duplicates: false,
        quiet: None,
    }
}

fn created() -> CampaignEvent {
    CampaignCreated {
        id: Id::new(7),
        owner: Owner::in_first_tenant(Id::new(1)),
        details: details(),
    }
}

fn given(events: Vec<CampaignEvent>) -> cqrs_es::test::AggregateTestExecutor<Campaign> {
    TestFramework::with(()).given(events)
}

#[test]
fn a_program_and_a_group_cannot_be_taken_away() {
    let program = CampaignPatch {
        program: Patch::Clear,
        ..CampaignPatch::default()
    };
    given(vec![created()])
        .when(CampaignCommand::Update(Box::new(program)))
        .then_expect_error(Refusal::invalid("program_id", "is required"));
    let group = CampaignPatch {
        group_id: Patch::Clear,
        ..CampaignPatch::default()
    };
    given(vec![created()])
        .when(CampaignCommand::Update(Box::new(group)))
        .then_expect_error(Refusal::invalid("group_id", "is required"));
}

#[test]
fn a_program_brings_its_service() {
    let patch = CampaignPatch {
        program: Patch::Set((Id::new(9), Service::Sms)),
        account_id: Patch::Clear,
        try_allowed: Patch::Clear,
        pace: Some(pace(5.0)),
        ..CampaignPatch::default()
    };
    let details = CampaignDetails {
        program_id: Id::new(9),
        service: Service::Sms,
        account_id: None,
        try_allowed: 1,
        pace: pace(5.0),
        ..details()
    };
    given(vec![created()])
        .when(CampaignCommand::Update(Box::new(patch)))
        .then_expect_events(vec![CampaignUpdated { details }]);
}

#[test]
fn an_update_that_says_nothing_new_emits_nothing() {
    let patch = CampaignPatch {
        pace: Some(pace(2.0)),
        ..CampaignPatch::default()
    };
    given(vec![created()])
        .when(CampaignCommand::Update(Box::new(patch)))
        .then_expect_events(vec![]);
}

#[test]
fn what_is_deleted_is_gone() {
    given(vec![created(), CampaignDeleted {}])
        .when(CampaignCommand::Delete)
        .then_expect_error(Refusal::NotFound);
}

fn noon() -> DateTime<Utc> {
    "2027-01-15T12:00:00Z".parse().unwrap()
}

fn briefing(version: u64) -> SendPlan {
    SendPlan {
        flow: Flow::send_email(Id::new(4), version),
        program_version: version,
        account_id: Id::<Account>::new(3),
    }
}

fn start(version: u64) -> CampaignCommand {
    CampaignCommand::Start {
        at: noon(),
        briefing: Box::new(briefing(version)),
        contacts: 2,
    }
}

fn started() -> CampaignEvent {
    CampaignStarted {
        at: noon(),
        briefing: briefing(1),
        contacts: 2,
    }
}

fn stopped() -> CampaignEvent {
    CampaignPaused { at: noon() }
}

fn leg(to: i64, last: bool) -> Batch {
    Batch {
        to: Id::new(to),
        made: 1,
        last,
    }
}

fn refused(events: Vec<CampaignEvent>, command: CampaignCommand, reason: &str) {
    given(events)
        .when(command)
        .then_expect_error(Refusal::not_ready(reason));
}

#[test]
fn it_is_started_once() {
    given(vec![created()])
        .when(start(1))
        .then_expect_events(vec![started()]);
    refused(
        vec![created(), started()],
        start(1),
        "it is running already",
    );
}

#[test]
fn an_empty_group_is_nobody_to_reach() {
    let nobody = CampaignCommand::Start {
        at: noon(),
        briefing: Box::new(briefing(1)),
        contacts: 0,
    };
    refused(vec![created()], nobody, "its group is empty");
}

#[test]
fn what_was_stopped_goes_on_with_what_is_to_be_sent_by_then() {
    let resumed = CampaignResumed {
        at: noon(),
        briefing: briefing(2),
    };
    given(vec![created(), started(), stopped()])
        .when(start(2))
        .then_expect_events(vec![resumed.clone()]);
    let broken = CampaignBroken {
        at: noon(),
        reason: "no provider".to_owned(),
    };
    given(vec![created(), started(), broken])
        .when(start(2))
        .then_expect_events(vec![resumed]);
}

#[test]
fn only_what_runs_can_be_stopped() {
    let stop = || CampaignCommand::Stop { at: noon() };
    given(vec![created(), started()])
        .when(stop())
        .then_expect_events(vec![stopped()]);
    refused(vec![created()], stop(), "it has not been started");
    refused(
        vec![created(), started(), stopped()],
        stop(),
        "it is stopped already",
    );
}

#[test]
fn nothing_is_made_while_it_is_stopped_or_after_the_last_one() {
    let advance = |to, last| CampaignCommand::Advance(leg(to, last));
    given(vec![created(), started()])
        .when(advance(9, false))
        .then_expect_events(vec![CampaignAdvanced { leg: leg(9, false) }]);
    let paused = vec![created(), started(), stopped()];
    refused(paused, advance(9, false), "it is not on its way");
    let through = vec![created(), started(), CampaignAdvanced { leg: leg(9, true) }];
    refused(through, advance(10, true), "it is not on its way");
}

#[test]
fn it_is_completed_once_it_is_through_and_then_for_good() {
    let complete = || CampaignCommand::Complete {
        at: noon(),
        tally: Tally::default(),
    };
    refused(vec![created(), started()], complete(), "it is not through");
    let completed = CampaignCompleted {
        at: noon(),
        tally: Tally::default(),
    };
    let through = CampaignAdvanced { leg: leg(9, true) };
    given(vec![created(), started(), through.clone()])
        .when(complete())
        .then_expect_events(vec![completed.clone()]);
    let all = vec![created(), started(), through, completed];
    refused(all.clone(), start(1), "it is completed");
    refused(all, CampaignCommand::Stop { at: noon() }, "it is completed");
}

#[test]
fn while_it_runs_only_its_pace_changes() {
    let faster = CampaignPatch {
        pace: Some(pace(9.0)),
        ..CampaignPatch::default()
    };
    let details = CampaignDetails {
        pace: pace(9.0),
        ..details()
    };
    given(vec![created(), started()])
        .when(CampaignCommand::Update(Box::new(faster)))
        .then_expect_events(vec![CampaignUpdated { details }]);
    let more = CampaignPatch {
        try_allowed: Patch::Set(9),
        ..CampaignPatch::default()
    };
    refused(
        vec![created(), started()],
        CampaignCommand::Update(Box::new(more)),
        "while it is running only cpm can be changed; stop it first",
    );
    let elsewhere = CampaignPatch {
        group_id: Patch::Set(Id::new(8)),
        ..CampaignPatch::default()
    };
    refused(
        vec![created(), started(), stopped()],
        CampaignCommand::Update(Box::new(elsewhere)),
        "it has begun, and keeps its group and its service",
    );
}

#[test]
fn what_runs_is_not_deleted() {
    refused(
        vec![created(), started()],
        CampaignCommand::Delete,
        "it is running; stop it first",
    );
    given(vec![created(), started(), stopped()])
        .when(CampaignCommand::Delete)
        .then_expect_events(vec![CampaignDeleted {}]);
}
