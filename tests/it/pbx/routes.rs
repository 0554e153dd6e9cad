//! `/pbx/route` and `/pbx/check`.

use serde_json::{Value, json};

use crate::harness::{Client, Company, Server};

/// A company whose DID leads to a condition, and from there to a hunt group or a voicemail box.
struct Office {
    company: Company,
    did: i64,
    members: [i64; 2],
    hunt: i64,
    voicemail: i64,
}

const NUMBER: &str = "15146001434";

impl Office {
    async fn on(server: &Server) -> Self {
        let company = Company::on(server).await;
        let operator = server.admin().await;
        let tenant = format!("/tenants/{}", company.tenant_id);
        operator
            .put(&tenant, json!({"numbers": [NUMBER]}))
            .await
            .ok();
        let admin = &company.admin;
        let new = async |path: &str, body: Value, id: &str| admin.post(path, body).await.id(id);
        let extension = |number: &str| json!({"name": "Desk", "number": number});
        let members = [
            new("/pbx/extensions", extension("100"), "extension_id").await,
            new("/pbx/extensions", extension("101"), "extension_id").await,
        ];
        let did = new("/pbx/dids", json!({"number": NUMBER}), "did_id").await;
        let hours = json!({
            "name": "Office hours", "condition_type": "WEEKTIME", "timezone": "Europe/Vienna",
            "param1": "09:00", "param2": "17:00", "param3": "mon-fri",
        });
        let hours = new("/pbx/conditions", hours, "condition_id").await;
        let hunt = json!({"number": "600", "name": "Team", "hunt_type": "sequence"});
        let hunt = new("/pbx/hunts", hunt, "hunt_id").await;
        let voicemail = new(
            "/pbx/voicemails",
            json!({"fullname": "Team"}),
            "voicemail_id",
        )
        .await;
        for (source, id, target, to) in [
            ("DID", did, "CONDITION", hours),
            ("CONDITION", hours, "HUNTLIST", hunt),
            ("NOTCONDITION", hours, "VOICEMAIL", voicemail),
            ("HUNTLIST", hunt, "EXT", members[0]),
            ("HUNTLIST", hunt, "EXT", members[1]),
            ("HUNTLIST-TIMEOUT", hunt, "VOICEMAIL", voicemail),
        ] {
            lead(admin, (source, id), (target, to)).await;
        }
        Self {
            company,
            did,
            members,
            hunt,
            voicemail,
        }
    }

    async fn route(&self, query: &str) -> Value {
        let path = format!("/pbx/route?did=%2B{NUMBER}&{query}");
        self.company.admin.get(&path).await.ok()
    }

    async fn problems(&self) -> Vec<Value> {
        let found = self.company.admin.get("/pbx/check").await.ok();
        found.as_array().unwrap().clone()
    }
}

async fn lead(admin: &Client, (source, id): (&str, i64), (target, to): (&str, i64)) -> i64 {
    let destination = json!({
        "source_type": source, "source_id": id, "target_type": target, "target_id": to,
    });
    admin
        .post("/pbx/destinations", destination)
        .await
        .id("destination_id")
}

/// Tuesday, 2026-12-01, 10:00 in Vienna.
const MORNING: i64 = 1_796_115_600;
/// The same day, 21:00.
const EVENING: i64 = MORNING + 11 * 3_600;

#[tokio::test]
async fn a_call_goes_by_the_time_of_the_week() {
    let server = Server::alone().await;
    let office = Office::on(&server).await;
    let by_day = office.route(&format!("at={MORNING}")).await;
    assert_eq!(by_day["did_id"], office.did);
    let step = &by_day["steps"][0];
    assert_eq!(
        (&step["step"], &step["id"]),
        (&json!("ring"), &json!(office.hunt))
    );
    assert_eq!(step["extensions"], json!(office.members));
    assert_eq!(step["at_once"], false);
    assert_eq!(by_day["rule"], "CONDITION");
    let at_night = office.route(&format!("at={EVENING}")).await;
    assert_eq!(
        at_night["steps"][0],
        json!({"step": "voicemail", "id": office.voicemail})
    );
    assert_eq!(at_night["rule"], "NOTCONDITION");
    let hops = at_night["hops"].as_array().unwrap();
    assert!(
        hops.iter()
            .all(|hop| !hop["said"].as_str().unwrap().is_empty())
    );
}

