//! The whole PBX of a tenant as one document.

use serde_json::{Value, json};

use crate::harness::{Client, Company, Server};

fn path(company: &Company) -> String {
    format!("/pbx/tenants/{}/configuration", company.tenant_id)
}

/// A configuration with something of every kind.
fn document() -> Value {
    json!({
        "extensions": [
            {"key": "100", "name": "Sally", "number": "100", "active": 1, "cid_number": "15146339933"},
            {"key": "101", "name": "Henry", "number": "101", "active": 1, "ring_time": 20},
        ],
        "dids": [{"key": "15146001434", "number": "15146001434", "active": 1, "comment": "Main"}],
        "hunts": [{"key": "600", "number": "600", "name": "Team", "hunt_type": "RINGALL"}],
        "ivrs": [{"key": "Welcome", "name": "Welcome", "timeout": 5}],
        "conditions": [
            {"key": "Hours", "name": "Hours", "condition_type": "WEEKTIME", "param1": "09:00",
             "param2": "17:00"},
            {"key": "Closed", "name": "Closed", "condition_type": "NOT", "param1": "Hours"},
        ],
        "voicemails": [{"key": "Team", "fullname": "Team", "email": "team@example.com"}],
        "customs": [{"key": "Mobile", "name": "Mobile", "number": "15145550100"}],
        "disas": [{"key": "Door", "name": "Door", "pin": "482913"}],
        "rate_tables": [{"key": "Low", "name": "Low", "currency": "EUR",
                         "rates": [{"prefix": "43", "per_minute": 10_000}]}],
        "destinations": [
            {"source_type": "DID", "source": "15146001434", "target_type": "IVR", "target": "Welcome"},
            {"source_type": "IVR_1", "source": "Welcome", "target_type": "CONDITION", "target": "Closed"},
            {"source_type": "NOTCONDITION", "source": "Closed", "target_type": "HUNTLIST", "target": "600"},
            {"source_type": "HUNTLIST", "source": "600", "target_type": "EXT", "target": "100"},
            {"source_type": "HUNTLIST", "source": "600", "target_type": "EXT", "target": "101", "order": 2},
            {"source_type": "IVR_TIMEOUT", "source": "Welcome", "target_type": "HANGUP"},
        ],
    })
}

async fn exported(client: &Client, company: &Company) -> Value {
    client.get(&path(company)).await.ok()
}

#[tokio::test]
async fn what_is_imported_is_exported() {
    let server = Server::alone().await;
    let (one, other) = (Company::on(&server).await, Company::on(&server).await);
    let answer = one.admin.put(&path(&one), document()).await.ok();
    assert_eq!(answer["changes"].as_array().unwrap().len(), 17);
    let first = exported(&one.admin, &one).await;
    let text = first.to_string();
    assert!(!text.contains("482913") && !text.contains("_id"), "{text}");
    assert_eq!(first["conditions"][1]["param1"], "Hours");
    let mut again = first.clone();
    again["disas"][0]["pin"] = json!("482913");
    other.admin.put(&path(&other), again).await.ok();
    assert_eq!(exported(&other.admin, &other).await, first);
    let unchanged = one.admin.put(&path(&one), first.clone()).await.ok();
    assert_eq!(unchanged["changes"], json!([]));
}

#[tokio::test]
async fn a_dry_run_lists_the_changes_and_makes_none() {
    let server = Server::alone().await;
    let company = Company::on(&server).await;
    let admin = &company.admin;
    admin.put(&path(&company), document()).await.ok();
    let before = exported(admin, &company).await;
    let mut next = before.clone();
    next["hunts"][0]["name"] = json!("Sales");
    next["ivrs"] = json!([{"key": "Bye", "name": "Bye"}]);
    next["destinations"] = json!([]);
    let dry_run = format!("{}?dry_run=1", path(&company));
    let answer = admin.put(&dry_run, next.clone()).await.ok();
    assert_eq!(answer["dry_run"], true);
    let changes = answer["changes"].as_array().unwrap();
    let of = |kind: &str| -> Vec<&str> {
        let of_kind = changes.iter().filter(|it| it["kind"] == kind);
        of_kind.map(|it| it["change"].as_str().unwrap()).collect()
    };
    assert_eq!(of("hunts"), ["update"]);
    assert_eq!(of("ivrs"), ["create", "delete"]);
    assert_eq!(of("destinations"), ["delete"; 6]);
    assert_eq!(exported(admin, &company).await, before);
    let made = admin.put(&path(&company), next.clone()).await.ok();
    assert_eq!(made["changes"], answer["changes"]);
    assert_eq!(exported(admin, &company).await, next);
}

#[tokio::test]
async fn a_wrong_document_changes_nothing_and_says_all_that_is_wrong() {
    let server = Server::alone().await;
    let company = Company::on(&server).await;
    let mut wrong = document();
    wrong["hunts"][0]["ring_time"] = json!("soon");
    wrong["disas"][0]["pin"] = json!("1234");
    wrong["destinations"][0]["target"] = json!("Nowhere");
    let answer = company.admin.put(&path(&company), wrong).await;
    let errors = answer.expect(412)["errors"].clone();
    let fields: Vec<&str> = errors
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["field"].as_str().unwrap())
        .collect();
    assert!(fields.contains(&"hunts[600].ring_time"), "{fields:?}");
    assert!(fields.contains(&"disas[Door].pin"), "{fields:?}");
    assert!(
        fields.iter().any(|it| it.starts_with("destinations[DID")),
        "{fields:?}"
    );
    let empty = exported(&company.admin, &company).await;
    assert!(
        empty
            .as_object()
            .unwrap()
            .values()
            .all(|it| it == &json!([])),
        "{empty}"
    );
}

#[tokio::test]
async fn a_key_that_stands_twice_and_a_hunt_of_ten_thousand_are_refused() {
    let server = Server::alone().await;
    let company = Company::on(&server).await;
    let twice = json!({"ivrs": [{"key": "A", "name": "A"}, {"key": "A", "name": "B"}]});
    company.admin.put(&path(&company), twice).await.expect(412);
    let member = json!({"source_type": "HUNTLIST", "source": "600", "target_type": "EXT",
                        "target": "100"});
    let many = json!({"destinations": vec![member; 10_000]});
    company.admin.put(&path(&company), many).await.expect(412);
}

#[tokio::test]
async fn another_tenants_configuration_is_none() {
    let server = Server::alone().await;
    let (one, other) = (Company::on(&server).await, Company::on(&server).await);
    other.admin.get(&path(&one)).await.expect(404);
    other.admin.put(&path(&one), json!({})).await.expect(404);
    other
        .admin
        .get("/pbx/tenants/9999/configuration")
        .await
        .expect(404);
    let user = one.user(&server).await;
    user.get(&path(&one)).await.expect(403);
}
