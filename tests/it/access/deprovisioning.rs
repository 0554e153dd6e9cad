//! Deprovisioning of a user who is deactivated or deleted: a new user of the same name inherits
//! nothing.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::harness::{
    Client, Database, EventLog, Mailing, Server, Setup, USER_PASSWORD, eventually,
    sandbox_provider, seconds, unique_name,
};

/// The ways in which a user leaves.
const WAYS: [&str; 4] = ["update", "csv", "delete", "deleting GET"];

async fn leave(admin: &Client, way: &str, user_id: i64, username: &str) {
    let path = format!("/users/{user_id}");
    match way {
        "update" => admin.put(&path, json!({"active": 0})).await.ok(),
        "csv" => {
            let request = admin.request("POST", "/users/csv");
            let request = request.header("content-type", "text/csv");
            let file = format!("username,active\r\n{username},0\r\n");
            let said = admin.send(request.body(file)).await.ok();
            assert_eq!(said["updated"], 1, "{said}");
            said
        }
        "delete" => admin.delete(&path).await.ok(),
        _ => admin.get(&format!("{path}/delete")).await.ok(),
    };
}

/// The accounts of a user, in the order of the list.
async fn accounts(admin: &Client, user_id: i64) -> Vec<Value> {
    let all = admin.get("/accounts").await.ok();
    let all = all.as_array().unwrap().iter();
    let own = all.filter(|account| account["user_id"] == user_id);
    own.cloned().collect()
}

/// Schedules a transmission of a user for 2099; answers the schedule.
async fn scheduled(user: &Client) -> i64 {
    let mailing = Mailing::new(user).await;
    let transmission = mailing.to(user.contact("later@example.com").await).await;
    let path = format!("/transmissions/{transmission}/schedule");
    let at = json!({"datetime": "2099-01-01 10:00:00"});
    user.put(&path, at).await.id("schedule_id")
}

/// The actor of an aggregate's last event, its transaction, and its type.
async fn last_event(log: &mut EventLog, kind: &str, id: i64) -> (Option<i64>, String, String) {
    let sql = "select (metadata ->> 'user_id')::bigint, commit_id::text, event_type from events
               where aggregate_type = $1 and aggregate_id = $2 order by sequence desc limit 1";
    sqlx::query_as(sql)
        .bind(kind)
        .bind(id.to_string())
        .fetch_one(log.sql())
        .await
        .unwrap()
}

#[tokio::test]
async fn accounts_and_schedules_end_with_their_user_in_one_append() {
    let server = Server::shared().await;
    let admin = server.admin().await;
    let mut log = EventLog::open(server).await;
    for way in WAYS {
        let name = unique_name("leaver");
        let user = server.named_user(&name, &["user"]).await;
        let second = json!({"username": unique_name("second"), "active": 1});
        let second = admin.post("/accounts", second).await.id("account_id");
        let path = format!("/accounts/{second}/users/{}", user.user_id);
        admin.put(&path, json!({})).await.ok();
        let schedule = scheduled(&user).await;
        leave(&admin, way, user.user_id, &name).await;

        let accounts = accounts(&admin, user.user_id).await;
        let active: Vec<&Value> = accounts.iter().map(|account| &account["active"]).collect();
        assert_eq!(active, [0, 0], "{way}");
        admin
            .get(&format!("/schedules/{schedule}"))
            .await
            .expect(404);
        let (by, commit, left) = last_event(&mut log, "user", user.user_id).await;
        assert_eq!(by, Some(admin.user_id), "{way}");
        assert!(["UserDeactivated", "UserDeleted"].contains(&left.as_str()));
        for account in accounts {
            let account = account["account_id"].as_i64().unwrap();
            let event = last_event(&mut log, "account", account).await;
            let expected = (by, commit.clone(), "AccountDeactivated".to_owned());
            assert_eq!(event, expected, "{way}");
        }
        let event = last_event(&mut log, "schedule", schedule).await;
        assert_eq!(event, (by, commit, "ScheduleCancelled".to_owned()), "{way}");
    }
}

#[tokio::test]
async fn a_user_who_is_active_again_gets_nothing_back_by_itself() {
    let server = Server::shared().await;
    let admin = server.admin().await;
    let user = server.user(&["user"]).await;
    let path = format!("/users/{}", user.user_id);
    admin.put(&path, json!({"active": 0})).await.ok();
    let account = accounts(&admin, user.user_id).await[0]["account_id"].clone();
    let account = format!("/accounts/{account}");
    let activate = json!({"active": 1});
    let refused = admin.put(&account, activate.clone()).await.expect(423);
    assert_eq!(refused["detail"], "its user is not active");
    admin.put(&path, activate.clone()).await.ok();
    assert_eq!(admin.get(&account).await.ok()["active"], 0);
    assert_eq!(admin.put(&account, activate).await.ok()["active"], 1);
}