#[tokio::test]
async fn what_comes_of_a_step_decides_the_next() {
    let server = Server::alone().await;
    let office = Office::on(&server).await;
    let unanswered = office
        .route(&format!("at={MORNING}&outcomes=no_answer"))
        .await;
    assert_eq!(unanswered["steps"][1]["step"], "voicemail");
    assert_eq!(unanswered["rule"], "HUNTLIST-TIMEOUT");
    let answered = office
        .route(&format!("at={MORNING}&outcomes=answered"))
        .await;
    assert_eq!(answered["steps"][1]["step"], "connected");
}

#[tokio::test]
async fn a_circle_ends_and_is_found() {
    let server = Server::alone().await;
    let office = Office::on(&server).await;
    assert_eq!(office.problems().await, Vec::<Value>::new());
    let admin = &office.company.admin;
    let extension = office.members[0];
    lead(
        admin,
        ("EXT-UNCONDITIONAL", extension),
        ("HUNTLIST", office.hunt),
    )
    .await;
    let circle = json!({"name": "A", "condition_type": "CALLERID", "param1": "1"});
    let circle = admin
        .post("/pbx/conditions", circle)
        .await
        .id("condition_id");
    lead(admin, ("CONDITION", circle), ("CONDITION", circle)).await;
    lead(admin, ("NOTCONDITION", circle), ("CONDITION", circle)).await;
    lead(
        admin,
        ("DID-UNCONDITIONAL", office.did),
        ("CONDITION", circle),
    )
    .await;
    let route = office.route(&format!("at={MORNING}")).await;
    let last = route["steps"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&last["step"], &last["reason"]),
        (&json!("hang_up"), &json!("circle"))
    );
    let problems = office.problems().await;
    assert!(
        problems.iter().any(|it| it["problem"] == "circle"),
        "{problems:?}"
    );
}

#[tokio::test]
async fn a_dangling_target_is_found_and_passed_over() {
    let server = Server::alone().await;
    let office = Office::on(&server).await;
    let admin = &office.company.admin;
    admin
        .delete(&format!("/pbx/hunts/{}", office.hunt))
        .await
        .ok();
    let problems = office.problems().await;
    assert!(
        problems.iter().any(|it| it["problem"] == "dangling_target"),
        "{problems:?}"
    );
    let route = office.route(&format!("at={MORNING}")).await;
    assert_eq!(route["steps"][0]["reason"], "no_destination");
}

#[tokio::test]
async fn a_did_of_another_tenant_has_no_route() {
    let server = Server::alone().await;
    let office = Office::on(&server).await;
    let other = Company::on(&server).await;
    let path = format!("/pbx/route?did={NUMBER}");
    other.admin.get(&path).await.expect(404);
    other.admin.get("/pbx/route?did=999").await.expect(404);
    let check = format!("/pbx/check?tenant_id={}", office.company.tenant_id);
    other.admin.get(&check).await.expect(404);
    other
        .admin
        .get("/pbx/check?tenant_id=999")
        .await
        .expect(404);
}

#[tokio::test]
async fn a_condition_shows_whether_it_is_understood() {
    let server = Server::alone().await;
    let admin = &Company::on(&server).await.admin;
    let new = async |condition: Value| {
        let made = admin.post("/pbx/conditions", condition).await;
        made.id("condition_id")
    };
    let moon = new(json!({"name": "Moon", "condition_type": "MOON"})).await;
    let known = new(json!({"name": "A", "condition_type": "CALLERID", "param1": "1"})).await;
    let not = new(json!({"name": "B", "condition_type": "NOT", "param1": known})).await;
    let understood = async || {
        let listed = admin.get("/pbx/conditions?sort=condition_id").await.ok();
        let rows = listed.as_array().unwrap().iter();
        rows.map(|row| (row["condition_id"].clone(), row["understood"].clone()))
            .collect::<Vec<_>>()
    };
    let expected = |all: [(i64, i64); 3]| all.map(|(id, it)| (json!(id), json!(it))).to_vec();
    assert_eq!(
        understood().await,
        expected([(moon, 0), (known, 1), (not, 1)])
    );
    admin.delete(&format!("/pbx/conditions/{known}")).await.ok();
    let row = admin.get(&format!("/pbx/conditions/{not}")).await.ok();
    assert_eq!(row["understood"], 0);
    let reason = format!("its parameters name condition {known}, which does not exist");
    assert_eq!(row["problem"], reason);
    let change = json!({"condition_type": "CALLERID", "param1": "2"});
    for id in [moon, not] {
        admin
            .put(&format!("/pbx/conditions/{id}"), change.clone())
            .await
            .ok();
    }
    assert_eq!(understood().await.len(), 2);
    assert!(understood().await.iter().all(|(_, it)| *it == 1));
}
