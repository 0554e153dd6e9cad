//! Schedules fire when they are due, and once.

use std::time::Duration;

use eventstore::clock;
use serde_json::{Value, json};

use crate::harness::{
    Campaigning, Client, Database, EventLog, Mailing, ReadModels, Server, Setup, TIMEOUT,
    eventually, every_event_names_its_causes, sandbox_provider, seconds,
};

/// The first user's mail program on a server of the test's own, which gets a sandbox.
async fn on_its_own(server: &Server) -> Mailing {
    let admin = server.admin().await;
    sandbox_provider(&admin).await;
    Mailing::new(&admin).await
}

/// A transmission with a schedule of this timing, and the schedule.
async fn scheduled(mailing: &Mailing, email: &str, timing: Value) -> (i64, i64) {
    let transmission = mailing.to(mailing.client.contact(email).await).await;
    let path = format!("/transmissions/{transmission}/schedule");
    let schedule = mailing.client.put(&path, timing).await.id("schedule_id");
    (transmission, schedule)
}

/// The schedule after it has fired.
async fn fired(client: &Client, schedule: i64) -> Value {
    let path = format!("/schedules/{schedule}");
    eventually("the schedule fires", seconds(20), async || {
        let read = client.get(&path).await.ok();
        (!read["last_result"].is_null()).then_some(read)
    })
    .await
}

/// The number of times that a transmission was queued.
async fn queued(server: &Server, transmission: i64) -> usize {
    let mut log = EventLog::open(server).await;
    let history = log.history("transmission", transmission).await;
    history.iter().filter(|kind| *kind == "SpoolQueued").count()
}

#[tokio::test]
async fn a_transmission_goes_when_it_is_time_and_not_before() {
    let server = Server::shared().await;
    let user = server.user(&["user"]).await;
    let mailing = Mailing::new(&user).await;
    let (far, for_2030) = scheduled(
        &mailing,
        "later@example.com",
        json!({"datetime": "2030-01-01 10:00:00"}),
    )
    .await;
    let due = clock::now().timestamp() + 1;
    let (near, schedule) = scheduled(&mailing, "soon@example.com", json!({"delay": 1})).await;
    let ended = mailing.ended(near).await;
    assert_eq!(ended["outcome"], "delivered", "{ended}");
    assert!(ended["last_run"].as_i64().unwrap() >= due, "{ended}");
    let read = fired(&user, schedule).await;
    assert_eq!(
        (&read["state"], &read["last_result"], &read["next_run"]),
        (&json!("done"), &json!("done"), &Value::Null)
    );
    assert!(read["last_run"].as_i64().unwrap() >= due, "{read}");
    assert_eq!(queued(server, near).await, 1);

    let read = user.get(&format!("/schedules/{for_2030}")).await.ok();
    assert_eq!(
        (&read["state"], &read["last_run"]),
        (&json!("pending"), &Value::Null)
    );
    assert!(read["next_run"].as_i64().unwrap() > 1_893_400_000, "{read}");
    assert_eq!(queued(server, far).await, 0);
    let read = user.get(&format!("/transmissions/{far}")).await.ok();
    assert_eq!(read["status"], "pending");
}

#[tokio::test]
async fn a_campaign_starts_and_stops_when_it_is_time() {
    let user = Server::shared().await.user(&["user"]).await;
    let campaigns = Campaigning::new(&user).await;
    let group = campaigns.group(3).await;
    let id = campaigns.campaign(group, json!({"cpm": 0.001})).await;
    for (action, status) in [("start", "running"), ("stop", "paused")] {
        let path = format!("/campaigns/{id}/{action}/schedule");
        let schedule = user
            .post(&path, json!({"delay": 1}))
            .await
            .id("schedule_id");
        let read = fired(&user, schedule).await;
        assert_eq!(
            (&read["state"], &read["last_result"]),
            (&json!("done"), &json!("done"))
        );
        let read = eventually("the campaign follows", seconds(5), async || {
            let read = campaigns.read(id).await;
            (read["status"] == status).then_some(read)
        })
        .await;
        assert_eq!(read["contact_total"], 3, "{read}");
    }
}

