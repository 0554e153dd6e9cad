//! Creating, changing and cancelling schedules.

use eventstore::clock;
use serde_json::{Value, json};

use crate::harness::{Client, EventLog, Mailing, ReadModels, Server};

fn now() -> i64 {
    clock::now().timestamp()
}

/// An unsent transmission, and its path.
async fn pending(user: &Client) -> (i64, String) {
    let mailing = Mailing::new(user).await;
    let transmission = mailing.to(user.contact("later@example.com").await).await;
    (transmission, format!("/transmissions/{transmission}"))
}

async fn scheduled(user: &Client, path: &str, body: Value) -> Value {
    let id = user
        .put(&format!("{path}/schedule"), body)
        .await
        .id("schedule_id");
    user.get(&format!("/schedules/{id}")).await.ok()
}

#[tokio::test]
async fn a_transmission_is_scheduled_once_or_again_and_again() {
    let user = Server::shared().await.user(&["user"]).await;
    let (transmission, path) = pending(&user).await;
    let at = now() + 3600;
    let once = scheduled(&user, &path, json!({"timestamp": at})).await;
    assert_eq!(
        (&once["action"], &once["transmission_id"], &once["state"]),
        (
            &json!("transmission_send"),
            &json!(transmission),
            &json!("pending")
        )
    );
    assert_eq!(
        (&once["timestamp"], &once["next_run"]),
        (&json!(at), &json!(at))
    );
    assert_eq!(
        (&once["hour"], &once["timezone"]),
        (&Value::Null, &json!("UTC"))
    );

    let body = json!({"hour": 9, "minute": "*/30", "weekday": "2-6", "timezone": "Asia/Karachi"});
    let again = scheduled(&user, &path, body).await;
    assert_eq!(
        (&again["hour"], &again["minute"]),
        (&json!("9"), &json!("*/30"))
    );
    assert_eq!(
        (&again["weekday"], &again["day"]),
        (&json!("2-6"), &json!("*"))
    );
    assert_eq!(again["timestamp"], Value::Null);
    let next = again["next_run"].as_i64().unwrap();
    // Nine o'clock there is four or half past four in UTC.
    assert!(
        [0, 1800].contains(&(next.rem_euclid(86_400) - 4 * 3600)),
        "{again}"
    );
    assert!(next > now() && next < now() + 4 * 86_400);
}

#[tokio::test]
async fn scheduling_again_replaces_the_former_schedule() {
    let user = Server::shared().await.user(&["user"]).await;
    let (_, path) = pending(&user).await;
    let first = scheduled(&user, &path, json!({"delay": 600})).await;
    let second = scheduled(&user, &path, json!({"delay": "1200"})).await;
    assert!(second["next_run"].as_i64() > first["next_run"].as_i64());
    let all = user.get("/schedules").await.ok();
    assert_eq!(all, json!([second]));
}

#[tokio::test]
async fn many_who_schedule_the_same_at_once_make_one_schedule() {
    let user = Server::shared().await.user(&["user"]).await;
    let (_, path) = pending(&user).await;
    let path = format!("{path}/schedule");
    let puts = (0..8).map(|n| user.put(&path, json!({"delay": 600 + n})));
    let answers = futures::future::join_all(puts).await;
    let ids: Vec<_> = answers
        .iter()
        .map(|answer| answer.id("schedule_id"))
        .collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(
        user.get("/schedules").await.ok().as_array().unwrap().len(),
        1
    );
}

