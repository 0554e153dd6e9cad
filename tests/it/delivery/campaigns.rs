//! Creating, reading and changing campaigns.

use serde_json::{Value, json};

use crate::harness::{Client, Database, Mailing, ReadModels, Server, Setup, unique_name};

/// A program and a group for campaigns.
async fn parts(user: &Client) -> (i64, i64) {
    let program = Mailing::new(user).await.program_id;
    let group = json!({"name": unique_name("group")});
    (program, user.post("/groups", group).await.id("group_id"))
}

async fn campaign(user: &Client, more: Value) -> i64 {
    let (program, group) = parts(user).await;
    let mut body = json!({"program_id": program, "group_id": group});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    user.post("/campaigns", body).await.id("campaign_id")
}

#[tokio::test]
async fn a_campaign_is_kept_as_new() {
    let user = Server::shared().await.user(&["user"]).await;
    let (program, group) = parts(&user).await;
    let body = json!({"program_id": program, "group_id": group, "delay": 2, "try_allowed": "2",
        "status": "active", "source": "spring"});
    let id = user.post("/campaigns", body).await.id("campaign_id");
    let read = user.get(&format!("/campaigns/{id}")).await;
    assert!(read.header("etag").is_some());
    assert_eq!(
        read.ok(),
        json!({"campaign_id": id, "program_id": program, "program_type": "sendemail",
            "group_id": group, "account_id": null, "cpm": 500, "delay": 2, "try_allowed": 2,
            "source": "spring", "duplicates": 0, "quiet_from": null, "quiet_to": null,
            "quiet_days": null, "status": "new", "reason": null, "contact_total": 0,
            "contact_done": 0, "contact_skipped": 0, "delivered": 0, "rejected": 0,
            "unanswered": 0, "unavailable": 0, "unknown": 0, "suppressed": 0, "rate": 0.0,
            "started_at": null, "ended_at": null, "expected_end": null,
            "user_id": user.user_id})
    );
    assert_eq!(user.get("/campaigns").await.ok(), json!([read.ok()]));
}

#[tokio::test]
async fn pace_goes_by_cpm_or_delay_and_not_by_two_that_differ() {
    let user = Server::shared().await.user(&["user"]).await;
    for (said, cpm, delay) in [
        (json!({}), json!(2), json!(500)),
        (json!({"cpm": "0.5"}), json!(0.5), json!(2000)),
        (json!({"delay": 3}), json!(333.333333), json!(3)),
        (json!({"cpm": 4, "delay": 250}), json!(4), json!(250)),
    ] {
        let id = campaign(&user, said.clone()).await;
        let read = user.get(&format!("/campaigns/{id}")).await.ok();
        assert_eq!((&read["cpm"], &read["delay"]), (&cpm, &delay), "{said}");
    }
    let (program, group) = parts(&user).await;
    for (said, field) in [
        (json!({"cpm": 4, "delay": 4}), "delay"),
        (json!({"cpm": 0}), "cpm"),
        (json!({"cpm": 1_000_001}), "cpm"),
        (json!({"delay": -1}), "delay"),
        (json!({"cpm": "fast"}), "cpm"),
        (json!({"try_allowed": 0}), "try_allowed"),
        (json!({"program_id": null}), "program_id"),
        (json!({"group_id": null}), "group_id"),
        (json!({"cpm": 1e9}), "cpm"),
        (json!({"cpm": -1}), "cpm"),
        (json!({"quiet_from": "21:00"}), "quiet_to"),
        (
            json!({"quiet_from": "25:00", "quiet_to": "08:00"}),
            "quiet_from",
        ),
        (json!({"quiet_days": "1-7"}), "quiet_days"),
    ] {
        let mut body = json!({"program_id": program, "group_id": group});
        body.as_object_mut()
            .unwrap()
            .extend(said.as_object().unwrap().clone());
        let refused = user.post("/campaigns", body).await;
        assert_eq!(
            (refused.status, refused.fields()),
            (412, vec![field.to_owned()]),
            "{said}"
        );
    }
    let count = async |filter: &str| {
        let list = user.get(&format!("/campaigns?{filter}")).await.ok();
        list.as_array().unwrap().len()
    };
    assert_eq!((count("cpm=0.5").await, count("delay=3").await), (1, 1));
    assert_eq!(user.get("/campaigns?cpm=fast").await.fields(), ["cpm"]);
}

#[tokio::test]
async fn where_the_setting_says_so_cpm_is_per_minute() {
    let setup = Setup::on(&Database::create().await).set("CPM_UNIT", "minute");
    let server = setup.start().await;
    let admin = server.admin().await;
    let id = campaign(&admin, json!({})).await;
    let read = admin.get(&format!("/campaigns/{id}")).await.ok();
    assert_eq!((&read["cpm"], &read["delay"]), (&json!(2), &json!(30_000)));
    let body = json!({"cpm": 30});
    let changed = admin.put(&format!("/campaigns/{id}"), body).await.ok();
    assert_eq!(
        (&changed["cpm"], &changed["delay"]),
        (&json!(30), &json!(2000))
    );
    let list = admin.get("/campaigns?cpm=30&sort=cpm").await.ok();
    assert_eq!(list, json!([changed]));
    ReadModels::assert_whole(&server).await;
}

