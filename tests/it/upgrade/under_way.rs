//! Work in progress when the earlier version was killed is continued, and done once.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{
    Brings, Campaigning, Client, Database, Dump, EventLog, Mailing, Receiving, Server, Setup,
    eventually, seconds,
};

/// A server on the dump.
struct Upgraded {
    server: Server,
    admin: Client,
    dump: &'static Dump,
}

impl Upgraded {
    async fn start() -> Self {
        let server = Setup::on(&Database::from_dump().await).start().await;
        let admin = server.admin().await;
        let dump = Dump::recorded();
        Self {
            server,
            admin,
            dump,
        }
    }

    /// A mail program of the dump, for waiting for transmissions and for sending.
    fn mailing(&self) -> Mailing {
        Mailing {
            client: self.admin.clone(),
            template_id: self.dump.id("template.bare"),
            program_id: self.dump.id("program.bare"),
        }
    }

    fn campaigns(&self) -> Campaigning {
        Campaigning {
            client: self.admin.clone(),
            program_id: self.dump.id("program.bare"),
        }
    }

    fn transmission(&self, name: &str) -> i64 {
        self.dump.id(&format!("transmission.{name}"))
    }

    /// A transmission after its end.
    async fn ended(&self, name: &str) -> Value {
        self.mailing().ended(self.transmission(name)).await
    }

    async fn read(&self, name: &str) -> Value {
        let path = format!("/transmissions/{}", self.transmission(name));
        self.admin.get(&path).await.ok()
    }

    /// Deliveries of the sandbox, counted by destination.
    async fn deliveries(&self) -> BTreeMap<String, usize> {
        let outbox = self.admin.get("/sandbox/outbox").await.ok();
        let mut counts = BTreeMap::new();
        for row in outbox.as_array().unwrap() {
            let to = row["destination"].as_str().unwrap_or_default();
            *counts.entry(to.to_owned()).or_default() += 1;
        }
        counts
    }
}

#[tokio::test]
async fn a_queued_attempt_of_each_service_is_sent_once() {
    let upgraded = Upgraded::start().await;
    for (name, to) in [
        ("queued_mail", "queued@example.com"),
        ("queued_sms", "+15550181"),
        ("queued_fax", "+15550182"),
        ("queued_call", "+15550183"),
    ] {
        let ended = upgraded.ended(name).await;
        assert_eq!(
            (&ended["outcome"], &ended["try_done"]),
            (&json!("delivered"), &json!(1)),
            "{ended}"
        );
        assert_eq!(upgraded.deliveries().await.get(to), Some(&1), "{to}");
    }
    let mut log = EventLog::open(&upgraded.server).await;
    let history = log
        .history("transmission", upgraded.transmission("queued_mail"))
        .await;
    let starts = history.iter().filter(|event| *event == "SpoolStarted");
    assert_eq!(starts.count(), 1, "{history:?}");
}

#[tokio::test]
async fn an_attempt_on_the_wire_becomes_unknown_and_is_not_resent() {
    let upgraded = Upgraded::start().await;
    let ended = upgraded.ended("on_the_wire").await;
    assert_eq!(ended["outcome"], "unknown", "{ended}");
    // A repeated send would have happened by now, since a later queued mail has been sent.
    upgraded.ended("queued_mail").await;
    for name in ["on_the_wire", "lost", "mail_unknown"] {
        let read = upgraded.read(name).await;
        assert_eq!(
            (&read["outcome"], &read["try_done"]),
            (&json!("unknown"), &json!(1)),
            "{read}"
        );
        let response = read["response"].as_str().unwrap();
        assert!(response.starts_with("OUTCOME_UNKNOWN"), "{read}");
    }
    let deliveries = upgraded.deliveries().await;
    assert!(
        !deliveries.keys().any(|to| to.starts_with("hang")),
        "{deliveries:?}"
    );
    let path = format!(
        "/transmissions/{}/send",
        upgraded.transmission("on_the_wire")
    );
    upgraded.admin.post(&path, json!({})).await.expect(423);
    upgraded
        .admin
        .post(&path, json!({"force": true}))
        .await
        .ok();
    assert_eq!(upgraded.ended("on_the_wire").await["outcome"], "delivered");
}

#[tokio::test]
async fn a_running_campaign_goes_on_and_a_paused_one_waits() {
    let upgraded = Upgraded::start().await;
    let (running, paused) = (
        upgraded.dump.id("campaign.running"),
        upgraded.dump.id("campaign.paused"),
    );
    let campaigns = upgraded.campaigns();
    let path = format!("/campaigns/{running}");
    upgraded.admin.put(&path, json!({"cpm": 1000})).await.ok();
    let ended = campaigns.ended(running).await;
    assert_eq!(
        (&ended["status"], &ended["delivered"]),
        (&json!("completed"), &json!(8)),
        "{ended}"
    );
    let deliveries = upgraded.deliveries().await;
    for n in 0..8 {
        let to = format!("r{n}@example.com");
        assert_eq!(deliveries.get(&to), Some(&1), "{to}: {deliveries:?}");
    }
    assert_eq!(campaigns.read(paused).await["status"], "paused");
    upgraded
        .admin
        .put(&format!("/campaigns/{paused}"), json!({"quiet_days": null}))
        .await
        .ok();
    upgraded
        .admin
        .put(&format!("/campaigns/{paused}"), json!({"cpm": 1000}))
        .await
        .ok();
    assert_eq!(campaigns.put(paused, "start").await.ok(), json!(true));
    let last = eventually("the paused one reaches its last", seconds(60), async || {
        let deliveries = upgraded.deliveries().await;
        deliveries.get("w4@example.com").copied()
    })
    .await;
    assert_eq!(last, 1);
    let broken = campaigns
        .put(upgraded.dump.id("campaign.broken"), "start")
        .await;
    assert_eq!(broken.status, 423, "{}", broken.text());
}

