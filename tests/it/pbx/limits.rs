//! Limits on the fields of PBX records, and on the destinations of a source.

use serde_json::{Value, json};

use crate::harness::{Client, Server, unique};

/// The most destinations of a source.
const MOST: i64 = 200;

#[tokio::test]
async fn numbers_have_ranges() {
    let admin = Server::shared().await.admin().await;
    let hunt = |value: Value| json!({"number": "1", "name": "n", "ring_time": value});
    let ivr = |value: Value| json!({"name": "n", "timeout": value});
    let disa = |field: &str, value: Value| json!({"name": "n", "pin": "402917", field: value});
    let destination = |value: Value| json!({"source_type": "X", "source_id": 1, "target_type": "HANGUP", "order": value});
    let rates = |rate: Value| json!({"name": "n", "rates": [rate]});
    for (path, field, body) in [
        ("/pbx/hunts", "ring_time", hunt(json!(0))),
        ("/pbx/hunts", "ring_time", hunt(json!(3_601))),
        ("/pbx/hunts", "ring_time", hunt(json!("soon"))),
        ("/pbx/ivrs", "timeout", ivr(json!(0))),
        ("/pbx/ivrs", "timeout", ivr(json!(301))),
        ("/pbx/disas", "timeout", disa("timeout", json!(301))),
        ("/pbx/disas", "attempts", disa("attempts", json!(0))),
        ("/pbx/disas", "attempts", disa("attempts", json!(11))),
        ("/pbx/destinations", "order", destination(json!(0))),
        ("/pbx/destinations", "order", destination(json!(10_001))),
        ("/pbx/rate_tables", "rates", rates(json!({}))),
        (
            "/pbx/rate_tables",
            "rates",
            rates(json!({"per_minute": -1})),
        ),
        (
            "/pbx/rate_tables",
            "rates",
            rates(json!({"per_minute": 1, "increment": 0})),
        ),
        (
            "/pbx/rate_tables",
            "rates",
            rates(json!({"per_minute": 1, "prefix": "+43"})),
        ),
    ] {
        let refused = admin.post(path, body.clone()).await;
        assert_eq!(refused.status, 412, "{path} {body}: {}", refused.text());
        assert_eq!(refused.fields(), [field], "{path} {body}");
    }
    for (path, body) in [
        ("/pbx/hunts", hunt(json!(3_600))),
        ("/pbx/ivrs", ivr(json!("300"))),
        ("/pbx/disas", disa("attempts", json!(10))),
        ("/pbx/destinations", destination(json!(10_000))),
    ] {
        admin.post(path, body).await.ok();
    }
}

#[tokio::test]
async fn required_fields_are_named() {
    let admin = Server::shared().await.admin().await;
    for (path, body, field) in [
        ("/pbx/hunts", json!({"name": "n"}), "number"),
        ("/pbx/hunts", json!({"number": "1", "name": " "}), "name"),
        ("/pbx/ivrs", json!({}), "name"),
        ("/pbx/conditions", json!({"name": "n"}), "condition_type"),
        (
            "/pbx/destinations",
            json!({"source_type": "X"}),
            "source_id",
        ),
        (
            "/pbx/destinations",
            json!({"source_type": "X", "source_id": 1, "target_type": "EXT"}),
            "target_id",
        ),
        ("/pbx/voicemails", json!({"mailbox": "1"}), "fullname"),
        (
            "/pbx/phones",
            json!({"name": "n", "mac": "m"}),
            "phone_model_id",
        ),
        (
            "/pbx/phones",
            json!({"name": "n", "mac": "m", "phone_model_id": 999_999_999}),
            "phone_model_id",
        ),
        ("/pbx/phone_models", json!({"vendor": "v"}), "name"),
        ("/pbx/customs", json!({"name": "n"}), "number"),
        (
            "/pbx/customs",
            json!({"name": "n", "number": "1", "custom_type": "page"}),
            "custom_type",
        ),
        ("/pbx/rate_tables", json!({"currency": "EUR"}), "name"),
        (
            "/pbx/rate_tables",
            json!({"name": "n", "currency": "euro"}),
            "currency",
        ),
    ] {
        let refused = admin.post(path, body.clone()).await;
        assert_eq!(refused.status, 412, "{path} {body}: {}", refused.text());
        assert_eq!(refused.fields(), [field], "{path} {body}");
    }
}

#[tokio::test]
async fn a_rate_table_has_each_prefix_once_and_at_most_5000() {
    let admin = Server::shared().await.admin().await;
    let table = |prefixes: &mut dyn Iterator<Item = u32>| {
        let rates = prefixes.map(|prefix| json!({"prefix": prefix, "per_minute": 1}));
        json!({"name": "n", "rates": rates.collect::<Vec<_>>()})
    };
    let twice = admin.post("/pbx/rate_tables", table(&mut [43, 43].into_iter()));
    assert_eq!(twice.await.fields(), ["rates"]);
    let most = admin.post("/pbx/rate_tables", table(&mut (1..=5_000)));
    most.await.ok();
    let more = admin.post("/pbx/rate_tables", table(&mut (1..=5_001)));
    assert_eq!(more.await.fields(), ["rates"]);
}

/// A destination of a hunt group.
fn member(hunt: i64, order: i64) -> Value {
    json!({
        "source_type": "HUNTLIST", "source_id": hunt, "target_type": "EXT", "target_id": order,
        "order": order,
    })
}

/// A hunt group with as many members as it may have; answers one of these.
async fn fill(client: &Client, hunt: i64) -> i64 {
    let mut last = 0;
    for order in 1..=MOST {
        let created = client.post("/pbx/destinations", member(hunt, order)).await;
        last = created.id("destination_id");
    }
    last
}

#[tokio::test]
async fn a_source_has_at_most_200_destinations() {
    let admin = Server::shared().await.admin().await;
    let hunt = 1_000_000_000 + i64::from(unique());
    let last = fill(&admin, hunt).await;
    let refused = admin.post("/pbx/destinations", member(hunt, 1)).await;
    let refused = refused.expect(423);
    let reason = refused["detail"].as_str().unwrap();
    assert!(reason.contains("200 destinations"), "{reason}");

    let mut spelt_otherwise = member(hunt, 1);
    spelt_otherwise["source_type"] = json!("HuntList");
    let refused = admin.post("/pbx/destinations", spelt_otherwise).await;
    refused.expect(423);
    let mut of_another = member(hunt, 1);
    of_another["source_type"] = json!("HUNTLIST-TIMEOUT");
    let other = admin.post("/pbx/destinations", of_another).await;
    let other = format!("/pbx/destinations/{}", other.id("destination_id"));
    let moved = admin.put(&other, json!({"source_type": "HUNTLIST"})).await;
    moved.expect(423);

    let last = format!("/pbx/destinations/{last}");
    admin.put(&last, json!({"order": 9})).await.ok();
    admin
        .put(&last, json!({"source_type": "huntlist"}))
        .await
        .ok();
    admin.delete(&last).await.ok();
    admin
        .put(&other, json!({"source_type": "HUNTLIST"}))
        .await
        .ok();
}

#[tokio::test]
async fn destinations_are_counted_within_a_tenant() {
    let server = Server::alone().await;
    let operator = server.admin().await;
    fill(&operator, 7).await;
    let tenant = operator.post("/tenants", json!({"code": "acme"})).await;
    let mut elsewhere = member(7, 1);
    elsewhere["tenant_id"] = json!(tenant.id("tenant_id"));
    operator.post("/pbx/destinations", elsewhere).await.ok();
    operator
        .post("/pbx/destinations", member(7, 1))
        .await
        .expect(423);
}
