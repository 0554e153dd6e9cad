//! The server is killed, frozen and stopped during calls.

use nix::sys::signal::Signal;

use crate::harness::{
    Call, Calling, Client, Database, EventLog, STAYS, Server, Setup, eventually, sandbox_provider,
    seconds,
};

/// A server whose lease is short.
async fn server(database: &Database) -> Server {
    let setup = Setup::on(database)
        .set("LEASE_SECONDS", "4")
        .set("RETRY_BASE_SECONDS", "1");
    setup.start().await
}

async fn calling(admin: &Client) -> Calling {
    sandbox_provider(admin).await;
    Calling::new(admin).await
}

/// Checks that a call was made once, and that its outcome became unknown once.
async fn was_lost_once(calling: &Calling, log: &mut EventLog, call: Call) {
    assert_eq!(calling.ended(call).await["outcome"], "unknown");
    assert_eq!(calling.attempts(call).await.len(), 1);
    assert_eq!(calling.arrivals(call.spool).await, 1);
    for event in ["SpoolStarted", "SpoolConnected", "SpoolOutcomeUnknown"] {
        let spools = log.spools(event).await;
        let times = spools.iter().filter(|spool| **spool == call.spool).count();
        assert_eq!(times, 1, "{event} of {call:?}");
    }
}

#[tokio::test]
async fn a_call_during_which_the_server_is_killed_is_unknown_and_not_made_again() {
    let mut server = server(&Database::create().await).await;
    let calling = calling(&server.admin().await).await;
    let call = calling.call(STAYS).await;
    calling.answered(call).await;

    server.kill9();
    server.start().await;

    calling.ended(call).await;
    // A call that comes later is made: the queue goes on.
    let next = calling.call("15550100").await;
    assert_eq!(calling.ended(next).await["outcome"], "delivered");
    let mut log = EventLog::open(&server).await;
    was_lost_once(&calling, &mut log, call).await;
}

#[tokio::test]
async fn a_call_whose_worker_freezes_past_its_lease_is_unknown_and_ends() {
    let database = Database::create().await;
    // The first server leads the subscribers, so that freezing the second does not stop them.
    let (steady, frozen) = (server(&database).await, server(&database).await);
    let calling = calling(&steady.admin().await).await;
    let (name, mut log) = (format!("-{}", frozen.pid()), EventLog::open(&steady).await);
    let mut calls = Vec::new();
    while log.on_the_wire_of(&name, 0).await.is_empty() {
        calls.push(calling.call(STAYS).await);
        calling
            .once(calls[calls.len() - 1].spool, "time_start")
            .await;
    }
    let lost = log.on_the_wire_of(&name, 0).await;
    for call in &calls {
        calling.answered(*call).await;
    }

    frozen.signal(Signal::SIGSTOP);
    eventually("the lease runs out", seconds(30), async || {
        let unknown = log.spools("SpoolOutcomeUnknown").await;
        lost.iter()
            .all(|spool| unknown.contains(spool))
            .then_some(())
    })
    .await;
    frozen.signal(Signal::SIGCONT);

    for call in calls {
        if lost.contains(&call.spool) {
            was_lost_once(&calling, &mut log, call).await;
        } else {
            calling.hang_up(call.spool).await;
            assert_eq!(calling.ended(call).await["outcome"], "rejected");
        }
    }
    // The frozen worker's calls have ended: it has nothing to wait for.
    let mut frozen = frozen;
    assert!(frozen.sigterm(seconds(10)).success());
    assert!(!frozen.log().contains("still on the wire"));
}

#[tokio::test]
async fn sigterm_ends_calls_and_their_end_is_on_record() {
    let setup = Setup::on(&Database::create().await).set("LEASE_SECONDS", "60");
    let mut server = setup.start().await;
    let calling = calling(&server.admin().await).await;
    let answered = calling.call(STAYS).await;
    calling.answered(answered).await;
    let rings = calling.call(STAYS).await;
    calling.once(rings.spool, "time_start").await;

    let mut log = EventLog::open(&server).await;
    assert!(server.sigterm(seconds(10)).success());

    assert_eq!(log.on_the_wire(0).await, Vec::<i64>::new());
    server.start().await;
    let response = calling.ended(answered).await["response"].clone();
    let expected = "OUTCOME_UNKNOWN the server was stopped during the call";
    assert_eq!(response, expected);
    was_lost_once(&calling, &mut log, answered).await;
    // The one that rang was not answered, and is tried again.
    eventually("it is called again", seconds(60), async || {
        let attempts = calling.attempts(rings).await;
        (attempts.len() > 1).then_some(())
    })
    .await;
    let first = calling.attempt(rings.spool).await;
    assert_eq!(first["outcome"], "unavailable");
}
