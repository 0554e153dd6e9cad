//! This version on the database of two companies that share an installation.

use serde_json::{Value, json};

use super::as_it_was::missing;
use crate::harness::{
    Client, Database, Dump, ReadModels, Server, Setup, USER_PASSWORD, eventually, seconds,
};

/// The companies, and the digit that they have in phone numbers and opt-outs.
const COMPANIES: [(&str, usize); 2] = [("acme", 1), ("bolt", 2)];
/// The lists that a company reads.
const LISTS: [&str; 14] = [
    "contacts",
    "groups",
    "messages/templates",
    "messages/texts",
    "programs",
    "accounts",
    "users",
    "providers",
    "transmissions",
    "campaigns",
    "schedules",
    "optouts",
    "sandbox/outbox",
    "tenants",
];

/// Processes without a worker on the dump, so that its data does not change.
async fn without_a_worker() -> (Server, Server) {
    let database = Database::from_dump_of_companies().await;
    let projector = Setup::on(&database).set("ROLE", "projector").spawn();
    let api = Setup::on(&database).set("ROLE", "api").start().await;
    (api, projector)
}

/// A client of the user with this name.
async fn user(server: &Server, name: &str) -> Client {
    match name {
        "admin" => server.admin().await,
        name => server.stranger().login(name, USER_PASSWORD).await,
    }
}

fn id(name: &str) -> i64 {
    Dump::of_companies().id(name)
}

async fn ended(client: &Client, transmission: i64) -> Value {
    let path = format!("/transmissions/{transmission}");
    eventually("it ends", seconds(60), async || {
        let row = client.get(&path).await.ok();
        (!row["outcome"].is_null()).then_some(row)
    })
    .await
}

#[tokio::test]
async fn every_company_reads_what_was_recorded() {
    let (api, _projector) = without_a_worker().await;
    let dump = Dump::of_companies();
    assert!(dump.answers.len() > 100, "{}", dump.answers.len());
    let mut wrong = Vec::new();
    for who in ["admin", "acme", "acme_user", "bolt", "bolt_user"] {
        let client = user(&api, who).await;
        let before = format!("{who} ");
        let theirs = dump.answers.iter();
        let theirs = theirs.filter_map(|(asked, it)| Some((asked.strip_prefix(&before)?, it)));
        let mut tried = 0;
        for (path, recorded) in theirs {
            let read = client.get(path).await.ok();
            let differences = missing(path, &read, recorded);
            wrong.extend(differences.iter().map(|it| format!("{who}: {it}")));
            tried += 1;
        }
        assert!(tried > 20, "{who}: {tried}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn read_models_of_companies_equal_a_rebuild_from_their_log() {
    let (api, _projector) = without_a_worker().await;
    ReadModels::assert_equal_a_rebuild(&api).await;
}

#[tokio::test]
async fn what_a_company_had_queued_is_sent_through_its_own_provider() {
    let database = Database::from_dump_of_companies().await;
    let server = Setup::on(&database).start().await;
    for (company, _) in COMPANIES {
        let client = user(&server, &format!("{company}_user")).await;
        for queued in ["queued_mail", "queued_sms", "queued_call", "overdue"] {
            let transmission = id(&format!("transmission.{queued}_{company}"));
            let row = ended(&client, transmission).await;
            assert_eq!(row["outcome"], "delivered", "{company} {queued}: {row}");
            let path = format!("/transmissions/{transmission}/detail");
            let attempts = client.get(&path).await.ok();
            let own = id(&format!("provider.{company}"));
            assert_eq!(attempts[0]["provider_id"], own, "{attempts}");
            assert_eq!(attempts.as_array().unwrap().len(), 1, "{attempts}");
        }
        let scheduled = id(&format!("transmission.scheduled_{company}"));
        let path = format!("/transmissions/{scheduled}");
        assert_eq!(client.get(&path).await.ok()["status"], "pending");
    }
}

#[tokio::test]
async fn a_campaign_of_each_company_goes_on() {
    let database = Database::from_dump_of_companies().await;
    let server = Setup::on(&database).start().await;
    for (company, _) in COMPANIES {
        let client = user(&server, &format!("{company}_user")).await;
        let path = format!("/campaigns/{}", id(&format!("campaign.{company}")));
        assert_eq!(client.get(&path).await.ok()["status"], "running");
        client.put(&path, json!({"cpm": 1000})).await.ok();
        let ended = eventually("it is completed", seconds(60), async || {
            let row = client.get(&path).await.ok();
            (row["status"] == "completed").then_some(row)
        })
        .await;
        assert_eq!(ended["delivered"], 5, "{ended}");
    }
}

#[tokio::test]
async fn an_opt_out_counts_within_its_company() {
    let database = Database::from_dump_of_companies().await;
    let server = Setup::on(&database).start().await;
    for (company, digit) in COMPANIES {
        let client = user(&server, &format!("{company}_user")).await;
        let program = id(&format!("program.sendemail_{company}"));
        for (_, other) in COMPANIES {
            let contact = client.contact(&format!("listed{other}@example.com")).await;
            let order = json!({"contact_id": contact, "program_id": program});
            let sent = client.post("/transmissions", order).await;
            let sent = sent.id("transmission_id");
            let path = format!("/transmissions/{sent}/send");
            client.post(&path, json!({})).await.ok();
            let row = ended(&client, sent).await;
            let suppressed = row["suppressed"] == 1;
            assert_eq!(suppressed, other == digit, "{company} to {other}: {row}");
        }
    }
}

#[tokio::test]
async fn neither_company_finds_a_trace_of_the_other() {
    let (api, _projector) = without_a_worker().await;
    let dump = Dump::of_companies();
    for ((company, _), (other, _)) in [(COMPANIES[0], COMPANIES[1]), (COMPANIES[1], COMPANIES[0])] {
        let client = user(&api, company).await;
        let mut read = String::new();
        for list in LISTS {
            let filters = ["?limit=1000", "?limit=2", "?after=1"];
            let path = format!("/{list}");
            read += &client.get(&path).await.text();
            for filter in filters.iter().filter(|_| list != "sandbox/outbox") {
                let answer = client.get(&format!("{path}{filter}")).await;
                read += &answer.text();
            }
            let foreign = format!("?tenant_id={}", id(&format!("tenant.{other}")));
            let filtered = client.get(&format!("{path}{foreign}")).await;
            read += &filtered.text();
        }
        read += &client.get("/statistics").await.ok().to_string();
        assert!(read.contains(company), "{read}");
        assert!(!read.contains(other), "{company} reads of {other}: {read}");
        let mut tried = 0;
        for (path, recorded) in &dump.answers {
            let Some(path) = path.strip_prefix(&format!("{other} ")) else {
                continue;
            };
            let list = path.split('?').next().unwrap();
            for row in recorded.as_array().into_iter().flatten() {
                let noun = list.rsplit('/').next().unwrap().trim_end_matches('s');
                let Some(id) = row[format!("{noun}_id")].as_i64() else {
                    continue;
                };
                let answer = client.get(&format!("{list}/{id}")).await;
                assert_eq!(answer.status, 404, "{list}/{id}: {}", answer.text());
                tried += 1;
            }
        }
        assert!(tried > 30, "{tried}");
        client.get("/events").await.expect(403);
    }
}