#[tokio::test]
async fn a_schedule_without_a_time_or_with_an_impossible_one_is_refused() {
    let user = Server::shared().await.user(&["user"]).await;
    let (_, path) = pending(&user).await;
    for (body, field) in [
        (json!({}), "timestamp"),
        (json!({"timezone": "Europe/Berlin"}), "timestamp"),
        (json!({"timestamp": null, "hour": ""}), "timestamp"),
        (json!({"timestamp": now() - 60}), "timestamp"),
        (json!({"timestamp": i64::MAX}), "timestamp"),
        (json!({"datetime": "2020-01-01 10:00:00"}), "datetime"),
        (json!({"datetime": "tomorrow"}), "datetime"),
        (json!({"delay": -5}), "delay"),
        (json!({"month": 2, "day": 31}), "day"),
        (json!({"month": 2, "day": 30}), "day"),
        (json!({"hour": 9, "if_missed": "maybe"}), "if_missed"),
        (json!({"delay": 5, "if_missed": "skip"}), "if_missed"),
        (
            json!({"timestamp": now() + 60, "if_missed": "skip"}),
            "if_missed",
        ),
        (
            json!({"datetime": "2030-01-01 10:00", "if_missed": "skip"}),
            "if_missed",
        ),
        (json!({"year": 2020}), "year"),
        (json!({"weekday": 0}), "weekday"),
        (json!({"minute": 60}), "minute"),
        (json!({"hour": "9; drop table"}), "hour"),
        (json!({"hour": 9, "timezone": "Mars/Olympus"}), "timezone"),
        (json!({"delay": 5, "timestamp": now() + 60}), "delay"),
        (json!({"delay": 5, "hour": 9}), "delay"),
    ] {
        let answer = user.put(&format!("{path}/schedule"), body.clone()).await;
        assert_eq!(answer.status, 412, "{body}: {}", answer.text());
        assert_eq!(answer.fields(), [field], "{body}");
    }
    assert_eq!(user.get("/schedules").await.ok(), json!([]));
}

#[tokio::test]
async fn unscheduling_answers_what_it_was_scheduled_for() {
    let user = Server::shared().await.user(&["user"]).await;
    let (transmission, path) = pending(&user).await;
    let schedule = scheduled(&user, &path, json!({"delay": 600})).await;
    for _ in 0..2 {
        let answer = user.delete(&format!("{path}/schedule")).await;
        assert_eq!(answer.ok(), json!({"transmission_id": transmission}));
    }
    let gone = format!("/schedules/{}", schedule["schedule_id"]);
    assert_eq!(user.get(&gone).await.status, 404);
    // The transmission can be scheduled again.
    scheduled(&user, &path, json!({"delay": 600})).await;
}

#[tokio::test]
async fn a_schedule_is_cancelled_by_its_id_under_both_spellings() {
    let user = Server::shared().await.user(&["user"]).await;
    let (_, path) = pending(&user).await;
    for by_alias in [false, true] {
        let schedule = scheduled(&user, &path, json!({"delay": 600})).await;
        let id = &schedule["schedule_id"];
        let one = format!("/schedules/{id}");
        let answer = if by_alias {
            user.get(&format!("{one}/delete")).await
        } else {
            user.delete(&one).await
        };
        assert_eq!(answer.ok(), json!({"schedule_id": id}));
        assert_eq!(user.get(&one).await.status, 404);
        assert_eq!(user.delete(&one).await.status, 404);
    }
}

#[tokio::test]
async fn a_deleted_transmission_is_not_scheduled_any_more() {
    let server = Server::alone().await;
    let user = server.user(&["user"]).await;
    let (_, path) = pending(&user).await;
    let schedule = scheduled(&user, &path, json!({"delay": 600})).await;
    user.delete(&path).await.ok();
    let gone = format!("/schedules/{}", schedule["schedule_id"]);
    assert_eq!(user.get(&gone).await.status, 404);
    assert_eq!(user.get("/schedules").await.ok(), json!([]));
    assert_eq!(
        EventLog::open(&server)
            .await
            .count("ScheduleCancelled")
            .await,
        1
    );
    let (_, path) = pending(&user).await;
    scheduled(
        &user,
        &path,
        json!({"hour": 9, "timezone": "Europe/Berlin"}),
    )
    .await;
    ReadModels::assert_whole(&server).await;
}

#[tokio::test]
async fn what_is_completed_cannot_be_scheduled() {
    let user = Server::shared().await.user(&["user"]).await;
    let mailing = Mailing::new(&user).await;
    let transmission = mailing.send_to("done@example.com").await;
    mailing.ended(transmission).await;
    let path = format!("/transmissions/{transmission}/schedule");
    user.put(&path, json!({"delay": 600})).await.expect(423);
    // A failed transmission may be sent again.
    let transmission = mailing.send_to("fail@example.com").await;
    mailing.ended(transmission).await;
    let path = format!("/transmissions/{transmission}/schedule");
    user.put(&path, json!({"delay": 600}))
        .await
        .id("schedule_id");
}

