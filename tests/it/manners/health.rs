//! Health and metrics on a listener of their own.

use crate::harness::{Client, Database, Server, Setup, eventually, free_port, seconds};

/// A process with this role, and a client of its listener for health.
async fn in_role(database: &Database, role: &str) -> (Server, Client) {
    let address = format!("127.0.0.1:{}", free_port());
    let setup = Setup::on(database).set("ROLE", role);
    let server = setup.set("HEALTH_LISTEN", &address).spawn();
    (server, Client::stranger(&format!("http://{address}")))
}

#[tokio::test]
async fn every_role_answers_health_where_it_is_told_to() {
    let database = Database::create().await;
    let mut running = Vec::new();
    for role in ["projector", "worker", "api"] {
        let (server, health) = in_role(&database, role).await;
        eventually(role, seconds(60), async || {
            let asked = health.try_send(health.request("GET", "/readyz")).await;
            asked.ok().filter(|answer| answer.status == 200)
        })
        .await;
        let ready = health.get("/readyz").await.ok();
        assert_eq!(ready["status"], "ready", "{role}");
        assert_eq!(health.get("/healthz").await.ok()["status"], "ok", "{role}");
        let metrics = health.get("/metrics").await.text();
        let own = "ledgerline_http_connections{listener=\"health\"}";
        assert!(metrics.contains(own), "{role}: {metrics}");
        health.get("/contacts").await.expect(404);
        running.push(server);
    }
    for mut server in running {
        assert!(server.sigterm(seconds(10)).success());
    }
}

#[tokio::test]
async fn a_listener_for_health_says_as_much_as_the_api() {
    let (mut server, health) = in_role(&Database::create().await, "all").await;
    server.ready().await;
    let (own, of_api) = (health.get("/readyz"), server.stranger());
    let own = own.await.ok();
    let of_api = of_api.get("/readyz").await.ok();
    assert!(own["conversions"]["confinement"].is_string(), "{own}");
    assert_eq!(own["conversions"], of_api["conversions"]);
    let parts = |answer: &serde_json::Value| {
        let parts = answer.as_object().unwrap().keys().cloned();
        parts.collect::<Vec<_>>()
    };
    assert_eq!(parts(&own), parts(&of_api));
}

#[tokio::test]
async fn a_worker_listens_for_health_only_where_it_is_told_to() {
    let database = Database::create().await;
    let _api = Setup::on(&database).start().await;
    let worker = Setup::on(&database).set("ROLE", "worker").spawn();
    eventually("the worker is at work", seconds(60), async || {
        worker.log().contains("mail comes in by smtp").then_some(())
    })
    .await;
    let asked = worker.stranger();
    assert!(
        asked
            .try_send(asked.request("GET", "/healthz"))
            .await
            .is_err()
    );
}
