//! Calls that come in: what they show while they last, how they end, and what a process that dies
//! or stops leaves of them.

use serde_json::{Value, json};

use crate::harness::{
    Call, Company, Database, Dialing, EventLog, ReadModels, Server, Setup,
    every_event_names_its_causes, sandbox_provider, seconds,
};

async fn dialing() -> Dialing {
    Dialing::of_user(Server::shared().await, "receivefax").await
}

fn end(row: &Value) -> [&str; 2] {
    ["status", "outcome"].map(|field| row[field].as_str().unwrap())
}

fn amount(attempt: &Value) -> i64 {
    attempt["amount"].as_i64().unwrap()
}

/// A server with this role, whose leases run out soon.
fn role(database: &Database, role: &str) -> Setup {
    let setup = Setup::on(database).set("ROLE", role);
    setup.set("LEASE_SECONDS", "2")
}

/// The number of events of a call of this type.
async fn count(log: &mut EventLog, call: Call, event: &str) -> i64 {
    let sql = "select count(*) from events where aggregate_type = 'transmission' \
               and aggregate_id = $1 and event_type = $2";
    let count = sqlx::query_scalar(sql)
        .bind(call.transmission.to_string())
        .bind(event);
    count.fetch_one(log.sql()).await.unwrap()
}

/// The workers that the starts of a call name.
async fn started_by(log: &mut EventLog, call: Call) -> Vec<String> {
    let sql = "select payload -> event_type ->> 'worker' from events \
               where aggregate_type = 'transmission' and aggregate_id = $1 \
               and event_type = 'SpoolStarted'";
    let workers = sqlx::query_scalar(sql).bind(call.transmission.to_string());
    workers.fetch_all(log.sql()).await.unwrap()
}

#[tokio::test]
async fn a_call_that_comes_in_shows_its_results_while_it_lasts() {
    let dialing = dialing().await;
    let call = dialing.answered_call().await;
    let attempt = dialing.attempt(call.spool).await;
    assert_eq!(attempt["status"], "initiated");
    assert_eq!(attempt["time_end"], json!(null));
    assert_eq!(attempt["account_id"], dialing.receiving.account_id);
    let rows = dialing.results_with(call, "connect success").await;
    assert_eq!(rows, ["inbound success", "connect success"]);
    let path = format!("/transmissions/{}", call.transmission);
    let transmission = dialing.client.get(&path).await.ok();
    assert_eq!(transmission["status"], "processing");
    assert_eq!(transmission["direction"], "inbound");

    dialing.hang_up(call.spool).await;
    assert_eq!(end(&dialing.ended(call).await), ["failed", "rejected"]);
    let rows = dialing.results(call.spool).await;
    assert_eq!(rows[2..], ["fax_receive cancelled", "outcome cancelled"]);
    assert!(amount(&dialing.attempt(call.spool).await) >= 1);
}

#[tokio::test]
async fn a_call_is_on_record_as_in_progress_by_one_append() {
    let dialing = dialing().await;
    let call = dialing.place(dialing.fax(400)).await;
    dialing.once(call.spool, "time_start").await;
    let sql = "select count(distinct commit_id) from events where aggregate_type = 'transmission' \
               and aggregate_id = $1 \
               and event_type in ('TransmissionCreated', 'SpoolReceived', 'SpoolStarted')";
    let mut log = EventLog::open(Server::shared().await).await;
    let appends: i64 = sqlx::query_scalar(sql)
        .bind(call.transmission.to_string())
        .fetch_one(log.sql())
        .await
        .unwrap();
    assert_eq!(appends, 1);
    dialing.hang_up(call.spool).await;
    dialing.ended(call).await;
}

#[tokio::test]
async fn a_fax_that_comes_in_ends_with_its_pages() {
    let dialing = dialing().await;
    let call = dialing.place(dialing.fax(1)).await;
    assert_eq!(end(&dialing.ended(call).await), ["completed", "delivered"]);
    let rows = dialing.results(call.spool).await;
    let expected = [
        "inbound success",
        "connect success",
        "fax_receive success",
        "pages 1",
        "disconnect success",
    ];
    assert_eq!(rows, expected);
    assert!(amount(&dialing.attempt(call.spool).await) >= 3);
    let path = format!("/transmissions/{}/message", call.transmission);
    let message = dialing.client.get(&path).await.ok();
    assert_eq!(message["source"], "+15550142");
    assert_eq!(message["destination"], json!(dialing.receiving.address));
}