#[tokio::test]
async fn a_campaign_is_changed_and_deleted() {
    let user = Server::shared().await.user(&["user"]).await;
    let id = campaign(&user, json!({"source": "spring"})).await;
    let path = format!("/campaigns/{id}");
    let account = user.get("/accounts").await.ok()[0]["account_id"].clone();
    let (program, group) = parts(&user).await;
    let body = json!({"program_id": program, "group_id": group, "account_id": account,
        "source": null, "cpm": 7});
    let changed = user.put(&path, body).await.ok();
    assert_eq!(
        (
            &changed["program_id"],
            &changed["group_id"],
            &changed["account_id"]
        ),
        (&json!(program), &json!(group), &account)
    );
    assert_eq!(
        (&changed["source"], &changed["cpm"]),
        (&Value::Null, &json!(7))
    );
    let etag = user.get(&path).await.header("etag").unwrap().to_owned();
    let stale = user.request("PUT", &path).header("if-match", "\"1\"");
    assert_eq!(user.send(stale.json(&json!({"cpm": 8}))).await.status, 409);
    let current = user.request("PUT", &path).header("if-match", etag);
    user.send(current.json(&json!({"cpm": 8}))).await.ok();

    let schedule = json!({"hour": 9});
    user.post(&format!("{path}/start/schedule"), schedule.clone())
        .await
        .id("schedule_id");
    user.post(&format!("{path}/stop/schedule"), schedule)
        .await
        .id("schedule_id");
    assert_eq!(user.delete(&path).await.ok(), json!({"campaign_id": id}));
    assert_eq!(user.get(&path).await.status, 404);
    assert_eq!(user.get("/schedules").await.ok(), json!([]));
}

#[tokio::test]
async fn start_and_stop_are_scheduled_and_unscheduled_under_every_spelling() {
    let user = Server::shared().await.user(&["user"]).await;
    let id = campaign(&user, json!({})).await;
    let path = format!("/campaigns/{id}");
    for (method, unschedule) in [
        ("POST", format!("{path}/schedule")),
        ("DELETE", format!("{path}/schedule")),
        ("DELETE", format!("/campaign/{id}/schedule/cancel")),
    ] {
        for action in ["start", "stop"] {
            let body = json!({"delay": 600});
            user.post(&format!("{path}/{action}/schedule"), body)
                .await
                .id("schedule_id");
        }
        let all = user.get("/schedules").await.ok();
        let actions: Vec<_> = all
            .as_array()
            .unwrap()
            .iter()
            .map(|it| &it["action"])
            .collect();
        assert_eq!(actions, ["campaign_start", "campaign_stop"]);
        assert_eq!(all[0]["campaign_id"], id);
        let answer = user.send(user.request(method, &unschedule)).await;
        assert_eq!(answer.ok(), json!({"campaign_id": id}));
        assert_eq!(user.get("/schedules").await.ok(), json!([]));
    }
    for action in ["pause", "schedule", "START"] {
        let answer = user
            .post(&format!("{path}/{action}/schedule"), json!({"delay": 1}))
            .await;
        assert_eq!(answer.status, 404, "{action}");
    }
    let nothing = user
        .post(&format!("{path}/start/schedule"), json!({}))
        .await;
    assert_eq!(nothing.status, 412);
}

#[tokio::test]
async fn anothers_campaign_is_not_there_and_anothers_things_are_not_for_one() {
    let server = Server::shared().await;
    let (user, mallory) = (server.user(&["user"]).await, server.user(&["user"]).await);
    let id = campaign(&user, json!({})).await;
    let path = format!("/campaigns/{id}");
    for (method, path) in [
        ("GET", path.clone()),
        ("PUT", path.clone()),
        ("DELETE", path.clone()),
        ("GET", format!("{path}/delete")),
        ("PUT", format!("{path}/start")),
        ("GET", format!("/campaign/{id}/stop")),
        ("POST", format!("{path}/start/schedule")),
        ("POST", format!("{path}/stop/schedule")),
        ("POST", format!("{path}/schedule")),
        ("DELETE", format!("{path}/schedule")),
        ("DELETE", format!("/campaign/{id}/schedule/cancel")),
    ] {
        let request = mallory.request(method, &path);
        let answer = mallory.send(request.json(&json!({"delay": 600}))).await;
        assert_eq!(answer.status, 404, "{method} {path}");
    }
    assert_eq!(mallory.get("/campaigns").await.ok(), json!([]));
    let theirs = format!("/campaigns?user_id={}", user.user_id);
    assert_eq!(mallory.get(&theirs).await.ok(), json!([]));
    let account = user.get("/accounts").await.ok()[0]["account_id"].clone();
    let (program, group) = parts(&mallory).await;
    let (their_program, their_group) = parts(&user).await;
    for (field, value) in [
        ("program_id", json!(their_program)),
        ("group_id", json!(their_group)),
        ("account_id", account),
    ] {
        let mut body = json!({"program_id": program, "group_id": group});
        body[field] = value;
        let taken = mallory.post("/campaigns", body.clone()).await;
        body[field] = json!(999_999_998);
        let nowhere = mallory.post("/campaigns", body).await;
        assert_eq!(
            (taken.status, taken.fields()),
            (412, vec![field.to_owned()])
        );
        assert_eq!(taken.fields(), nowhere.fields());
    }
    server.admin().await.get(&path).await.ok();
}

#[tokio::test]
async fn what_a_campaign_is_made_of_stays_while_it_has_not_ended() {
    let user = Server::shared().await.user(&["user"]).await;
    let (program, group) = parts(&user).await;
    let body = json!({"program_id": program, "group_id": group});
    let id = user.post("/campaigns", body).await.id("campaign_id");
    for path in [format!("/groups/{group}"), format!("/programs/{program}")] {
        let refused = user.delete(&path).await.expect(423);
        let reason = refused["detail"].as_str().unwrap();
        assert!(reason.starts_with("1 campaign of this"), "{refused}");
    }
    user.delete(&format!("/campaigns/{id}")).await.ok();
    user.delete(&format!("/groups/{group}")).await.ok();
    user.delete(&format!("/programs/{program}")).await.ok();
}
