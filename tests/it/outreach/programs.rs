//! `/programs`: all ten types.

use serde_json::{Value, json};

use crate::harness::{Client, EventLog, Mailing, ReadModels, Server};

/// An aggregate of every kind that a program can refer to.
struct Things {
    client: Client,
    account: i64,
    document: i64,
    recording: i64,
    template: i64,
    text: i64,
}

impl Things {
    async fn create(client: &Client) -> Self {
        let create =
            async |path: &str, body: Value, field: &str| client.post(path, body).await.id(field);
        let named = || json!({"name": "a thing"});
        let template = json!({"name": "t", "subject": "Hi", "body": "<p>Hi</p>"});
        let text = json!({"name": "t", "data": "Hi"});
        let accounts = client.get("/accounts").await.ok();
        Self {
            account: accounts[0]["account_id"].as_i64().unwrap(),
            document: create("/messages/documents", named(), "document_id").await,
            recording: create("/messages/recordings", named(), "recording_id").await,
            template: create("/messages/templates", template, "template_id").await,
            text: create("/messages/texts", text, "text_id").await,
            client: client.clone(),
        }
    }

    async fn of_a_user() -> Self {
        Self::create(&Server::shared().await.user(&["user"]).await).await
    }

    /// Every type of program, with the bit of its service and the fields that it requires.
    fn types(&self) -> [(&'static str, i64, Value); 10] {
        let account = json!({"account_id": self.account});
        [
            ("emailtofax", 8, account.clone()),
            ("faxtoemail", 2, account.clone()),
            ("receiveemail", 8, account.clone()),
            ("receivefax", 2, account.clone()),
            ("receivesms", 4, account),
            ("sendemail", 8, json!({"template_id": self.template})),
            ("sendfax", 2, json!({"document_id": self.document})),
            ("sendsms", 4, json!({"text_id": self.text})),
            ("voicemessage", 1, json!({"recording_id": self.recording})),
            (
                "voicetts",
                1,
                json!({"text": "Good morning", "delay": 5, "language": "en-GB"}),
            ),
        ]
    }

    async fn program(&self, kind: &str, body: &Value) -> i64 {
        let path = format!("/programs/{kind}");
        self.client.post(&path, body.clone()).await.id("program_id")
    }
}

fn with(body: &Value, field: &str, value: Value) -> Value {
    let mut body = body.clone();
    body[field] = value;
    body
}

#[tokio::test]
async fn every_type_is_created_read_and_listed_with_its_parameters() {
    let things = Things::of_a_user().await;
    let user = &things.client;
    for (kind, service, body) in things.types() {
        // The route of a type ignores another type in the body.
        let id = things
            .program(kind, &with(&body, "type", json!("type")))
            .await;
        let read = user.get(&format!("/programs/{id}")).await.ok();
        let mut expected = json!({
            "program_id": id, "name": kind, "type": kind, "service_flag": service,
            "parent_id": null, "account_id": null, "user_id": user.user_id,
        });
        for (field, value) in body.as_object().unwrap() {
            expected[field] = value.clone();
        }
        assert_eq!(read, expected);

        let named = with(&with(&body, "type", json!(kind)), "name", json!("by type"));
        let other = user
            .post("/programs", with(&named, "parent_id", json!(id)))
            .await
            .id("program_id");
        let of_this_type = user.get(&format!("/programs?type={kind}")).await.ok();
        let rows = of_this_type.as_array().unwrap();
        assert_eq!(rows.len(), 2, "{of_this_type}");
        assert_eq!(
            (&rows[0], &rows[1]["program_id"]),
            (&expected, &json!(other))
        );
        let children = user
            .get(&format!("/programs?parent_id={id}&name=BY%20T"))
            .await;
        assert_eq!(children.ok()[0]["program_id"], other);
    }
    assert_eq!(
        user.get("/programs").await.ok().as_array().unwrap().len(),
        20
    );
}

#[tokio::test]
async fn what_a_program_refers_to_must_be_there_and_the_callers() {
    let theirs = Things::of_a_user().await;
    let things = Things::of_a_user().await;
    let user = &things.client;
    for ((kind, _, body), (_, _, others)) in things.types().into_iter().zip(theirs.types()) {
        let path = format!("/programs/{kind}");
        let fields = body.as_object().unwrap();
        let needed = fields
            .keys()
            .find(|field| *field != "delay" && *field != "language");
        let needed = needed.unwrap().as_str();
        let missing = user.post(&path, json!({"name": "without"})).await;
        missing.expect(412);
        assert_eq!(missing.fields(), [needed], "{kind}");
        if !needed.ends_with("_id") {
            continue;
        }
        let taken = user.post(&path, others).await;
        let nowhere = user
            .post(&path, with(&body, needed, json!(999_999_999)))
            .await;
        for answer in [taken.expect(412), nowhere.expect(412)] {
            let said = &answer["errors"][0];
            assert_eq!(
                (&said["field"], &said["message"]),
                (&json!(needed), &json!("does not exist"))
            );
        }
    }
    let parent = json!({"text_id": things.text, "parent_id": 999_999_999});
    let answer = user.post("/programs/sendsms", parent).await;
    answer.expect(412);
    assert_eq!(answer.fields(), ["parent_id"]);
    assert_eq!(user.get("/programs").await.ok(), json!([]));
}

#[tokio::test]
async fn a_parameter_of_another_type_does_not_matter() {
    let things = Things::of_a_user().await;
    let body = json!({"text_id": things.text, "document_id": 999_999_999, "text": "x"});
    let id = things.program("sendsms", &body).await;
    let read = things.client.get(&format!("/programs/{id}")).await.ok();
    assert_eq!((read.get("document_id"), read.get("text")), (None, None));
}

#[tokio::test]
async fn what_cannot_be_read_out_is_refused_by_name() {
    let user = Server::shared().await.user(&["user"]).await;
    for (field, value) in [
        ("text", json!(7)),
        ("text", json!("\u{0}")),
        ("delay", json!(61)),
        ("delay", json!(-1)),
        ("delay", json!("soon")),
        ("language", json!("-v en")),
        ("language", json!(["en"])),
    ] {
        let body = with(&json!({"text": "Hello"}), field, value);
        let answer = user.post("/programs/voicetts", body).await;
        answer.expect(412);
        assert_eq!(answer.fields(), [field]);
    }
}

#[tokio::test]
async fn a_program_is_changed_and_its_version_with_it() {
    let things = Things::of_a_user().await;
    let user = &things.client;
    let id = things
        .program("sendsms", &json!({"text_id": things.text}))
        .await;
    let path = format!("/programs/{id}");
    let tag = |answer: &crate::harness::Answer| answer.header("etag").unwrap().to_owned();
    let before = tag(&user.get(&path).await);
    let second = json!({"name": "u", "data": "Bye"});
    let second = user.post("/messages/texts", second).await.id("text_id");
    let changed = user
        .put(&path, json!({"name": "spring", "text_id": second}))
        .await;
    assert_ne!(tag(&changed), before);
    let changed = changed.ok();
    assert_eq!(changed, user.get(&path).await.ok());
    assert_eq!(
        (&changed["name"], &changed["text_id"], &changed["type"]),
        (&json!("spring"), &json!(second), &json!("sendsms"))
    );

    // The program's own type may be given, and null resets the name to the default.
    let again = user
        .put(&path, json!({"type": "sendsms", "name": null}))
        .await;
    assert_eq!(again.ok()["name"], "sendsms");
    for (body, field) in [
        (json!({"type": "sendfax"}), "type"),
        (json!({"text_id": null}), "text_id"),
        (json!({"text_id": 999_999_999}), "text_id"),
        (json!({"parent_id": id}), "parent_id"),
        (json!({"name": 7}), "name"),
    ] {
        let answer = user.put(&path, body).await;
        answer.expect(412);
        assert_eq!(answer.fields(), [field]);
    }
    let stale = user.request("PUT", &path).header("if-match", before);
    let stale = user.send(stale.json(&json!({"name": "late"}))).await;
    assert_eq!(stale.status, 409);
}

#[tokio::test]
async fn what_was_sent_keeps_the_program_that_it_was_sent_with() {
    let server = Server::alone().await;
    let admin = server.admin().await;
    let sandbox = json!({"name": "sandbox", "type": "sandbox", "active": 1});
    admin.post("/providers", sandbox).await.id("provider_id");
    let program = json!({"text": "Good morning, [contact:first_name]", "delay": 1});
    let program = admin
        .post("/programs/voicetts", program)
        .await
        .id("program_id");
    let contact = admin.contact("early@example.com").await;
    let order = json!({"program_id": program, "contact_id": contact});
    let transmission = admin
        .post("/transmissions", order)
        .await
        .id("transmission_id");
    let send = format!("/transmissions/{transmission}/send");
    admin.post(&send, json!({})).await.id("spool_id");
    let path = format!("/programs/{program}");
    admin
        .put(&path, json!({"text": "Good evening", "delay": 9}))
        .await
        .ok();

    let mut log = EventLog::open(&server).await;
    let sql = "select payload #> '{SpoolQueued,flow,steps}' from events
               where event_type = 'SpoolQueued'";
    let steps: Value = sqlx::query_scalar(sql).fetch_one(log.sql()).await.unwrap();
    assert_eq!(steps[1]["application"], "tts");
    assert_eq!(
        (&steps[1]["version"], &steps[2]["seconds"]),
        (&json!(1), &json!(1))
    );
    ReadModels::assert_whole(&server).await;
}

#[tokio::test]
async fn what_a_program_reads_out_is_sealed_in_the_log() {
    let server = Server::alone().await;
    let admin = server.admin().await;
    let program = json!({"text": "a very private matter"});
    let id = admin
        .post("/programs/voicetts", program)
        .await
        .id("program_id");
    admin
        .put(
            &format!("/programs/{id}"),
            json!({"text": "another private matter"}),
        )
        .await
        .ok();
    let mut log = EventLog::open(&server).await;
    let sql = "select count(*) from events where payload::text like '%private matter%'";
    let count: i64 = sqlx::query_scalar(sql).fetch_one(log.sql()).await.unwrap();
    assert_eq!(count, 0);
}

#[tokio::test]
async fn a_program_of_any_type_is_deleted_once() {
    let things = Things::of_a_user().await;
    let user = &things.client;
    for (kind, _, body) in things.types() {
        let path = format!("/programs/{}", things.program(kind, &body).await);
        user.delete(&path).await.ok();
        for answer in [
            user.delete(&path).await,
            user.get(&path).await,
            user.put(&path, json!({})).await,
        ] {
            assert_eq!(answer.status, 404, "{}", answer.asked);
        }
    }
}

#[tokio::test]
async fn a_program_in_use_cannot_be_deleted() {
    let user = Server::shared().await.user(&["user"]).await;
    let mailing = Mailing::new(&user).await;
    let contact = user.contact("pending@example.com").await;
    let transmission = mailing.to(contact).await;
    let path = format!("/programs/{}", mailing.program_id);
    assert!(user.delete(&path).await.expect(423)["detail"].is_string());
    user.delete(&format!("/transmissions/{transmission}"))
        .await
        .ok();
    user.delete(&path).await.ok();
}

#[tokio::test]
async fn a_program_that_an_account_receives_by_cannot_be_deleted() {
    let things = Things::of_a_user().await;
    let user = &things.client;
    let program = things
        .program("receivesms", &json!({"account_id": things.account}))
        .await;
    let path = format!("/programs/{program}");
    let subscription = format!("/accounts/{}/programs/{program}", things.account);
    user.put(&subscription, json!({})).await.ok();
    let said = user.delete(&path).await.expect(423)["detail"].clone();
    assert!(said.as_str().unwrap().contains("subscribed"), "{said}");
    user.delete(&subscription).await.ok();
    user.delete(&path).await.ok();
}

#[tokio::test]
async fn a_program_is_nobody_elses() {
    let things = Things::of_a_user().await;
    let mallory = Server::shared().await.user(&["user"]).await;
    for (kind, _, body) in things.types() {
        let path = format!("/programs/{}", things.program(kind, &body).await);
        for answer in [
            mallory.get(&path).await,
            mallory.put(&path, json!({"name": "mine"})).await,
            mallory.put(&path, json!({"type": "nothing"})).await,
            mallory.delete(&path).await,
            mallory.get(&format!("{path}/transmissions")).await,
            mallory
                .put(&format!("{path}/transmissions"), json!({}))
                .await,
        ] {
            assert_eq!(answer.status, 404, "{} {}", answer.asked, answer.text());
        }
    }
    assert_eq!(mallory.get("/programs").await.ok(), json!([]));
}

#[tokio::test]
async fn a_program_of_any_type_is_made_with_its_transmission_or_not_at_all() {
    let things = Things::of_a_user().await;
    let user = &things.client;
    let contact = user.contact("both@example.com").await;
    for (kind, service, body) in things.types() {
        let path = format!("/programs/{kind}/transmissions");
        let flat = with(
            &with(&body, "contact_id", json!(contact)),
            "title",
            json!("flat"),
        );
        let apart = json!({
            "program_data": body, "transmission_data": {"contact_id": contact, "title": "apart"},
        });
        user.put(&path, flat).await.id("transmission_id");
        user.post(&path, apart).await.id("transmission_id");
        let incomplete = user
            .put(&path, json!({"contact_id": contact, "account_id": null}))
            .await;
        incomplete.expect(412);
        let rows = user.get(&path).await.ok();
        let rows = rows.as_array().unwrap();
        assert_eq!(rows.len(), 2, "{kind}");
        let inbound = ["emailtofax", "faxtoemail"].contains(&kind) || kind.starts_with("receive");
        for row in rows {
            assert_eq!(row["service_flag"], service, "{kind}");
            assert_eq!(row["direction"] == "inbound", inbound, "{kind}");
        }
    }
    assert_eq!(
        user.get("/programs").await.ok().as_array().unwrap().len(),
        20
    );
}

#[tokio::test]
async fn a_program_without_a_type_names_the_routes_there_are() {
    let user = Server::shared().await.user(&["user"]).await;
    let answer = user.post("/programs", json!({"name": "what?"})).await;
    let answer = answer.expect(501);
    let said = answer["detail"].as_str().unwrap();
    for kind in ["sendemail", "voicetts", "faxtoemail"] {
        assert!(said.contains(&format!("/programs/{kind}")), "{answer}");
    }
    let answer = user.post("/programs", json!({"type": "dance"})).await;
    answer.expect(412);
    assert_eq!(answer.fields(), ["type"]);
}
