//! Lists of PBX records: their filters, orders and pages.

use serde_json::json;

use super::kinds::kinds;
use crate::harness::{Client, Server, unique_name};

#[tokio::test]
async fn a_list_of_rate_tables_shows_the_number_of_rates() {
    let admin = Server::shared().await.admin().await;
    let name = unique_name("rates");
    let rates = json!([{"per_minute": 9}, {"prefix": 43, "per_minute": "20000"}]);
    let table = json!({"name": name, "rates": rates});
    let id = admin.post("/pbx/rate_tables", table).await;
    let id = id.id("rate_table_id");
    let listed = admin.get(&format!("/pbx/rate_tables?name={name}")).await;
    let listed = listed.ok();
    assert_eq!(listed[0]["rate_total"], 2, "{listed}");
    assert_eq!(listed[0].get("rates"), None, "{listed}");
    let row = admin.get(&format!("/pbx/rate_tables/{id}")).await.ok();
    let expected = json!([
        {"prefix": "", "per_minute": 9, "per_call": 0, "increment": 1},
        {"prefix": "43", "per_minute": 20_000, "per_call": 0, "increment": 1},
    ]);
    assert_eq!(row["rates"], expected);
}

/// Looks for a record by each field that its row in the list shows.
async fn is_found_by_its_fields(admin: &Client, path: &str, field: &str, id: i64) {
    let row = admin.get(&format!("{path}?{field}={id}")).await.ok();
    let shown = row[0].as_object().unwrap().clone();
    // The name of a SIP user is the number with the tenant's code.
    let is_filter = |name: &str| {
        name != field && name != "problem" && name != "sip_user" && !name.starts_with("param")
    };
    for (name, value) in shown
        .iter()
        .filter(|(name, it)| is_filter(name) && !it.is_null())
    {
        let text = value.as_str().map_or(value.to_string(), str::to_owned);
        let request = admin.request("GET", path).query(&[(name, &text)]);
        let found = admin.send(request).await.ok();
        let mut found = found.as_array().unwrap().iter();
        assert!(found.any(|row| row[field] == id), "{path}: {name}={text}");
    }
}

#[tokio::test]
async fn records_are_found_by_their_fields() {
    let server = Server::alone().await;
    let admin = server.admin().await;
    for kind in kinds(&admin).await {
        kind.create(&admin).await;
        let id = kind.create(&admin).await;
        admin.put(&kind.one(id), kind.change.clone()).await.ok();
        let field = format!("{}_id", kind.name);
        is_found_by_its_fields(&admin, kind.path, &field, id).await;
    }
}

#[tokio::test]
async fn extensions_and_dids_are_found_by_their_fields() {
    let server = Server::alone().await;
    let admin = server.admin().await;
    let extension = json!({
        "name": "Ada", "number": "100", "cid_number": "+15550100", "cid_name": "Engines",
        "follow_me_caller_id": "+15550101", "call_waiting": "yes", "ring_time": 20,
    });
    let did = json!({
        "number": "+15550102", "country": "USA", "area": "514", "comment": "Main",
        "recording": 1, "fax": 1, "prefix": "9", "name_prefix": "EN",
    });
    for (path, field, body) in [
        ("/pbx/extensions", "extension_id", extension),
        ("/pbx/dids", "did_id", did),
    ] {
        let id = admin.post(path, body).await.id(field);
        is_found_by_its_fields(&admin, path, field, id).await;
        for sort in [field, "number", "active"] {
            let sorted = admin.get(&format!("{path}?sort=-{sort}&limit=1")).await;
            assert_eq!(sorted.ok()[0][field], id, "{sort}");
        }
    }
    let without = json!({"name": "Grace", "number": "101"});
    admin.post("/pbx/extensions", without).await.ok();
    for nothing in ["ring_time=0", "number="] {
        let none = admin.get(&format!("/pbx/extensions?{nothing}")).await;
        assert_eq!(none.ok(), json!([]), "{nothing}");
    }
}

#[tokio::test]
async fn lists_of_records_have_pages_in_any_order() {
    let server = Server::alone().await;
    let admin = server.admin().await;
    let mut made = Vec::new();
    for (name, number) in [("Sales", 600), ("support", 601), ("Door", 602)] {
        let hunt = json!({"name": name, "number": number});
        made.push(admin.post("/pbx/hunts", hunt).await.id("hunt_id"));
    }
    for (sort, order) in [
        ("hunt_id", [0, 1, 2]),
        ("-hunt_id", [2, 1, 0]),
        ("name", [2, 0, 1]),
        ("-number", [2, 1, 0]),
    ] {
        let (mut seen, mut next) = (vec![], Some(format!("/pbx/hunts?limit=1&sort={sort}")));
        while let Some(path) = next {
            let page = admin.get(&path).await;
            assert_eq!(page.header("x-total-count"), Some("3"), "{path}");
            let link = page
                .header("link")
                .map(|link| link.split(['<', '>']).nth(1));
            next = link.flatten().map(str::to_owned);
            seen.extend(page.ok()[0]["hunt_id"].as_i64());
        }
        assert_eq!(seen, order.map(|at: usize| made[at]), "{sort}");
    }
}
