//! All answers of the API are as the earlier version gave them.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::harness::{Client, Database, Dump, ReadModels, Server, Setup};

/// Fields that depend on the time of the request.
const FLEETING: [&str; 2] = ["rate", "expected_end"];
/// Lists that a start may extend: each version adds its new permissions.
const GROWING: [&str; 1] = ["/permissions"];

/// True if a value includes the recorded one; fields of later versions are ignored.
fn includes(read: &Value, recorded: &Value) -> bool {
    match (read, recorded) {
        (Value::Object(read), Value::Object(recorded)) => recorded.iter().all(|(name, value)| {
            FLEETING.contains(&name.as_str())
                || read.get(name).is_some_and(|read| includes(read, value))
        }),
        (Value::Array(read), Value::Array(recorded)) => {
            let pairs = read.iter().zip(recorded);
            read.len() == recorded.len() && pairs.clone().all(|(read, it)| includes(read, it))
        }
        _ => read == recorded,
    }
}

/// Differences between a recorded answer and the present one.
pub(super) fn missing(path: &str, read: &Value, recorded: &Value) -> Vec<String> {
    let path = path.split('?').next().unwrap();
    let (Some(rows), Some(recorded)) = (read.as_array(), recorded.as_array()) else {
        let same = includes(read, recorded);
        return (!same)
            .then(|| format!("{path}: {recorded} is now {read}"))
            .into_iter()
            .collect();
    };
    let mut missing = Vec::new();
    if rows.len() != recorded.len() && !GROWING.contains(&path) {
        let (now, then) = (rows.len(), recorded.len());
        missing.push(format!("{path}: {then} rows are now {now}"));
    }
    let noun = path.rsplit('/').next().unwrap().trim_end_matches('s');
    let id = format!("{noun}_id");
    for row in recorded {
        if !rows.iter().any(|read| includes(read, row)) {
            let now = rows.iter().find(|read| read[&id] == row[&id]);
            missing.push(format!("{path}: {row} is now {now:?}"));
        }
    }
    missing
}

/// Takes from the roles in a list the permissions that were not there when it was recorded: those of
/// later versions, which a start grants.
fn without_later_permissions(roles: &mut Value, recorded: &Dump) {
    let known = |name: &Value| {
        let all = recorded.answers["/permissions?limit=1000"].as_array();
        all.unwrap().iter().any(|row| row["name"] == *name)
    };
    for role in roles.as_array_mut().unwrap() {
        role["permissions"].as_array_mut().unwrap().retain(known);
    }
}

/// Processes with the roles `api` and `projector` on the dump; without a worker its data does not
/// change.
async fn without_a_worker() -> (Server, Server) {
    let database = Database::from_dump().await;
    // The first start waits until the read models have caught up with its events.
    let projector = Setup::on(&database).set("ROLE", "projector").spawn();
    let api = Setup::on(&database).set("ROLE", "api").start().await;
    (api, projector)
}

#[tokio::test]
async fn every_kind_reads_as_it_was_recorded() {
    let (api, _projector) = without_a_worker().await;
    let admin = api.admin().await;
    let dump = Dump::recorded();
    assert!(dump.answers.len() > 100, "{}", dump.answers.len());
    let mut wrong = Vec::new();
    for (path, recorded) in &dump.answers {
        let mut read = admin.get(path).await.ok();
        if path.ends_with("/contacts") {
            // Only the ids of members were recorded.
            let rows = read.as_array().unwrap().iter();
            read = rows.map(|row| row["contact_id"].clone()).collect();
        }
        if path.starts_with("/roles?") {
            without_later_permissions(&mut read, dump);
        }
        wrong.extend(missing(path, &read, recorded));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The permissions of role `user`, as the administrator reads them.
async fn permissions_of_user(server: &Server) -> Value {
    let roles = server.admin().await.get("/roles").await.ok();
    let mut roles = roles.as_array().unwrap().iter();
    let user = roles.find(|role| role["name"] == "user").unwrap();
    user["permissions"].clone()
}

#[tokio::test]
async fn role_user_may_what_it_may_in_a_new_installation() {
    let (api, _projector) = without_a_worker().await;
    let new = Server::alone().await;
    assert_eq!(
        permissions_of_user(&api).await,
        permissions_of_user(&new).await
    );
}

#[tokio::test]
async fn every_file_is_downloaded_byte_for_byte() {
    let (api, _projector) = without_a_worker().await;
    let admin = api.admin().await;
    let dump = Dump::recorded();
    assert!(dump.media.len() >= 7, "{:?}", dump.media);
    for (path, recorded) in &dump.media {
        let file = admin.get(path).await;
        assert_eq!(file.status, 200, "{path}: {}", file.text());
        let fingerprint = hex::encode(Sha256::digest(&file.body));
        assert_eq!(fingerprint, *recorded, "{path}");
    }
}

/// True if these credentials are accepted.
async fn logs_in(stranger: &Client, username: &str, password: &str) -> bool {
    let body = serde_json::json!({"username": username, "password": password});
    let answer = stranger.post("/authenticate", body).await;
    assert!([200, 401].contains(&answer.status), "{}", answer.text());
    answer.status == 200
}

#[tokio::test]
async fn users_log_in_with_the_passwords_they_had() {
    let (api, _projector) = without_a_worker().await;
    let stranger = api.stranger();
    let dump = Dump::recorded();
    for name in [
        "mallory",
        "victim",
        "supervisor",
        "nobody",
        "listed1",
        "co:lon",
    ] {
        assert!(
            logs_in(&stranger, name, crate::harness::USER_PASSWORD).await,
            "{name}"
        );
    }
    for name in ["weak", "short", "tokens"] {
        let password = dump.text(&format!("password.{name}"));
        assert!(logs_in(&stranger, name, password).await, "{name}");
    }
    for name in ["gone", "leaver", "inactive", "listed2", "tokens"] {
        assert!(
            !logs_in(&stranger, name, crate::harness::USER_PASSWORD).await,
            "{name}"
        );
    }
    let revoked = stranger.with_token(dump.text("token.revoked"));
    revoked.get("/contacts").await.expect(401);
}

#[tokio::test]
async fn its_read_models_equal_a_rebuild_from_its_log() {
    let (api, _projector) = without_a_worker().await;
    ReadModels::assert_equal_a_rebuild(&api).await;
}

#[tokio::test]
async fn an_analyst_reads_what_was_granted_before_and_nothing_else() {
    let (api, _projector) = without_a_worker().await;
    let options = api.database().username("ledgerline_reader");
    let mut reader = <sqlx::PgConnection as sqlx::Connection>::connect_with(&options)
        .await
        .unwrap();
    let contacts: i64 = sqlx::query_scalar("select count(*) from contacts")
        .fetch_one(&mut reader)
        .await
        .unwrap();
    let recorded = &Dump::recorded().answers["/contacts?limit=1000"];
    assert_eq!(contacts, recorded.as_array().unwrap().len() as i64);
    for closed in [
        "public.events",
        "public.subject_keys",
        "once.requests",
        "dispatch.queue",
    ] {
        let sql = format!("select count(*) from {closed}");
        let refused = sqlx::query(&sql).execute(&mut reader).await;
        assert!(refused.is_err(), "{closed}");
    }
}