#[tokio::test]
async fn a_caller_who_hangs_up_ends_the_call() {
    let dialing = dialing().await;
    let mut fax = dialing.fax(400);
    fax["hangs_up_after"] = json!(1);
    let call = dialing.place(fax).await;
    dialing.ended(call).await;
    let rows = dialing.results(call.spool).await;
    assert_eq!(rows[2..], ["fax_receive hangup", "hangup remote"]);
}

#[tokio::test]
async fn only_its_owner_sees_a_call_and_hangs_it_up() {
    let dialing = dialing().await;
    let call = dialing.answered_call().await;
    let other = Server::shared().await.user(&["user"]).await;
    let path = format!("/spools/{}", call.spool);
    other.get(&path).await.expect(404);
    let hang_up = format!("{path}/hangup");
    other.post(&hang_up, json!({})).await.expect(404);
    other
        .get(&format!("/transmissions/{}", call.transmission))
        .await
        .expect(404);
    for _ in 0..2 {
        dialing.hang_up(call.spool).await;
    }
    assert_eq!(end(&dialing.ended(call).await), ["failed", "rejected"]);
    let mut log = EventLog::open(Server::shared().await).await;
    assert_eq!(count(&mut log, call, "SpoolHangupRequested").await, 1);
}

#[tokio::test]
async fn the_users_of_a_company_see_only_its_own_calls() {
    let server = &Server::alone().await;
    sandbox_provider(&server.admin().await).await;
    let company = Company::on(server).await;
    let here = Dialing::of_company(server, &company).await;
    let there = Dialing::of_user(server, "receivefax").await;
    let call = here.answered_call().await;
    let path = format!("/spools/{}", call.spool);
    for stranger in [&there.client, &company.user(server).await] {
        stranger.get(&path).await.expect(404);
        stranger
            .post("/sandbox/calls", here.fax(1))
            .await
            .expect(423);
    }
    company
        .admin
        .post("/sandbox/calls", there.fax(1))
        .await
        .expect(423);
    here.hang_up(call.spool).await;
    here.ended(call).await;
}

#[tokio::test]
async fn a_call_that_is_placed_again_opens_nothing() {
    let dialing = dialing().await;
    let mut fax = dialing.fax(1);
    fax["call_id"] = json!(dialing.receiving.address);
    let calls = futures::future::join_all((0..4).map(|_| dialing.place(fax.clone()))).await;
    let again = dialing.place(fax).await;
    for call in &calls {
        let same = [call.transmission, call.spool] == [again.transmission, again.spool];
        assert!(same, "{calls:?}");
    }
    dialing.ended(again).await;
    assert_eq!(dialing.receiving.rows(&dialing.client).await.len(), 1);
}

#[tokio::test]
async fn a_call_that_nothing_takes_in_is_refused_with_the_reason() {
    let dialing = dialing().await;
    let mut unknown = dialing.fax(1);
    unknown["to"] = json!("+49309999999999");
    dialing.ask(unknown).await.expect(423);
    let mut voice = dialing.fax(1);
    voice["service"] = json!("voice");
    let refused = dialing.ask(voice).await.expect(423);
    assert!(refused.to_string().contains("no program"), "{refused}");
    let forwarding = Dialing::of_user(Server::shared().await, "faxtoemail").await;
    let refused = forwarding.ask(forwarding.fax(1)).await.expect(423);
    assert!(refused.to_string().contains("faxtoemail"), "{refused}");
    assert!(
        forwarding
            .receiving
            .rows(&forwarding.client)
            .await
            .is_empty()
    );
    for wrong in [
        json!({"keys": "1a"}),
        json!({"pages": 0}),
        json!({"service": "sms"}),
    ] {
        let mut fax = dialing.fax(1);
        let (field, value) = wrong.as_object().unwrap().iter().next().unwrap();
        fax[field] = value.clone();
        dialing.ask(fax).await.expect(412);
    }
}

