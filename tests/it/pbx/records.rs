//! PBX records of all kinds: they are created, listed, read, changed and deleted alike.

use serde_json::{Value, json};

use super::kinds::kinds;
use crate::harness::{EventLog, Server, unique_name};

/// Asserts that a row has these fields, but for secrets.
fn assert_has(row: &Value, fields: &Value) {
    for (field, value) in fields.as_object().unwrap() {
        if field != "pin" {
            assert_eq!(&row[field], value, "{field} of {row}");
        }
    }
}

#[tokio::test]
async fn every_field_of_a_record_that_is_written_can_be_read() {
    let admin = Server::shared().await.admin().await;
    for kind in kinds(&admin).await {
        let id = kind.create(&admin).await;
        let row = admin.get(&kind.one(id)).await.ok();
        assert_has(&row, &kind.body);
        let changed = admin.put(&kind.one(id), kind.change.clone()).await.ok();
        assert_has(&changed, &kind.change);
        assert_eq!(admin.get(&kind.one(id)).await.ok(), changed);
    }
}

#[tokio::test]
async fn a_deleted_record_is_404_and_in_no_list() {
    let admin = Server::shared().await.admin().await;
    for kind in kinds(&admin).await {
        let field = format!("{}_id", kind.name);
        for (method, end) in [("DELETE", ""), ("GET", "/delete")] {
            let id = kind.create(&admin).await;
            let listed = format!("{}?{field}={id}", kind.path);
            assert_eq!(admin.get(&listed).await.ok()[0][&field], id, "{listed}");
            let request = admin.request(method, &format!("{}{end}", kind.one(id)));
            assert_eq!(admin.send(request).await.ok(), json!({ &field: id }));
            assert_eq!(admin.get(&listed).await.ok(), json!([]), "{listed}");
            admin.get(&kind.one(id)).await.expect(404);
            admin.put(&kind.one(id), json!({})).await.expect(404);
            admin.delete(&kind.one(id)).await.expect(404);
        }
    }
}

#[tokio::test]
async fn a_stale_version_of_a_record_is_409() {
    let admin = Server::shared().await.admin().await;
    for kind in kinds(&admin).await {
        let path = kind.one(kind.create(&admin).await);
        let first = admin.get(&path).await;
        let first = first.header("etag").unwrap();
        assert_eq!(first, "\"1\"", "{path}");
        let put_first = async |body: &Value| {
            let request = admin.request("PUT", &path).header("if-match", first);
            admin.send(request.json(body)).await
        };
        let second = put_first(&kind.change).await;
        assert_eq!(second.status, 200, "{}", second.text());
        assert_eq!(second.header("etag"), Some("\"2\""), "{path}");
        put_first(&json!({})).await.expect(409);
    }
}

#[tokio::test]
async fn an_update_that_says_nothing_new_is_no_event() {
    let admin = Server::shared().await.admin().await;
    for kind in kinds(&admin).await.iter().filter(|it| it.name != "disa") {
        let path = kind.one(kind.create(&admin).await);
        let again = admin.put(&path, kind.body.clone()).await;
        assert_eq!(again.header("etag"), Some("\"1\""), "{path}");
    }
}

#[tokio::test]
async fn a_record_is_created_once_however_often_a_request_is_repeated() {
    let admin = Server::shared().await.admin().await;
    for kind in kinds(&admin).await {
        let key = unique_name("record");
        let create = async || {
            let request = admin.request("POST", kind.path);
            let request = request.header("idempotency-key", &key).json(&kind.body);
            let field = format!("{}_id", kind.name);
            admin.send(request).await.id(&field)
        };
        assert_eq!(create().await, create().await, "{}", kind.path);
    }
}

#[tokio::test]
async fn each_change_of_a_record_is_an_event_with_sealed_details() {
    let server = Server::alone().await;
    let admin = server.admin().await;
    for kind in kinds(&admin).await {
        let id = kind.create(&admin).await;
        admin.put(&kind.one(id), kind.change.clone()).await.ok();
        admin.delete(&kind.one(id)).await.ok();
        let path = format!("/events?aggregate_type={}&aggregate_id={id}", kind.name);
        let events = admin.get(&path).await.ok();
        let types = events.as_array().unwrap().iter();
        let types: Vec<_> = types.map(|it| it["event_type"].as_str().unwrap()).collect();
        let ends = ["Created", "Updated", "Deleted"];
        assert_eq!(types.len(), ends.len(), "{types:?}");
        assert!(
            types.iter().zip(ends).all(|(it, end)| it.ends_with(end)),
            "{types:?}"
        );
    }
    let log = EventLog::open(&server).await.text().await;
    for clear in [
        "+15550100",
        "Ada Lovelace",
        "00:15:65:12:ab:cd",
        "Night watch",
    ] {
        assert!(!log.contains(clear), "{clear} is in the log in clear");
    }
}

#[tokio::test]
async fn words_are_kept_as_they_are_written() {
    let admin = Server::shared().await.admin().await;
    let model = admin.post("/pbx/phone_models", json!({"name": "T46S"}));
    let model = model.await.id("phone_model_id");
    for (path, field, body) in [
        (
            "/pbx/hunts",
            "hunt_type",
            json!({"number": 600, "name": "n", "hunt_type": "AA"}),
        ),
        (
            "/pbx/phones",
            "mac",
            json!({"name": "n", "phone_model_id": model, "mac": "1.1.25.1"}),
        ),
        (
            "/pbx/conditions",
            "condition_type",
            json!({"name": "n", "condition_type": "Moon phase"}),
        ),
        (
            "/pbx/destinations",
            "source_type",
            json!({"source_type": "Door", "source_id": 1, "target_type": "hangup"}),
        ),
    ] {
        let kind = path.trim_start_matches("/pbx/").trim_end_matches('s');
        let id = admin.post(path, body.clone()).await;
        let id = id.id(&format!("{kind}_id"));
        let row = admin.get(&format!("{path}/{id}")).await.ok();
        assert_eq!(row[field], body[field], "{row}");
    }
}
