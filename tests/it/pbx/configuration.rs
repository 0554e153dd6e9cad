//! The whole PBX of a tenant as one document.

use serde_json::{Value, json};

use crate::harness::{Client, Company, Server};

fn path(company: &Company) -> String {
    format!("/pbx/tenants/{}/configuration", company.tenant_id)
}

/// The kinds of records in a document.
const KINDS: [&str; 11] = [
    "extensions",
    "dids",
    "hunts",
    "ivrs",
    "voicemails",
    "phones",
    "customs",
    "disas",
    "rate_tables",
    "conditions",
    "destinations",
];

/// A document with these records, and none of the kinds that are not named.
fn whole(mut part: Value) -> Value {
    for kind in KINDS {
        if part[kind].is_null() {
            part[kind] = json!([]);
        }
    }
    part
}

/// A configuration with something of every kind but phones, whose models are the installation's.
fn document() -> Value {
    whole(json!({
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
    }))
}

/// A tenant with 200 extensions, the first ten of which are in a hunt group behind a menu.
fn large(did: &str) -> Value {
    let extension = |number: i64| {
        let name = format!("Desk {number}");
        json!({"key": number.to_string(), "number": number.to_string(), "name": name, "active": 1,
               "cid_number": "15146339933", "ring_time": 20})
    };
    let lead = |source: (&str, &str), target: (&str, &str), order: i64| {
        json!({"source_type": source.0, "source": source.1, "target_type": target.0,
               "target": target.1, "order": order})
    };
    let menu = ("IVR", "Welcome");
    let mut destinations = vec![
        lead(("DID", did), menu, 1),
        lead(("IVR_1", "Welcome"), ("HUNTLIST", "600"), 1),
        lead(("IVR_TIMEOUT", "Welcome"), ("VOICEMAIL", "Team"), 1),
    ];
    destinations.extend((1..=10).map(|order| {
        let member = (99 + order).to_string();
        lead(("HUNTLIST", "600"), ("EXT", &member), order)
    }));
    whole(json!({
        "extensions": (100..300).map(extension).collect::<Vec<_>>(),
        "dids": [{"key": did, "number": did, "active": 1}],
        "hunts": [{"key": "600", "number": "600", "name": "Team", "hunt_type": "RINGALL"}],
        "ivrs": [{"key": "Welcome", "name": "Welcome", "timeout": 5}],
        "voicemails": [{"key": "Team", "fullname": "Team", "email": "team@example.com"}],
        "destinations": destinations,
    }))
}

/// True if `whole` has every field and element of `part`.
fn includes(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part
            .iter()
            .all(|(name, it)| whole.get(name).is_some_and(|of| includes(of, it))),
        (Value::Array(whole), Value::Array(part)) => {
            let mut pairs = whole.iter().zip(part);
            whole.len() == part.len() && pairs.all(|(whole, part)| includes(whole, part))
        }
        _ => whole == part,
    }
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
async fn a_document_that_cannot_be_meant_is_refused() {
    let server = Server::alone().await;
    let company = Company::on(&server).await;
    let admin = &company.admin;
    admin.put(&path(&company), document()).await.ok();
    let before = exported(admin, &company).await;
    let extension = |key: &str, number: &str| json!({"key": key, "number": number, "name": "A"});
    let member = json!({"source_type": "HUNTLIST", "source": "600", "target_type": "EXT",
                        "target": "100"});
    for (wrong, reason) in [
        (json!({}), "extensions: is required"),
        (json!({"extension": []}), "extensions: is required"),
        (
            whole(json!({"ivrs": [{"key": "A", "name": "A"}, {"key": "A", "name": "A"}]})),
            "has the key A twice",
        ),
        (
            whole(json!({"extensions": [extension("100", "100"), extension("100#2", "100")]})),
            "has the number 100 twice",
        ),
        (
            whole(json!({"extensions": [extension("reception", "100")]})),
            "has the key reception, which should be 100",
        ),
        (
            whole(json!({"destinations": vec![member; 10_000]})),
            "has more than 200",
        ),
    ] {
        for path in [path(&company), format!("{}?dry_run=1", path(&company))] {
            let refused = admin.put(&path, wrong.clone()).await.expect(412);
            let said = refused["detail"].as_str().unwrap();
            assert!(said.contains(reason), "{said}");
        }
    }
    assert_eq!(exported(admin, &company).await, before);
}