#[tokio::test]
async fn the_late_part_of_a_long_message_completes_it() {
    let upgraded = Upgraded::start().await;
    let inbox = Receiving::at(
        &upgraded.admin,
        upgraded.dump.id("account.account"),
        "+4930111008",
    );
    let by = Brings {
        provider_id: upgraded.dump.id("provider.kannel"),
        username: "ledgerline",
        password: "1234",
    };
    let before = inbox.rows(&upgraded.admin).await.len();
    inbox
        .bring(
            &by,
            "from=%2B4930999007&data=and+the+second&udh=%05%00%03%09%02%02",
        )
        .await;
    let rows = inbox.arrived(&upgraded.admin, before + 1).await;
    let message = Receiving::message(&upgraded.admin, rows.last().unwrap()).await;
    assert_eq!(
        message["text"], "the first half and the second",
        "{message}"
    );
    // A message that was received before is known, and is not taken in again.
    inbox
        .bring(&by, "from=%2B4930999001&data=hello&id=first")
        .await;
    assert_eq!(inbox.rows(&upgraded.admin).await.len(), before + 1);
}

#[tokio::test]
async fn a_late_report_completes_what_a_message_centre_had_taken() {
    let upgraded = Upgraded::start().await;
    let report = upgraded.dump.text("report.report_awaited");
    assert_eq!(
        upgraded.read("report_awaited").await["status"],
        "processing"
    );
    let url = upgraded.server.url.trim_end_matches("/api");
    let answer = reqwest::get(format!("{url}{report}?status=1"))
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(
        upgraded.ended("report_awaited").await["outcome"],
        "delivered"
    );
}

#[tokio::test]
async fn an_overdue_schedule_runs_and_those_to_come_wait() {
    let upgraded = Upgraded::start().await;
    let ended = upgraded.ended("scheduled_overdue").await;
    assert_eq!(ended["outcome"], "delivered", "{ended}");
    for name in ["once", "daily", "start", "stop"] {
        let path = format!(
            "/schedules/{}",
            upgraded.dump.id(&format!("schedule.{name}"))
        );
        let schedule = upgraded.admin.get(&path).await.ok();
        assert_eq!(schedule["state"], "pending", "{name}: {schedule}");
    }
    assert_eq!(upgraded.read("scheduled_once").await["status"], "pending");
    assert_eq!(upgraded.read("mail_retrying").await["status"], "processing");
}

#[tokio::test]
async fn a_repeated_request_is_answered_and_not_carried_out_again() {
    let upgraded = Upgraded::start().await;
    let contacts = async || {
        upgraded
            .admin
            .get("/contacts")
            .await
            .ok()
            .as_array()
            .unwrap()
            .len()
    };
    let before = contacts().await;
    // The bodies are the same byte for byte, which makes them the same requests.
    for (key, name, body) in [
        (
            "answered",
            "Once",
            r#"{"first_name": "Once", "phone": "+15550170"}"#,
        ),
        (
            "cut-off",
            "Cut",
            r#"{"first_name": "Cut", "phone": "+15550171"}"#,
        ),
    ] {
        let request = upgraded.admin.request("POST", "/contacts");
        let request = request
            .header("idempotency-key", key)
            .header("content-type", "application/json");
        let answer = upgraded.admin.send(request.body(body)).await;
        assert_eq!(
            answer.header("idempotent-replayed"),
            Some("true"),
            "{key}: {}",
            answer.text()
        );
        let path = format!("/contacts/{}", answer.id("contact_id"));
        assert_eq!(upgraded.admin.get(&path).await.ok()["first_name"], name);
    }
    assert_eq!(contacts().await, before);
}

#[tokio::test]
async fn an_opted_out_recipient_is_not_reached_after() {
    let upgraded = Upgraded::start().await;
    for to in [
        "listed@example.com",
        "complained@example.com",
        "unsubscribed@example.com",
    ] {
        let transmission = upgraded.mailing().send_to(to).await;
        let ended = upgraded.mailing().ended(transmission).await;
        assert_eq!(
            (&ended["outcome"], &ended["suppressed"]),
            (&json!("rejected"), &json!(1)),
            "{ended}"
        );
    }
    // The link in a mail of the earlier version still works.
    let url = upgraded.server.url.trim_end_matches("/api");
    let link = upgraded.dump.text("unsubscribe.path");
    let page = reqwest::get(format!("{url}{link}")).await.unwrap();
    assert_eq!(page.status(), 200);
}

#[tokio::test]
async fn an_erased_contact_stays_erased() {
    let upgraded = Upgraded::start().await;
    let path = format!("/contacts/{}", upgraded.dump.id("contact.erased"));
    upgraded.admin.get(&path).await.expect(404);
    let events = upgraded.server.run_ok(&["events", "--format", "json"]);
    let erased = upgraded.admin.get("/transmissions?limit=1000").await.text();
    for text in [events, erased] {
        assert!(!text.contains("xanthippe@example.com") && !text.contains("Xanthippe"));
    }
}
