//! The queue in use by workers.

use std::time::Duration;

use domain::{
    Id,
    delivery::{
        Awaited, OnReportTimeout, Outcome, Transmission,
        TransmissionEvent::{
            SpoolConnected, SpoolQueued, TransmissionCreated, TransmissionUpdated,
        },
    },
    flow::Service,
};
use testkit::transmissions::{ended, noon, order, queued, transmission};
use tokio::time::{sleep, timeout};

use super::{LONG, ScratchLog, run};
use crate::queue::{self, Depth, Room, Wanted};

const LEASE: Duration = Duration::from_secs(3_600);

fn rooms(all: usize) -> [Room; 4] {
    queue::all_services().map(|service| Room {
        service,
        all,
        bulk: all,
    })
}

fn room_for(most: usize, rooms: &[Room]) -> Wanted<'_> {
    Wanted {
        rooms,
        most,
        worker: "w",
        lease: LEASE,
    }
}

#[tokio::test]
async fn a_job_is_held_by_one_until_its_lease_runs_out() {
    let scratch = ScratchLog::open().await;
    let (running, signal) = run(&scratch);
    for id in 1..=4 {
        scratch
            .append::<Transmission>(id, [transmission(id, 5, 1), queued(id * 10, 1, 1)])
            .await;
    }
    timeout(LONG, signal.notified()).await.unwrap();
    while queue::depth(&scratch.pool, noon()).await.unwrap().ready < 4 {
        sleep(Duration::from_millis(5)).await;
    }
    let claim = async |room, lease| {
        let rooms = rooms(room);
        let wanted = Wanted {
            lease,
            ..room_for(room, &rooms)
        };
        queue::claim(&scratch.pool, wanted, noon()).await.unwrap()
    };

    let mine = claim(3, LEASE).await;
    let ids: Vec<_> = mine.iter().map(|job| job.spool_id).collect();
    assert_eq!(ids, [10, 20, 30], "the oldest first");
    assert_eq!(mine[0].service, 8);
    assert_eq!((&mine[0].avoid[..], mine[0].reclaimed), (&[9][..], false));
    let theirs = claim(3, Duration::from_millis(1)).await;
    assert_eq!(
        theirs.iter().map(|job| job.spool_id).collect::<Vec<_>>(),
        [40]
    );

    sleep(Duration::from_millis(20)).await;
    let again = claim(3, LEASE).await;
    assert_eq!(
        (again.len(), again[0].spool_id, again[0].reclaimed),
        (1, 40, true)
    );
    let renewed = queue::renew(&scratch.pool, &[40], &theirs[0].claim_token, LEASE)
        .await
        .unwrap();
    assert_eq!(renewed, Vec::<i64>::new(), "it belongs to the other claim");
    let token = &mine[0].claim_token;
    assert_eq!(
        queue::renew(&scratch.pool, &[10, 40], token, LEASE)
            .await
            .unwrap(),
        [10]
    );
    assert_eq!(
        queue::release(&scratch.pool, &[20], token, noon())
            .await
            .unwrap(),
        [20]
    );
    assert!(
        !claim(3, LEASE).await[0].reclaimed,
        "it was put back in order"
    );

    let events = ended(10, 1, Outcome::Delivered, "250");
    let position = scratch.append::<Transmission>(1, events).await;
    running.all_reached(position).await;
    let depth = queue::depth(&scratch.pool, noon()).await.unwrap();
    assert_eq!(
        depth,
        Depth {
            ready: 0,
            waiting: 0,
            claimed: 3,
            more: false,
        }
    );
    running.stop().await;
    scratch.close().await;
}

