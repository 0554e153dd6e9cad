//! Binds that one worker at a time keeps.

use serde_json::json;

use crate::harness::{
    Campaigning, Centre, Client, Database, Receiving, Server, Setup, seconds, unique_name,
};

/// An SMSC that one worker at a time receives from.
struct Binding {
    database: Database,
    centre: Centre,
    admin: Client,
    /// What serves requests, and what keeps the read models.
    _processes: [Server; 2],
}

impl Binding {
    async fn new() -> Self {
        let database = Database::create().await;
        let server = Setup::on(&database).set("ROLE", "api").start().await;
        let projector = Setup::on(&database).set("ROLE", "projector").spawn();
        let (admin, centre) = (server.admin().await, Centre::start(&json!({})));
        let provider = json!({
            "name": unique_name("centre"), "type": "smpp", "host": "127.0.0.1",
            "port": centre.port, "username": "ledgerline",
            "settings": {"bind": "receiver", "exclusive_receiver": 1},
        });
        admin.post("/providers", provider).await.ok();
        Self {
            database,
            centre,
            admin,
            _processes: [server, projector],
        }
    }

    fn worker(&self) -> Server {
        Setup::on(&self.database).set("ROLE", "worker").spawn()
    }

    /// Waits until `count` workers know the provider.
    async fn workers(&self, count: usize) {
        Campaigning::new(&self.admin).await.workers(count).await;
    }

    /// The number of binds so far.
    fn binds(&self) -> usize {
        self.centre.all("bind").len()
    }
}

#[tokio::test]
async fn when_the_worker_that_is_bound_is_killed_another_one_binds_and_receives() {
    let binding = Binding::new().await;
    let receiving = Receiving::sms(&binding.admin).await;
    let mut first = binding.worker();
    binding.centre.said("bind", 1).await;
    let _second = binding.worker();
    binding.workers(2).await;
    // The other asks each five seconds.
    tokio::time::sleep(seconds(6)).await;
    assert_eq!(binding.binds(), 1, "one of two workers is bound");
    first.kill9();
    binding.centre.said("bind", 2).await;
    binding.centre.deliver(&json!({
        "from": "4930999", "to": receiving.address.trim_start_matches('+'),
        "hex": hex::encode("still here"),
    }));
    let row = receiving.arrived(&binding.admin, 1).await.remove(0);
    let message = Receiving::message(&binding.admin, &row).await;
    assert_eq!(message["text"], "still here");
    assert_eq!(binding.binds(), 2);
}

#[tokio::test]
async fn a_worker_that_stops_leaves_the_bind_to_another_at_once() {
    let binding = Binding::new().await;
    let mut first = binding.worker();
    binding.centre.said("bind", 1).await;
    let _second = binding.worker();
    binding.workers(2).await;
    assert!(first.sigterm(seconds(10)).success());
    binding.centre.said("bind", 2).await;
    assert_eq!(binding.binds(), 2);
}