/// A transmission that was sent by a request and ended before its schedule was due, and the
/// schedule.
async fn sent_before_its_time(mailing: &Mailing) -> (i64, i64) {
    // On a busy machine the schedule may be due before; then it gets more time.
    for delay in [2, 10, 60] {
        let delay = json!({"delay": delay});
        let (transmission, schedule) = scheduled(mailing, "sent@example.com", delay).await;
        let path = format!("/transmissions/{transmission}/send");
        let sent = mailing.client.post(&path, json!({})).await;
        mailing.ended(transmission).await;
        let path = format!("/schedules/{schedule}");
        let read = mailing.client.get(&path).await.ok();
        if sent.status == 200 && read["last_result"].is_null() {
            return (transmission, schedule);
        }
    }
    panic!("no mail is sent within a minute");
}

#[tokio::test]
async fn a_refused_run_of_a_schedule_is_on_record() {
    let server = Server::shared().await;
    let user = server.user(&["user"]).await;
    let (campaigns, mailing) = (Campaigning::new(&user).await, Mailing::new(&user).await);
    let id = campaigns
        .campaign(campaigns.group(0).await, json!({}))
        .await;
    let mut expected = Vec::new();
    for (action, reason) in [
        ("start", "its group is empty"),
        ("stop", "it has not been started"),
    ] {
        let path = format!("/campaigns/{id}/{action}/schedule");
        let schedule = user
            .post(&path, json!({"delay": 1}))
            .await
            .id("schedule_id");
        expected.push((schedule, reason));
    }
    let (transmission, schedule) = sent_before_its_time(&mailing).await;
    expected.push((schedule, "it is completed"));
    let mut log = EventLog::open(server).await;
    for (schedule, reason) in expected {
        let read = fired(&user, schedule).await;
        let result = read["last_result"].as_str().unwrap();
        assert!(result.contains(reason), "{read}");
        assert_eq!(read["state"], "done", "{read}");
        let history = log.history("schedule", schedule).await;
        assert_eq!(history, ["ScheduleCreated", "ScheduleFired"]);
    }
    assert_eq!(campaigns.read(id).await["status"], "new");
    assert_eq!(queued(server, transmission).await, 1);
}

#[tokio::test]
async fn runs_missed_in_an_outage_run_once() {
    let mut server = Server::alone().await;
    let mailing = on_its_own(&server).await;
    // On a busy machine the schedule may be due before the kill; then it gets more time.
    let mut delay = 10;
    let (transmission, schedule) = loop {
        let after = json!({ "delay": delay });
        let (transmission, schedule) = scheduled(&mailing, "missed@example.com", after).await;
        server.kill9();
        if queued(&server, transmission).await == 0 {
            break (transmission, schedule);
        }
        delay *= 3;
        assert!(delay < 300, "it is always due already");
        server.start().await;
        mailing.ended(transmission).await;
    };
    tokio::time::sleep(seconds(delay + 1)).await;
    server.start().await;
    assert_eq!(mailing.ended(transmission).await["outcome"], "delivered");
    let read = fired(&mailing.client, schedule).await;
    assert_eq!(
        (&read["state"], &read["last_result"]),
        (&json!("done"), &json!("done"))
    );
    tokio::time::sleep(seconds(2)).await;
    assert_eq!(queued(&server, transmission).await, 1);
    let mut log = EventLog::open(&server).await;
    let history = log.history("schedule", schedule).await;
    assert_eq!(history, ["ScheduleCreated", "ScheduleFired"]);
    ReadModels::assert_whole(&server).await;
}