#[tokio::test]
async fn each_service_takes_no_more_than_its_room() {
    let scratch = ScratchLog::open().await;
    let (running, _) = run(&scratch);
    for id in 1..=6 {
        let mut queued = queued(id * 10, 1, 1);
        if let SpoolQueued { flow, .. } = &mut queued
            && id > 3
        {
            flow.service = Service::Voice;
        }
        scratch
            .append::<Transmission>(id, [transmission(id, 5, 1), queued])
            .await;
    }
    while queue::depth(&scratch.pool, noon()).await.unwrap().ready < 6 {
        sleep(Duration::from_millis(5)).await;
    }
    let claimed = async |mails, calls| {
        let room = |service: Service, all| Room {
            service: service.flag(),
            all,
            bulk: all,
        };
        let rooms = [room(Service::Voice, calls), room(Service::Email, mails)];
        let wanted = room_for(100, &rooms);
        let jobs = queue::claim(&scratch.pool, wanted, noon()).await.unwrap();
        let mut ids: Vec<_> = jobs.iter().map(|job| job.spool_id).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(claimed(2, 1).await, [10, 20, 40]);
    assert_eq!(claimed(2, 0).await, [30]);
    assert_eq!(claimed(0, 5).await, [50, 60]);
    running.stop().await;
    scratch.close().await;
}

#[tokio::test]
async fn what_is_changed_and_sent_in_one_batch_has_left_the_backlog() {
    let scratch = ScratchLog::open().await;
    let (running, _) = run(&scratch);
    let mut order = order(1);
    order.campaign_id = Some(Id::new(3));
    let created = TransmissionCreated {
        id: Id::new(7),
        owner: domain::Owner::in_first_tenant(Id::new(5)),
        order: order.clone(),
    };
    let waiting = || scratch.number("select count(*) from dispatch.backlog");
    let position = scratch.append::<Transmission>(7, [created]).await;
    running.all_reached(position).await;
    assert_eq!(waiting().await, 1);

    let changed = || TransmissionUpdated {
        order: order.clone(),
    };
    let position = scratch.append::<Transmission>(7, [changed()]).await;
    running.all_reached(position).await;
    assert_eq!(waiting().await, 1, "it waits where it waited");
    let batch = [changed(), queued(70, 1, 1)];
    let position = scratch.append::<Transmission>(7, batch).await;
    running.all_reached(position).await;
    assert_eq!(waiting().await, 0);
    running.stop().await;
    scratch.close().await;
}

#[tokio::test]
async fn many_workers_share_a_queue_without_taking_a_job_twice() {
    let scratch = ScratchLog::open().await;
    let (running, _) = run(&scratch);
    for id in 1..=300 {
        scratch
            .append::<Transmission>(id, [transmission(id, 5, 1), queued(id, 1, 1)])
            .await;
    }
    while queue::depth(&scratch.pool, noon()).await.unwrap().ready < 300 {
        sleep(Duration::from_millis(5)).await;
    }
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let pool = scratch.pool.clone();
        workers.spawn(async move {
            let mut taken = Vec::new();
            loop {
                let rooms = rooms(7);
                let wanted = room_for(7, &rooms);
                let jobs = queue::claim(&pool, wanted, noon()).await.unwrap();
                if jobs.is_empty() {
                    return taken;
                }
                assert!(jobs.len() <= 7);
                taken.extend(jobs.into_iter().map(|job| job.spool_id));
            }
        });
    }
    let mut taken: Vec<i64> = workers.join_all().await.into_iter().flatten().collect();
    taken.sort_unstable();
    assert_eq!(taken, (1..=300).collect::<Vec<_>>());
    running.stop().await;
    scratch.close().await;
}

#[tokio::test]
async fn what_is_awaited_is_found_by_its_name_or_when_it_is_late() {
    let scratch = ScratchLog::open().await;
    let (running, _) = run(&scratch);
    let accepted = |spool: i64, provider: i64, name: &str, minutes: i64| SpoolConnected {
        spool: Id::new(spool),
        at: noon(),
        awaited: Some(Awaited {
            provider: Id::new(provider),
            message_id: Some(name.to_owned()),
            until: noon() + chrono::TimeDelta::minutes(minutes),
            if_silent: OnReportTimeout::Unknown,
            parts: 0,
        }),
    };
    let mut position = 0;
    for (id, provider, name, minutes) in [
        (1, 7, "a", 1),
        (2, 7, "b", 2),
        (3, 8, "a", 3),
        (4, 7, "a", 4),
    ] {
        let spool = id * 10;
        let events = [
            transmission(id, 5, 1),
            queued(spool, 1, 1),
            accepted(spool, provider, name, minutes),
        ];
        position = scratch.append::<Transmission>(id, events).await;
    }
    running.all_reached(position).await;
    let wanted: Vec<_> = [(7, "a"), (7, "b"), (8, "b")]
        .map(|(provider, name)| (provider, name.to_owned()))
        .into();
    let named = queue::named(&scratch.pool, &wanted).await.unwrap();
    let found: Vec<_> = named
        .iter()
        .map(|it| (it.spool_id, it.transmission_id))
        .collect();
    assert_eq!(found, [(40, 4), (20, 2)], "of two of a name the newest");
    let late = noon() + chrono::TimeDelta::minutes(2);
    let silent = queue::overdue_reports(&scratch.pool, late, 10)
        .await
        .unwrap();
    assert_eq!(silent, [(10, 1), (20, 2)]);

    let events = ended(20, 1, Outcome::Delivered, "DELIVRD");
    let position = scratch.append::<Transmission>(2, events).await;
    running.all_reached(position).await;
    let silent = queue::overdue_reports(&scratch.pool, late, 10)
        .await
        .unwrap();
    assert_eq!(silent, [(10, 1)]);
    running.stop().await;
    scratch.close().await;
}
