//! Schedules from the view of the policy that fires them.

use chrono::{DateTime, TimeDelta, Utc};
use cqrs_es::Aggregate;
use domain::{
    Id, Scope,
    delivery::{
        Job, Schedule, ScheduleEvent,
        schedule::{IfMissed, Plan, When, Zone},
    },
};

use super::{ScratchLog, history::noon, run};
use crate::{delivery::schedules, find};

fn created(id: i64, next_run: DateTime<Utc>) -> ScheduleEvent {
    ScheduleEvent::ScheduleCreated {
        id: Id::new(id),
        owner: domain::Owner::in_first_tenant(Id::new(1)),
        job: Job::TransmissionSend {
            transmission_id: Id::new(id),
        },
        plan: Plan {
            when: When::Once { at: next_run },
            zone: Zone::default(),
            if_missed: IfMissed::Run,
            next_run,
        },
    }
}

fn fired(due_at: DateTime<Utc>, refused: Option<&str>, next_run: Option<i64>) -> ScheduleEvent {
    ScheduleEvent::ScheduleFired {
        due_at,
        at: due_at + TimeDelta::seconds(1),
        refused: refused.map(str::to_owned),
        next_run: next_run.map(|seconds| noon() + TimeDelta::seconds(seconds)),
    }
}

#[tokio::test]
async fn what_is_due_is_found_until_it_fired() {
    let scratch = ScratchLog::open().await;
    let running = run(&scratch);
    let at = |seconds| noon() + TimeDelta::seconds(seconds);
    for (id, seconds) in [(1, -5), (2, -10), (3, 5), (4, 0)] {
        scratch
            .append::<Schedule>(id, [created(id, at(seconds))])
            .await;
    }
    let all = scratch
        .append::<Schedule>(5, [created(5, at(-1)), fired(at(-1), None, None)])
        .await;
    running.reached(Schedule::TYPE, all).await;
    let due = async |now, limit| {
        let due = schedules::due(&scratch.pool, now, limit).await.unwrap();
        due.into_iter()
            .map(|row| row.schedule_id)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        due(noon(), 10).await,
        [2, 1, 4],
        "the longest waiting first"
    );
    assert_eq!(due(noon(), 2).await, [2, 1]);

    let refused = fired(at(-10), Some("the group is empty"), Some(60));
    scratch.append::<Schedule>(2, [refused]).await;
    let missed = ScheduleEvent::ScheduleMissed {
        due_at: at(-5),
        at: at(0),
        next_run: Some(at(90)),
    };
    let all = scratch.append::<Schedule>(1, [missed]).await;
    running.reached(Schedule::TYPE, all).await;
    assert_eq!(due(noon(), 10).await, [4]);
    assert_eq!(due(at(60), 10).await, [4, 3, 2]);

    let row = async |id| {
        let row = find::<schedules::ScheduleRow>(&scratch.pool, id, &Scope::Installation).await;
        let row = row.unwrap().unwrap();
        (row.state, row.last_run, row.last_result, row.next_run)
    };
    let words = |state: &str, result: &str| (state.to_owned(), Some(result.to_owned()));
    let (state, result) = words("done", "done");
    assert_eq!(row(5).await, (state, Some(at(0)), result, None));
    let (state, result) = words("pending", "the group is empty");
    assert_eq!(row(2).await, (state, Some(at(-9)), result, Some(at(60))));
    let (state, result) = words("pending", "missed");
    assert_eq!(row(1).await, (state, None, result, Some(at(90))));
    running.stop().await;
    scratch.close().await;
}