/// A schedule less than a minute late still runs; only later times count as missed.
#[tokio::test]
async fn of_what_recurs_the_missed_times_run_once_or_not_at_all_as_it_says() {
    let mut server = Server::alone().await;
    let admin = server.admin().await;
    let mailing = on_its_own(&server).await;
    // All schedules have to be created, and the server killed, before the next minute begins.
    let second = clock::now().timestamp().rem_euclid(60);
    if second > 5 {
        tokio::time::sleep(seconds(61 - second as u64)).await;
    }
    let every = |if_missed: &str| json!({"minute": "*", "if_missed": if_missed});
    let (runs, running) = scheduled(&mailing, "runs@example.com", every("run")).await;
    let (_, skipping) = scheduled(&mailing, "skips@example.com", every("skip")).await;
    let (sent, over) = scheduled(&mailing, "sent@example.com", every("run")).await;
    mailing.send(sent).await;
    mailing.ended(sent).await;
    let due = |schedule: i64| {
        let (admin, path) = (admin.clone(), format!("/schedules/{schedule}"));
        async move { admin.get(&path).await.ok()["next_run"].as_i64().unwrap() }
    };
    let first = due(running).await;
    assert_eq!(first, due(skipping).await);
    server.kill9();
    let back = first + 62;
    let outage = u64::try_from(back - clock::now().timestamp()).unwrap();
    tokio::time::sleep(seconds(outage)).await;
    server.start().await;

    mailing.ended(runs).await;
    fired(&admin, skipping).await;
    let mut log = EventLog::open(&server).await;
    let sql = "select aggregate_id::bigint, event_type,
                   extract(epoch from (payload -> event_type ->> 'due_at')::timestamptz)::bigint
               from events where event_type in ('ScheduleFired', 'ScheduleMissed')
                 and aggregate_id = $1 order by position";
    let mut told = async |schedule: i64| -> Vec<(i64, String, i64)> {
        eventually("it was told", TIMEOUT, async || {
            let told = sqlx::query_as(sql).bind(schedule.to_string());
            let told: Vec<_> = told.fetch_all(log.sql()).await.unwrap();
            (!told.is_empty()).then_some(told)
        })
        .await
    };
    // Both minutes have passed, and the schedule ran once for both; its next run is later.
    let ran = told(running).await;
    assert_eq!(ran[0], (running, "ScheduleFired".to_owned(), first));
    assert!(ran[1..].iter().all(|it| it.2 > first + 60), "{ran:?}");
    // The result for the second minute depends on the time that the start takes.
    let skipped = told(skipping).await;
    assert_eq!(skipped[0], (skipping, "ScheduleMissed".to_owned(), first));
    assert!(skipped[1..].iter().all(|it| it.2 > first), "{skipped:?}");
    assert_eq!(queued(&server, runs).await, 1);
    // A delivered transmission is not sent again, and its schedule ends.
    let read = fired(&admin, over).await;
    assert_eq!(
        (&read["state"], &read["last_result"], &read["next_run"]),
        (&json!("done"), &json!("it is completed"), &Value::Null)
    );
    every_event_names_its_causes(&server).await;
}

#[tokio::test]
async fn two_servers_never_both_fire() {
    let database = Database::create().await;
    let one = Setup::on(&database).start().await;
    let other = Setup::on(&database).start().await;
    let mailing = on_its_own(&one).await;
    let mut all = Vec::new();
    for n in 0..10 {
        let email = format!("once{n}@example.com");
        all.push(scheduled(&mailing, &email, json!({"delay": 3})).await);
    }
    for (transmission, schedule) in &all {
        assert_eq!(mailing.ended(*transmission).await["outcome"], "delivered");
        let read = fired(&mailing.client, *schedule).await;
        assert_eq!(read["last_result"], "done", "{read}");
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut log = EventLog::open(&other).await;
    assert_eq!(
        (
            log.count("SpoolQueued").await,
            log.count("ScheduleFired").await
        ),
        (10, 10)
    );
}

#[tokio::test]
async fn when_the_one_that_fires_is_killed_the_other_one_does() {
    let database = Database::create().await;
    let mut one = Setup::on(&database).start().await;
    let other = Setup::on(&database).start().await;
    let mailing = on_its_own(&other).await;
    let delay = json!({"delay": 10});
    let (transmission, _) = scheduled(&mailing, "survivor@example.com", delay).await;
    one.kill9();
    assert_eq!(queued(&other, transmission).await, 0, "it was due already");
    assert_eq!(mailing.ended(transmission).await["outcome"], "delivered");
    assert_eq!(queued(&other, transmission).await, 1);
}

#[tokio::test]
async fn nothing_fires_for_who_is_deleted_or_not_active() {
    let server = Server::shared().await;
    let admin = server.admin().await;
    let mut log = EventLog::open(server).await;
    let mut all = Vec::new();
    for leaving in ["deleted", "inactive"] {
        let user = server.user(&["user"]).await;
        let mailing = Mailing::new(&user).await;
        let delay = json!({"delay": 3_600});
        let (transmission, schedule) = scheduled(&mailing, "never@example.com", delay).await;
        let path = format!("/users/{}", user.user_id);
        match leaving {
            "deleted" => admin.delete(&path).await.ok(),
            _ => admin.put(&path, json!({"active": 0})).await.ok(),
        };
        all.push((transmission, schedule));
    }
    for (transmission, schedule) in &all {
        let history = log.history("schedule", *schedule).await;
        assert_eq!(history, ["ScheduleCreated", "ScheduleCancelled"]);
        assert_eq!(queued(server, *transmission).await, 0);
    }
}