#[tokio::test]
async fn a_schedule_is_its_owners_whoever_made_it() {
    let server = Server::shared().await;
    let (user, mallory) = (server.user(&["user"]).await, server.user(&["user"]).await);
    let (_, path) = pending(&user).await;
    let admin = server.admin().await;
    let schedule = admin
        .put(&format!("{path}/schedule"), json!({"delay": 600}))
        .await
        .id("schedule_id");
    let one = format!("/schedules/{schedule}");
    assert_eq!(user.get(&one).await.ok()["user_id"], user.user_id);
    admin.get(&one).await.ok();
    for (method, path) in [
        ("GET", one.clone()),
        ("DELETE", one.clone()),
        ("GET", format!("{one}/delete")),
        ("PUT", format!("{path}/schedule")),
        ("DELETE", format!("{path}/schedule")),
    ] {
        let request = mallory.request(method, &path);
        let answer = mallory.send(request.json(&json!({"delay": 1}))).await;
        assert_eq!(answer.status, 404, "{method} {path}");
    }
    assert_eq!(mallory.get("/schedules").await.ok(), json!([]));
    user.delete(&one).await.ok();
}

#[tokio::test]
async fn schedules_are_listed_by_what_they_show() {
    let user = Server::shared().await.user(&["user"]).await;
    let (transmission, path) = pending(&user).await;
    let (_, other) = pending(&user).await;
    let schedule = scheduled(&user, &path, json!({"delay": 600})).await;
    scheduled(
        &user,
        &other,
        json!({"hour": 9, "timezone": "Europe/Berlin"}),
    )
    .await;
    let count = async |filter: &str| {
        let list = user.get(&format!("/schedules?{filter}")).await.ok();
        list.as_array().unwrap().len()
    };
    assert_eq!(count(&format!("transmission_id={transmission}")).await, 1);
    assert_eq!(
        count(&format!("schedule_id={}", schedule["schedule_id"])).await,
        1
    );
    assert_eq!(count("action=transmission_send").await, 2);
    assert_eq!(count("action=campaign_start").await, 0);
    assert_eq!(count("timezone=Europe/Berlin").await, 1);
    assert_eq!(count("state=pending&sort=next_run").await, 2);
    assert_eq!(count("state=done&sort=last_run").await, 0);
    assert_eq!(count("if_missed=run").await, 2);
    assert_eq!(user.get("/schedules?hour=9").await.status, 412);
}

#[tokio::test]
async fn if_missed_is_kept_as_it_is_given() {
    let user = Server::shared().await.user(&["user"]).await;
    let (_, path) = pending(&user).await;
    let shown = |schedule: &Value| {
        let fields = ["if_missed", "state", "last_run", "last_result"];
        fields.map(|field| schedule[field].clone())
    };
    let new = |if_missed| [json!(if_missed), json!("pending"), Value::Null, Value::Null];
    let skipping = scheduled(&user, &path, json!({"hour": 9, "if_missed": "skip"})).await;
    assert_eq!(shown(&skipping), new("skip"));
    let running = scheduled(&user, &path, json!({"hour": 9})).await;
    assert_eq!(shown(&running), new("run"));
}

#[tokio::test]
async fn the_next_runs_of_a_schedule_are_told() {
    let user = Server::shared().await.user(&["user"]).await;
    let (_, path) = pending(&user).await;
    let schedule = scheduled(&user, &path, json!({"hour": 9, "timezone": "Asia/Karachi"})).await;
    let id = &schedule["schedule_id"];
    let runs = async |query: &str| {
        let answer = user.get(&format!("/schedules/{id}/runs{query}")).await.ok();
        assert_eq!(&answer["schedule_id"], id);
        let runs = answer["runs"].as_array().unwrap();
        runs.iter()
            .map(|run| run.as_i64().unwrap())
            .collect::<Vec<_>>()
    };
    let ten = runs("").await;
    assert_eq!(
        (ten.len(), json!(ten[0])),
        (10, schedule["next_run"].clone())
    );
    assert!(ten.windows(2).all(|pair| pair[1] - pair[0] == 86_400));
    assert_eq!(runs("?limit=3").await, ten[..3]);
    for wrong in ["limit=0", "limit=101", "limit=-1", "limit=many", "hour=9"] {
        let answer = user.get(&format!("/schedules/{id}/runs?{wrong}")).await;
        assert_eq!(answer.status, 412, "{wrong}");
    }
    let once = scheduled(&user, &path, json!({"delay": 600})).await;
    assert_eq!(json!(runs("").await), json!([once["next_run"]]));
    let mallory = Server::shared().await.user(&["user"]).await;
    let path = format!("/schedules/{id}/runs");
    assert_eq!(mallory.get(&path).await.status, 404);
    user.delete(&format!("/schedules/{id}")).await.ok();
    assert_eq!(user.get(&path).await.status, 404);
}