#[tokio::test]
async fn without_a_sandbox_there_are_no_calls() {
    let database = Database::create().await;
    let server = role(&database, "all").start().await;
    let dialing = Dialing::new(&server.admin().await).await;
    dialing.ask(dialing.fax(1)).await.expect(423);
}

#[tokio::test]
async fn a_call_of_an_api_alone_waits_for_a_worker() {
    let database = Database::create().await;
    let mut projector = role(&database, "projector").spawn();
    let api = role(&database, "api").start().await;
    let admin = api.admin().await;
    sandbox_provider(&admin).await;
    let dialing = Dialing::new(&admin).await;
    let call = dialing.place(dialing.fax(400)).await;
    let mut log = EventLog::open(&api).await;
    assert_eq!(count(&mut log, call, "SpoolStarted").await, 0);
    let mut worker = role(&database, "worker").spawn();
    dialing.answered(call).await;
    dialing.hang_up(call.spool).await;
    assert_eq!(end(&dialing.ended(call).await), ["failed", "rejected"]);

    let short = dialing.place(dialing.fax(1)).await;
    assert_eq!(end(&dialing.ended(short).await), ["completed", "delivered"]);
    let seen = every_event_names_its_causes(&api).await;
    for event in ["SpoolReceived", "SpoolStarted", "SpoolHangupRequested"] {
        assert!(seen.contains(event), "{event}: {seen:?}");
    }
    ReadModels::assert_whole(&api).await;
    for process in [&mut worker, &mut projector] {
        assert!(process.sigterm(seconds(10)).success());
    }
}

#[tokio::test]
async fn a_call_whose_process_dies_is_unknown_once() {
    let database = Database::create().await;
    let mut server = role(&database, "all").start().await;
    let admin = server.admin().await;
    sandbox_provider(&admin).await;
    let dialing = Dialing::new(&admin).await;
    let call = dialing.answered_call().await;
    let mut log = EventLog::open(&server).await;
    let before = started_by(&mut log, call).await;
    server.kill9();
    let others = [role(&database, "worker"), role(&database, "worker")].map(Setup::spawn);
    let other = role(&database, "all").start().await;
    let dialing = Dialing::at(&other.admin().await, &dialing);
    assert_eq!(end(&dialing.ended(call).await), ["failed", "unknown"]);
    assert_eq!(count(&mut log, call, "SpoolOutcomeUnknown").await, 1);
    assert_eq!(started_by(&mut log, call).await, before);
    assert_eq!(amount(&dialing.attempt(call.spool).await), 0);
    every_event_names_its_causes(&other).await;
    drop(others);
}

#[tokio::test]
async fn a_call_that_was_claimed_is_unknown_once_if_its_worker_dies() {
    let database = Database::create().await;
    let _projector = role(&database, "projector").spawn();
    let api = role(&database, "api").start().await;
    let mut worker = role(&database, "worker").spawn();
    let admin = api.admin().await;
    sandbox_provider(&admin).await;
    let dialing = Dialing::new(&admin).await;
    let call = dialing.answered_call().await;
    worker.kill9();
    let _other = role(&database, "worker").spawn();
    assert_eq!(end(&dialing.ended(call).await), ["failed", "unknown"]);
    let mut log = EventLog::open(&api).await;
    assert_eq!(count(&mut log, call, "SpoolOutcomeUnknown").await, 1);
    assert_eq!(started_by(&mut log, call).await.len(), 1);
}

#[tokio::test]
async fn a_server_that_stops_ends_its_calls_on_record() {
    let database = Database::create().await;
    let mut server = role(&database, "all").start().await;
    let admin = server.admin().await;
    sandbox_provider(&admin).await;
    let dialing = Dialing::new(&admin).await;
    let call = dialing.answered_call().await;
    let mut log = EventLog::open(&server).await;
    assert!(server.sigterm(seconds(15)).success());
    assert_eq!(count(&mut log, call, "SpoolOutcomeUnknown").await, 1);
    assert_eq!(count(&mut log, call, "TransmissionFailed").await, 1);
    let queued: i64 = sqlx::query_scalar("select count(*) from dispatch.queue")
        .fetch_one(log.sql())
        .await
        .unwrap();
    assert_eq!(queued, 0);
}
