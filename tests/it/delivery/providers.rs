//! `/providers`.

use serde_json::{Value, json};

use crate::harness::{EventLog, MailRecorder, Mailing, Server, eventually, seconds, smtp_provider};

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

/// The settings in an answer, which are JSON in a string, as documented.
fn settings_of(provider: &Value) -> Value {
    serde_json::from_str(provider["settings"].as_str().unwrap()).unwrap()
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
        let read = settings_of(&created(body).await);
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
    let server = Server::alone().await;
    let admin = server.admin().await;
    let (first, second) = (MailRecorder::start(0), MailRecorder::start(0));
    let mailing = Mailing::new(&admin).await;
    for recorder in [&first, &second] {
        smtp_provider(&admin, recorder.port, 1).await;
        let transmission = mailing.send_to("moved@example.com").await;
        assert_eq!(mailing.ended(transmission).await["outcome"], "delivered");
    }
    assert_eq!((first.count(), second.count()), (1, 1));
}

/// Settings that look like sealed personal data of this contact, and cannot be unsealed.
fn forged(contact: i64) -> Value {
    json!({"a": {"$of": format!("contact/{contact}"), "$sealed": "AAAA"}})
}

#[tokio::test]
async fn settings_that_pass_for_personal_data_are_refused_and_the_server_starts_again() {
    let mut server = Server::alone().await;
    let admin = server.admin().await;
    // A contact without a key counts as erased, and its data is never unsealed.
    let contact = admin.contact("forged@example.com").await;
    for kind in ["sandbox", "http"] {
        let plain = json!({"name": "plain", "type": kind, "host": "127.0.0.1", "active": 0});
        let id = admin.post("/providers", plain.clone()).await;
        let path = format!("/providers/{}", id.id("provider_id"));
        let mut marked = plain;
        marked["settings"] = forged(contact);
        for refused in [
            admin.post("/providers", marked.clone()).await,
            admin.put(&path, marked).await,
        ] {
            refused.expect(412);
            assert_eq!(
                refused.fields(),
                ["settings.a"],
                "{kind}: {}",
                refused.asked
            );
        }
    }

    assert!(server.sigterm(seconds(20)).success());
    server.start().await;
}

/// Appends a copy of a provider whose settings cannot be unsealed; answers the position.
async fn unreadable(server: &Server, like: i64, contact: i64) -> i64 {
    let mut log = EventLog::open(server).await;
    let sql = "insert into events (aggregate_type, aggregate_id, sequence, event_type,
               event_version, payload, metadata, occurred_at, commit_id)
               select aggregate_type, '999', sequence, event_type, event_version,
                      jsonb_set(payload::jsonb, array[event_type, 'details', 'settings'], $2),
                      metadata, now(), gen_random_uuid()
               from events where aggregate_type = 'provider' and aggregate_id = $1
               returning position";
    sqlx::query_scalar(sql)
        .bind(like.to_string())
        .bind(forged(contact))
        .fetch_one(log.sql())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_server_starts_without_a_provider_that_cannot_be_read_and_says_so() {
    let mut server = Server::alone().await;
    let recorder = MailRecorder::start(0);
    let admin = server.admin().await;
    let provider = smtp_provider(&admin, recorder.port, 1).await;
    let contact = admin.contact("unreadable@example.com").await;
    let position = unreadable(&server, provider, contact).await;
    assert!(server.sigterm(seconds(20)).success());

    // The server does not get ready: the providers' read model stops at the event.
    server.spawn();
    let stranger = server.stranger();
    let said = eventually("/readyz names the position", seconds(30), async || {
        let asked = stranger.try_send(stranger.request("GET", "/readyz")).await;
        let ready = asked.ok().filter(|answer| answer.status == 503)?.json();
        let rows = ready["projections"].as_array()?.clone();
        rows.into_iter().find(|row| row["stopped_at"] == position)
    })
    .await;
    assert_eq!(said["name"], "providers");
    assert!(server.log().contains("a provider cannot be read"));

    let mailing = Mailing::new(&admin).await;
    let transmission = mailing.send_to("others-go-on@example.com").await;
    assert_eq!(mailing.ended(transmission).await["outcome"], "delivered");
    assert_eq!(recorder.count(), 1);
}

#[tokio::test]
async fn settings_are_checked_against_the_type() {
    let admin = Server::shared().await.admin().await;
    let of = |kind: &str, settings: Value| {
        json!({
            "name": "checked", "type": kind, "host": "127.0.0.1", "active": 0,
            "username": "u", "settings": settings,
        })
    };
    for (kind, settings) in [
        (
            "sip",
            json!({"transport": "tls", "channels": 10, "esl_host": "127.0.0.1"}),
        ),
        ("smpp", json!("bind=transmitter\nwindow=50")),
        (
            "http",
            json!({"path": "/cgi-bin/sendsms", "smsc": "a", "reports": 1}),
        ),
        ("sandbox", json!({})),
    ] {
        let id = admin.post("/providers", of(kind, settings)).await;
        id.id("provider_id");
    }
    for (kind, settings, field) in [
        ("sip", json!({"transport": "pigeon"}), "settings.transport"),
        ("smpp", json!({"window": 0}), "settings.window"),
        ("http", json!({"path": "no slash"}), "settings.path"),
        ("smtp", json!({"window": 10}), "settings.window"),
        ("sandbox", json!({"x": 1}), "settings.x"),
        (
            "http",
            json!({"report_password": 7}),
            "settings.report_password",
        ),
    ] {
        let refused = admin.post("/providers", of(kind, settings)).await;
        refused.expect(412);
        assert_eq!(refused.fields(), [field], "{kind}");
    }
    for (field, wrong) in [
        ("type", json!("emailcmd")),
        ("prefix", json!("0}loopback")),
        ("weight", json!(0)),
        ("service_flag", json!(8)),
        ("port", json!(70_000)),
    ] {
        let mut body = of("sip", json!({}));
        body[field] = wrong;
        let refused = admin.post("/providers", body).await;
        refused.expect(412);
        assert_eq!(refused.fields(), [field]);
    }
}

