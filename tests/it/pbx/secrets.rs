//! Secrets of PBX records are accepted, and never shown.

use serde_json::{Value, json};

use crate::harness::{Client, EventLog, Server};

const VOICEMAIL_PIN: &str = "71504938";
const DISA_PIN: &str = "60821597";
const PHONE_PASSWORD: &str = "phone-secret-3d9e";

/// A record of each kind that has a secret: the path, and the flag that tells of it.
async fn records(admin: &Client) -> [(String, &'static str); 3] {
    let model = admin.post("/pbx/phone_models", json!({"name": "T46S"}));
    let model = model.await.id("phone_model_id");
    let create = async |list: &str, kind: &str, body: Value| {
        let path = format!("/pbx/{list}");
        let id = admin.post(&path, body).await.id(&format!("{kind}_id"));
        format!("{path}/{id}")
    };
    let voicemail = json!({"fullname": "Ada", "pin": VOICEMAIL_PIN});
    let disa = json!({"name": "Staff", "pin": DISA_PIN});
    let phone = json!({
        "name": "Desk", "phone_model_id": model, "mac": "x", "http_password": PHONE_PASSWORD,
    });
    [
        (
            create("voicemails", "voicemail", voicemail).await,
            "has_pin",
        ),
        (create("disas", "disa", disa).await, "has_pin"),
        (create("phones", "phone", phone).await, "has_http_password"),
    ]
}

#[tokio::test]
async fn no_secret_of_a_record_is_in_an_answer_an_event_a_table_or_the_log() {
    let server = Server::alone().await;
    let admin = server.admin().await;
    let mut seen = Vec::new();
    for (path, flag) in records(&admin).await {
        let row = admin.get(&path).await;
        assert_eq!(row.ok()[flag], 1, "{path}");
        seen.push((path.clone(), row.text()));
        let (list, _) = path.rsplit_once('/').unwrap();
        seen.push((list.to_owned(), admin.get(list).await.text()));
    }
    seen.push(("/events".to_owned(), admin.get("/events").await.text()));
    let mut log = EventLog::open(&server).await;
    seen.push(("the log's table".to_owned(), log.text().await));
    for table in ["voicemails", "disas", "phones"] {
        let sql = format!("select coalesce(string_agg(t::text, ''), '') from read.{table} t");
        let rows: String = sqlx::query_scalar(&sql).fetch_one(log.sql()).await.unwrap();
        seen.push((table.to_owned(), rows));
    }
    seen.push(("the server's output".to_owned(), server.log()));
    for secret in [VOICEMAIL_PIN, DISA_PIN, PHONE_PASSWORD] {
        for (place, text) in &seen {
            assert!(!text.contains(secret), "{secret} is in {place}");
        }
    }
    let (_, events) = seen.iter().find(|(place, _)| place == "/events").unwrap();
    for sealed in [r#""pin":"[sealed]""#, r#""http_password":"[sealed]""#] {
        assert!(events.contains(sealed), "{sealed} is not in the feed");
    }
    for (_, text) in seen.iter().filter(|(place, _)| place.starts_with("/pbx")) {
        assert!(!text.contains("\"pin\"") && !text.contains("\"http_password\""));
    }
}

#[tokio::test]
async fn a_secret_is_kept_by_changes_of_other_fields_and_cleared_by_null() {
    let admin = Server::shared().await.admin().await;
    let [voicemail, disa, phone] = records(&admin).await;
    for ((path, flag), name) in [(&voicemail, "fullname"), (&disa, "name"), (&phone, "name")] {
        let changed = admin.put(path, json!({ name: "changed" })).await.ok();
        assert_eq!(changed[*flag], 1, "{path}");
    }
    let cleared = admin.put(&voicemail.0, json!({"pin": null})).await.ok();
    assert_eq!(cleared["has_pin"], 0);
    let cleared = admin.put(&phone.0, json!({"http_password": ""})).await.ok();
    assert_eq!(cleared["has_http_password"], 0);
    let kept = admin.put(&disa.0, json!({"pin": null})).await;
    kept.expect(412);
    assert_eq!(kept.fields(), ["pin"]);
}

#[tokio::test]
async fn a_disa_has_a_pin_of_at_least_six_digits() {
    let admin = Server::shared().await.admin().await;
    for pin in [
        json!(null),
        json!(""),
        json!("12345"),
        json!(12345),
        json!("12345a"),
        json!("1".repeat(33)),
    ] {
        let refused = admin
            .post("/pbx/disas", json!({"name": "n", "pin": pin}))
            .await;
        assert_eq!(refused.status, 412, "{pin}: {}", refused.text());
        assert_eq!(refused.fields(), ["pin"], "{pin}");
    }
    admin
        .post("/pbx/disas", json!({"name": "n"}))
        .await
        .expect(412);
    for pin in [json!("402917"), json!(402_917), json!("0".repeat(32))] {
        let disa = admin.post("/pbx/disas", json!({"name": "n", "pin": pin}));
        let path = format!("/pbx/disas/{}", disa.await.id("disa_id"));
        admin.put(&path, json!({"pin": "4029"})).await.expect(412);
    }
}

#[tokio::test]
async fn a_secret_of_a_record_is_no_filter_and_no_order() {
    let admin = Server::shared().await.admin().await;
    for path in [
        "/pbx/voicemails?pin=1",
        "/pbx/disas?pin=1",
        "/pbx/phones?http_password=x",
        "/pbx/voicemails?sort=pin",
        "/pbx/phones?sort=http_password",
    ] {
        assert_eq!(admin.get(path).await.status, 412, "{path}");
    }
}