#[tokio::test]
async fn an_import_is_repeated_without_a_change() {
    let server = Server::alone().await;
    let company = Company::on(&server).await;
    let admin = &company.admin;
    let twice = json!([{"key": "A", "name": "A"}, {"key": "A#2", "name": "A"},
                       {"key": "A#2#2", "name": "A#2"}]);
    let mut wanted = document();
    wanted["ivrs"]
        .as_array_mut()
        .unwrap()
        .extend(twice.as_array().unwrap().clone());
    admin.put(&path(&company), wanted.clone()).await.ok();
    // A PIN that is named is a new one.
    wanted["disas"] = json!([{"key": "Door", "name": "Door"}]);
    let again = admin.put(&path(&company), wanted).await.ok();
    assert_eq!(again["changes"], json!([]));
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

/// The tenants that are imported; the variable sets another number for tests by hand.
const TENANTS: usize = 3;
const TENANTS_VARIABLE: &str = "LEDGERLINE_TEST_TENANTS";

#[tokio::test]
async fn large_tenants_are_exported_as_they_were_imported() {
    let server = Server::alone().await;
    let operator = server.admin().await;
    let given = std::env::var(TENANTS_VARIABLE).ok();
    let tenants = given
        .and_then(|count| count.parse().ok())
        .unwrap_or(TENANTS);
    let mut normal: Option<String> = None;
    for number in 0..tenants {
        let did = format!("1514{:07}", 6_000_000 + number);
        let tenant = json!({"code": format!("large-{number}"), "name": "Large"});
        let tenant = operator.post("/tenants", tenant).await.id("tenant_id");
        let numbers = json!({"numbers": [did]});
        operator
            .put(&format!("/tenants/{tenant}"), numbers)
            .await
            .ok();
        let path = format!("/pbx/tenants/{tenant}/configuration");
        let document = match &normal {
            Some(text) => serde_json::from_str(&text.replace("DID-NUMBER", &did)).unwrap(),
            None => large(&did),
        };
        operator.put(&path, document.clone()).await.ok();
        let check = format!("/pbx/check?tenant_id={tenant}");
        assert_eq!(operator.get(&check).await.ok(), json!([]));
        let exported = operator.get(&path).await.ok();
        if normal.is_some() {
            assert_eq!(exported, document);
        }
        assert!(includes(&exported, &document), "{exported}");
        normal.get_or_insert_with(|| exported.to_string().replace(&did, "DID-NUMBER"));
    }
}

#[tokio::test]
async fn a_limit_on_accounts_counts_all_that_an_import_adds() {
    let server = Server::alone().await;
    let company = Company::on(&server).await;
    let operator = server.admin().await;
    let tenant = company.tenant_id;
    let numbers = json!({"numbers": ["15146001434"]});
    operator
        .put(&format!("/tenants/{tenant}"), numbers)
        .await
        .ok();
    let accounts = operator
        .get(&format!("/accounts?tenant_id={tenant}"))
        .await
        .ok();
    let present = accounts.as_array().unwrap().len();
    let limit = async |accounts: usize| {
        let limits = json!({"max_accounts": accounts});
        operator
            .put(&format!("/tenants/{tenant}"), limits)
            .await
            .ok();
    };
    limit(present + 2).await;
    let refused = company.admin.put(&path(&company), document()).await;
    let refused = refused.expect(423);
    assert_eq!(
        refused["detail"],
        format!("the tenant may have {} accounts", present + 2)
    );
    limit(present + 3).await;
    company.admin.put(&path(&company), document()).await.ok();
    let full = exported(&company.admin, &company).await;
    company.admin.put(&path(&company), full).await.ok();
}

#[tokio::test]
async fn an_import_does_not_activate_the_accounts_of_an_inactive_user() {
    let server = Server::alone().await;
    let company = Company::on(&server).await;
    let operator = server.admin().await;
    let account = json!({"username": "desk", "first_name": "A", "number": "100"});
    company.admin.post("/extensions", account).await.ok();
    let extension = json!({"key": "100", "number": "100", "name": "A", "active": 1});
    let extension = whole(json!({"extensions": [extension]}));
    let user = format!("/users/{}", company.admin.user_id);
    operator.put(&user, json!({"active": 0})).await.ok();
    let refused = operator.put(&path(&company), extension).await.expect(412);
    assert_eq!(refused["errors"][0]["message"], "its user is not active");
    let extensions = format!("/pbx/extensions?tenant_id={}", company.tenant_id);
    assert_eq!(operator.get(&extensions).await.ok()[0]["active"], 0);
}