#[tokio::test]
async fn an_account_given_to_an_inactive_user_is_inactive() {
    let server = Server::shared().await;
    let admin = server.admin().await;
    let user = json!({"username": unique_name("asleep"), "passwd": USER_PASSWORD});
    let user = admin.post("/users", user).await.id("user_id");
    let account = json!({"username": unique_name("given"), "active": 1});
    let account = admin.post("/accounts", account).await.id("account_id");
    let given = admin
        .put(&format!("/accounts/{account}/users/{user}"), json!({}))
        .await
        .ok();
    assert_eq!(
        (&given["user_id"], &given["active"]),
        (&json!(user), &json!(0))
    );
}

/// Appends an event to a user's stream as an earlier version would have, which deactivated or
/// deleted a user without deprovisioning.
async fn leave_as_before(log: &mut EventLog, user_id: i64, event_type: &str) {
    let sql = "insert into events (aggregate_type, aggregate_id, sequence, event_type,
                 event_version, payload, metadata, occurred_at, commit_id)
               select aggregate_type, aggregate_id, max(sequence) + 1, $2, '1.0.0',
                 json_build_object($2, json_build_object()), '{}', now(), gen_random_uuid()
               from events where aggregate_type = 'user' and aggregate_id = $1
               group by aggregate_type, aggregate_id";
    sqlx::query(sql)
        .bind(user_id.to_string())
        .bind(event_type)
        .execute(log.sql())
        .await
        .unwrap();
}

#[tokio::test]
async fn users_who_left_before_this_version_are_deprovisioned() {
    let mut server = Server::alone().await;
    let mut log = EventLog::open(&server).await;
    let mut left = Vec::new();
    for event in ["UserDeactivated", "UserDeleted"] {
        let user = server.user(&["user"]).await;
        left.push((user.user_id, scheduled(&user).await, event));
    }
    let stays = server.user(&["user"]).await;
    server.kill9();
    for (user, _, event) in &left {
        leave_as_before(&mut log, *user, event).await;
    }
    server.start().await;
    let admin = server.admin().await;
    for (user, schedule, event) in left {
        eventually("the user is deprovisioned", seconds(60), async || {
            let account = &accounts(&admin, user).await[0];
            let path = format!("/schedules/{schedule}");
            let ended = account["active"] == 0 && admin.get(&path).await.status == 404;
            ended.then_some(())
        })
        .await;
        let account = &accounts(&admin, user).await[0];
        let id = account["account_id"].as_i64().unwrap();
        let history = log.history("account", id).await;
        assert_eq!(history.last().unwrap(), "AccountDeactivated", "{event}");
        let sql = "select a.metadata ->> 'causation' = u.position::text from events a, events u
                   where a.event_type = 'AccountDeactivated' and a.aggregate_id = $1
                     and u.event_type = $3 and u.aggregate_id = $2";
        let is_cause = sqlx::query_scalar(sql)
            .bind(id.to_string())
            .bind(user.to_string())
            .bind(event);
        let is_cause: Option<bool> = is_cause.fetch_one(log.sql()).await.unwrap();
        assert_eq!(is_cause, Some(true), "{event}");
    }
    assert_eq!(accounts(&admin, stays.user_id).await[0]["active"], 1);
}

#[tokio::test]
async fn what_a_user_queued_is_not_sent_once_the_user_is_inactive() {
    let database = Database::create().await;
    let part = |role: &str| Setup::on(&database).set("ROLE", role);
    let _projector = part("projector").spawn();
    let api = part("api").start().await;
    let admin = api.admin().await;
    sandbox_provider(&admin).await;
    let mut queued = Vec::new();
    for way in WAYS {
        let name = unique_name("sender");
        let user = api.named_user(&name, &["user"]).await;
        let mailing = Mailing::new(&user).await;
        let transmission = mailing.send_to("never@example.com").await;
        leave(&admin, way, user.user_id, &name).await;
        queued.push(transmission);
    }
    let stays = Mailing::new(&admin).await;
    let sent = stays.send_to("sent@example.com").await;

    let _worker = part("worker").spawn();
    assert_eq!(stays.ended(sent).await["outcome"], "delivered");
    let mut log = EventLog::open(&api).await;
    for transmission in queued {
        let ended = stays.ended(transmission).await;
        assert_eq!(ended["outcome"], "rejected", "{ended}");
        let history = log.history("transmission", transmission).await;
        let expected = [
            "TransmissionCreated",
            "SpoolQueued",
            "SpoolFailed",
            "TransmissionSuppressed",
        ];
        assert_eq!(history, expected);
        let events = admin
            .get(&format!(
                "/events?aggregate_type=transmission&aggregate_id={transmission}"
            ))
            .await
            .ok();
        let last = events.as_array().unwrap().last().unwrap();
        let reason = &last["payload"]["TransmissionSuppressed"]["reason"];
        assert_eq!(reason, "its owner was deleted or deactivated", "{last}");
    }
}