#[tokio::test]
async fn a_username_is_asked_for_only_where_nothing_works_without() {
    let admin = Server::shared().await.admin().await;
    for kind in ["sip", "http", "smtp", "sandbox", "smpp"] {
        let body = json!({"name": "nameless", "type": kind, "host": "127.0.0.1", "active": 0});
        let answer = admin.post("/providers", body).await;
        let expected = if kind == "smpp" { 412 } else { 200 };
        assert_eq!(answer.status, expected, "{kind}");
    }
}

#[tokio::test]
async fn a_mail_provider_that_could_not_sign_as_told_is_refused() {
    let admin = Server::shared().await.admin().await;
    let of = |settings: Value| {
        json!({
            "name": "signing", "type": "smtp", "host": "127.0.0.1", "active": 0,
            "settings": settings,
        })
    };
    let key = "A".repeat(43) + "=";
    let signing = json!({"dkim_selector": "s1", "dkim_key": key});
    let id = admin.post("/providers", of(signing)).await;
    let path = format!("/providers/{}", id.id("provider_id"));
    let torn = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n";
    for settings in [
        json!({"dkim_selector": "s1", "dkim_key": torn}),
        json!({"dkim_selector": "s1", "dkim_key": null}),
        json!({"dkim_key": "hush"}),
    ] {
        for refused in [
            admin.post("/providers", of(settings.clone())).await,
            admin.put(&path, json!({"settings": settings})).await,
        ] {
            refused.expect(412);
            assert_eq!(refused.fields(), ["settings.dkim_key"], "{settings}");
            assert!(!refused.text().contains("hush"), "{settings}");
        }
    }
    // The key goes with the host that it was given for.
    let moved = admin.put(&path, json!({"host": "localhost"})).await;
    moved.expect(412);
    assert_eq!(moved.fields(), ["settings.dkim_key"]);
    let kept = json!({"settings": {"dkim_selector": "s2"}});
    admin.put(&path, kept).await.ok();
}

#[tokio::test]
async fn secrets_among_the_settings_are_never_seen_again() {
    const SECRET: &str = "esl-secret-41d7";
    let server = Server::shared().await;
    let admin = server.admin().await;
    let body = json!({
        "name": "secretive", "type": "sip", "host": "127.0.0.1", "active": 0,
        "settings": {"esl_host": "127.0.0.1", "esl_password": SECRET},
    });
    let id = admin.post("/providers", body).await.id("provider_id");
    let path = format!("/providers/{id}");
    let feed = format!("/events?aggregate_type=provider&aggregate_id={id}");
    for path in [&path, "/providers", &feed] {
        let seen = admin.get(path).await.text();
        assert!(!seen.contains(SECRET), "{path}");
    }
    let read = admin.get(&path).await.ok();
    assert_eq!(settings_of(&read), json!({"esl_host": "127.0.0.1"}));
    let events = admin.get(&feed).await.ok();
    let details = &events[0]["payload"]["ProviderCreated"]["details"];
    assert_eq!(details["secrets"], json!({"esl_password": "[sealed]"}));
    assert!(!EventLog::open(server).await.text().await.contains(SECRET));
}

#[tokio::test]
async fn a_changed_host_port_or_protection_does_not_get_the_old_password() {
    let server = Server::alone().await;
    let admin = server.admin().await;
    let (first, second) = (MailRecorder::start(0), MailRecorder::start(0));
    let body = json!({
        "name": "moved", "type": "smtp", "host": "127.0.0.1", "port": first.port, "active": 0,
        "username": "u", "password": "not-for-others-5", "settings": {"tls": "starttls"},
    });
    let id = admin.post("/providers", body).await.id("provider_id");
    let sealed = async || -> i64 {
        let sql = "select count(*) from events where aggregate_type = 'provider'
                   and aggregate_id = $1 and sequence = (select max(sequence) from events
                     where aggregate_type = 'provider' and aggregate_id = $1)
                   and payload -> event_type -> 'details' ->> 'password' is not null";
        let mut sql_connection = server.sql().await;
        let query = sqlx::query_scalar(sql).bind(id.to_string());
        query.fetch_one(&mut sql_connection).await.unwrap()
    };
    let path = format!("/providers/{id}");
    let same = json!({"weight": 3, "port": first.port, "settings": {"tls": "implicit"}});
    admin.put(&path, same).await.ok();
    assert_eq!(sealed().await, 1, "it goes where it went, encrypted");
    for change in [
        json!({"port": second.port}),
        json!({"host": "localhost"}),
        json!({"settings": {"tls": "none"}}),
    ] {
        admin.put(&path, change.clone()).await.ok();
        assert_eq!(sealed().await, 0, "{change}");
        let anew = json!({
            "host": "127.0.0.1", "port": first.port, "password": "anew-6",
            "settings": {"tls": "starttls"},
        });
        admin.put(&path, anew).await.ok();
        assert_eq!(sealed().await, 1);
    }
}
