//! `/providers`.

use serde_json::{Value, json};

use crate::harness::Server;

async fn created(body: Value) -> Value {
    let admin = Server::shared().await.admin().await;
    let id = admin.post("/providers", body).await.id("provider_id");
    admin.get(&format!("/providers/{id}")).await.ok()
}

#[tokio::test]
async fn what_is_not_said_follows_from_the_type() {
    for (kind, service, gateway, port) in
        [("sandbox", 15, 128, Value::Null), ("smtp", 8, 4, json!(25))]
    {
        let body = json!({"name": "defaults", "type": kind, "host": "127.0.0.1", "active": 0});
        let read = created(body).await;
        assert_eq!(
            (&read["service_flag"], &read["gateway_flag"]),
            (&json!(service), &json!(gateway))
        );
        assert_eq!(
            (&read["port"], &read["weight"]),
            (&port, &json!(10)),
            "{read}"
        );
    }
}

#[tokio::test]
async fn settings_come_as_an_object_as_its_text_and_as_lines() {
    let expected = json!({"tls": "none", "connections": 4});
    for settings in [
        expected.clone(),
        json!("{\"tls\": \"none\", \"connections\": 4}"),
        json!("tls=none\nconnections=4\n"),
    ] {
        let body = json!({
            "name": "settings", "type": "smtp", "host": "127.0.0.1", "active": 0, "settings": settings,
        });
        let read = created(body).await["settings"].clone();
        assert_eq!(read["tls"], "none", "{settings}");
        assert_eq!(
            read["connections"].to_string().trim_matches('"'),
            "4",
            "{settings}: {read}"
        );
    }
}

#[tokio::test]
async fn a_password_that_is_not_mentioned_stays() {
    let server = Server::shared().await;
    let admin = server.admin().await;
    let body = json!({
        "name": "kept", "type": "smtp", "host": "127.0.0.1", "active": 0,
        "username": "u", "password": "kept-secret-3",
    });
    let id = admin.post("/providers", body).await.id("provider_id");
    let path = format!("/providers/{id}");
    let updated = admin.put(&path, json!({"weight": 20})).await.ok();
    assert_eq!(
        (&updated["weight"], &updated["username"]),
        (&json!(20), &json!("u"))
    );
    assert!(updated.get("password").is_none(), "{updated}");
    let filter = format!("/events?aggregate_type=provider&aggregate_id={id}");
    assert!(!admin.get(&filter).await.text().contains("kept-secret-3"));
}

#[tokio::test]
async fn a_new_provider_is_used_without_a_restart() {
    use crate::harness::{MailRecorder, Mailing, smtp_provider};
    let server = Server::alone().await;
    let admin = server.admin().await;
    let (first, second) = (MailRecorder::start(0), MailRecorder::start(0));
    let mailing = Mailing::of(&admin).await;
    for recorder in [&first, &second] {
        smtp_provider(&admin, recorder.port, 1).await;
        let transmission = mailing.send_to("moved@example.com").await;
        assert_eq!(mailing.ended(transmission).await["outcome"], "delivered");
    }
    assert_eq!((first.count(), second.count()), (1, 1));
}