#[tokio::test]
async fn a_new_email_and_phone_go_where_the_old_ones_were() {
    let server = Server::shared().await;
    let admin = server.admin().await;
    let user = server.user(&["user"]).await;
    let (path, before) = (format!("/users/{}", user.user_id), unique_name("old"));
    let old = json!({"email": format!("{before}@users.example"), "phone": "15550123"});
    admin.put(&path, old).await.ok();
    let first = &accounts(&admin, user.user_id).await[0];
    let account = format!("/accounts/{}", first["account_id"]);
    assert_eq!(first["email"], format!("{before}@users.example"));
    assert_eq!(first["phone"], "15550123");

    let desk = json!({"phone": "15550199"});
    admin.put(&account, desk).await.ok();
    let new = format!("{}@users.example", unique_name("new"));
    let both = json!({"email": new, "phone": "15550124"});
    admin.put(&path, both).await.ok();
    let after = admin.get(&account).await.ok();
    assert_eq!(
        (&after["email"], &after["phone"]),
        (&json!(new), &json!("15550199"))
    );
}

#[tokio::test]
async fn a_new_user_of_an_old_name_inherits_nothing() {
    let server = Server::shared().await;
    let admin = server.admin().await;
    let name = unique_name("again");
    let old = server.named_user(&name, &["user"]).await;
    let permission = server.permission_id("event_read").await;
    let grant = format!("/users/{}/permissions/{permission}", old.user_id);
    admin.put(&grant, json!({})).await.ok();
    let try_with = async |password: &str| {
        let body = json!({"username": name, "password": password});
        server.stranger().post("/authenticate", body).await.status
    };
    for _ in 0..10 {
        assert_eq!(try_with("wrong").await, 401);
    }
    assert_eq!(try_with(USER_PASSWORD).await, 429, "the name is locked");
    admin.delete(&format!("/users/{}", old.user_id)).await.ok();

    let other = "other-enough-9-words";
    let new = json!({"username": name, "passwd": other, "active": 1, "role": null});
    let new = admin.post("/users", new).await.id("user_id");
    assert_eq!(try_with(USER_PASSWORD).await, 401, "the old password");
    assert_eq!(try_with(other).await, 200, "no lock is inherited");
    old.get(&format!("/users/{new}")).await.expect(401);
    let pair = STANDARD.encode(format!("{name}:{USER_PASSWORD}"));
    let stranger = server.stranger();
    let basic = stranger.request("GET", "/contacts");
    let basic = basic.header("authorization", format!("Basic {pair}"));
    assert_eq!(stranger.send(basic).await.status, 401);

    let fresh = server.stranger().login(&name, other).await;
    for path in ["/contacts", "/events"] {
        assert_eq!(fresh.get(path).await.status, 403, "{path}");
    }
    let kept = accounts(&admin, old.user_id).await;
    assert_eq!((kept.len(), &kept[0]["active"]), (1, &json!(0)));
    let own = accounts(&admin, new).await;
    assert_eq!(own.len(), 1);
    assert_ne!(own[0]["account_id"], kept[0]["account_id"]);
    let mut log = EventLog::open(server).await;
    let sql = "select holder from claims where scope = 'user.login' and value = $1";
    let holder: String = sqlx::query_scalar(sql)
        .bind(&name)
        .fetch_one(log.sql())
        .await
        .unwrap();
    assert_eq!(holder, format!("user/{new}"));
}

#[tokio::test]
async fn an_idempotency_key_is_not_answered_to_a_new_user_of_the_name() {
    let server = Server::shared().await;
    let admin = server.admin().await;
    let name = unique_name("keyed");
    let contact = async |user: &Client| {
        let body = json!({"first_name": "Ada", "phone": "15550100"});
        let request = user.request("POST", "/contacts").json(&body);
        let request = request.header("idempotency-key", "the-same-key");
        user.send(request).await
    };
    let old = server.named_user(&name, &["user"]).await;
    let first = contact(&old).await.id("contact_id");
    admin.delete(&format!("/users/{}", old.user_id)).await.ok();
    let new = server.named_user(&name, &["user"]).await;
    let second = contact(&new).await;
    assert_ne!(second.id("contact_id"), first);
    assert_eq!(second.header("idempotent-replayed"), None);
}
