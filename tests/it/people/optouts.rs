//! `/optouts`: the do-not-contact lists.

use serde_json::{Value, json};

use crate::harness::{Answer, Client, EventLog, ReadModels, Server, Setup};

async fn list_up(client: &Client, body: Value) -> i64 {
    client.post("/optouts", body).await.id("optout_id")
}

async fn all(client: &Client, path: &str) -> Vec<i64> {
    let list = client.get(path).await.ok();
    let rows = list.as_array().unwrap().iter();
    rows.map(|row| row["optout_id"].as_i64().unwrap()).collect()
}

async fn import(client: &Client, file: impl Into<Vec<u8>>) -> Answer {
    let request = client.request("POST", "/optouts/csv");
    let request = request.header("content-type", "text/csv");
    client.send(request.body(file.into())).await
}

/// The counts of created, updated and rejected rows in an import's report.
fn counts(report: &Value) -> [i64; 3] {
    ["created", "updated", "rejected"].map(|count| report[count].as_i64().unwrap())
}

async fn grant(server: &Server, client: &Client, names: &[&str]) {
    let admin = server.admin().await;
    for name in names {
        let id = server.permission_id(name).await;
        let path = format!("/users/{}/permissions/{id}", client.user_id);
        admin.put(&path, json!({})).await.ok();
    }
}

#[tokio::test]
async fn an_opt_out_reads_as_it_was_written() {
    let user = Server::shared().await.user(&["user"]).await;
    let body = json!({"channel": "sms", "address": "+1 555-0100", "reason": "asked"});
    let id = list_up(&user, body).await;
    let expected = json!({
        "optout_id": id, "channel": "sms", "address": "+15550100", "reason": "asked",
        "source": "api", "user_id": user.user_id,
    });
    let path = format!("/optouts/{id}");
    assert_eq!(user.get(&path).await.ok(), expected);
    assert_eq!(user.get("/optouts").await.ok(), json!([expected]));

    let mut changed = expected.clone();
    changed["reason"] = json!("asked twice");
    let updated = user.put(&path, changed.clone()).await;
    assert_eq!(updated.header("etag"), Some("\"2\""));
    assert_eq!(updated.ok(), changed);
    let cleared = user.put(&path, json!({"reason": null})).await.ok();
    assert_eq!(cleared["reason"], Value::Null);

    let deleted = user.delete(&path).await.ok();
    assert_eq!(deleted, json!({ "optout_id": id }));
    user.get(&path).await.expect(404);
    assert_eq!(all(&user, "/optouts").await, [0_i64; 0]);
}

#[tokio::test]
async fn one_number_in_three_spellings_is_one_opt_out_and_another_channel_another() {
    let user = Server::shared().await.user(&["user"]).await;
    let first = list_up(&user, json!({"phone": "+1 (555) 01-00"})).await;
    for body in [
        json!({"address": "0015550100", "channel": "any", "reason": "again"}),
        json!({"phone": 15_550_100}),
        json!({"address": "15550100"}),
    ] {
        assert_eq!(list_up(&user, body.clone()).await, first, "{body}");
    }
    let sms = list_up(&user, json!({"phone": "15550100", "channel": "sms"})).await;
    let mail = list_up(&user, json!({"email": "Ada@Example.com"})).await;
    let same = list_up(&user, json!({"address": "ada@EXAMPLE.com"})).await;
    assert_eq!(mail, same);
    assert_eq!(all(&user, "/optouts").await, [first, sms, mail]);
    let read = user.get(&format!("/optouts/{first}")).await.ok();
    assert_eq!(
        (&read["address"], &read["reason"]),
        (&json!("+15550100"), &Value::Null),
        "the first one stays as it is"
    );
}

#[tokio::test]
async fn many_who_list_the_same_at_once_get_the_same() {
    let user = Server::shared().await.user(&["user"]).await;
    let body = json!({"phone": "+15550177"});
    let listing = (0..12).map(|_| list_up(&user, body.clone()));
    let ids = futures::future::join_all(listing).await;
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(all(&user, "/optouts").await, [ids[0]]);
}

#[tokio::test]
async fn what_was_removed_can_be_listed_again() {
    let user = Server::shared().await.user(&["user"]).await;
    let body = json!({"phone": "+15550101"});
    let first = list_up(&user, body.clone()).await;
    user.get(&format!("/optouts/{first}/delete")).await.ok();
    let second = list_up(&user, body.clone()).await;
    assert_ne!(first, second);
    assert_eq!(list_up(&user, body).await, second);
    user.delete(&format!("/optouts/{first}")).await.expect(404);
    assert_eq!(all(&user, "/optouts").await, [second]);
}

#[tokio::test]
async fn what_cannot_be_listed_is_refused_by_its_name() {
    let user = Server::shared().await.user(&["user"]).await;
    let nameless = json!({"first_name": "Ada", "phone": "+15550102"});
    let contact = user.post("/contacts", nameless).await.id("contact_id");
    for (body, field) in [
        (json!({}), "address"),
        (json!({"address": ""}), "address"),
        (json!({"phone": " "}), "phone"),
        (json!({"address": "555-CALL"}), "address"),
        (json!({"phone": "12a"}), "phone"),
        (json!({"email": "nobody"}), "email"),
        (
            json!({"address": "a@example.com", "channel": "sms"}),
            "address",
        ),
        (
            json!({"email": "a@example.com", "channel": "voice"}),
            "email",
        ),
        (json!({"phone": "+15550102", "channel": "email"}), "phone"),
        (
            json!({"phone": "+15550102", "channel": "pigeon"}),
            "channel",
        ),
        (json!({"phone": "1", "email": "a@example.com"}), "email"),
        (json!({"phone": "1", "contact_id": contact}), "contact_id"),
        (json!({"contact_id": 999_999_999}), "contact_id"),
        (
            json!({"contact_id": contact, "channel": "email"}),
            "contact_id",
        ),
        (json!({"phone": "1", "reason": "x".repeat(300)}), "reason"),
    ] {
        let refused = user.post("/optouts", body.clone()).await;
        refused.expect(412);
        assert_eq!(refused.fields(), [field], "{body}");
    }
    assert_eq!(all(&user, "/optouts").await, [0_i64; 0]);
    let id = list_up(&user, json!({"phone": "+15550102", "channel": "sms"})).await;
    for (body, field) in [
        (json!({"channel": "any"}), "channel"),
        (json!({"address": "+15550103"}), "address"),
    ] {
        let refused = user.put(&format!("/optouts/{id}"), body).await;
        refused.expect(412);
        assert_eq!(refused.fields(), [field]);
    }
    let same = json!({"phone": "0015550102", "reason": "spelt otherwise"});
    user.put(&format!("/optouts/{id}"), same).await.ok();
}

#[tokio::test]
async fn a_contact_is_listed_with_what_the_channel_takes() {
    let server = Server::shared().await;
    let user = server.user(&["user"]).await;
    let ada = json!({"first_name": "Ada", "phone": "+15550104", "email": "ada@example.com"});
    let contact = user.post("/contacts", ada).await.id("contact_id");
    let sms = json!({"contact_id": contact, "channel": "sms"});
    let id = list_up(&user, sms).await;
    let read = user.get(&format!("/optouts/{id}")).await.ok();
    assert_eq!(read["address"], "+15550104");
    let both = json!({"contact_id": contact, "reason": "moved"});
    let both = user.post("/optouts", both).await.ok();
    let ids = both["optout_ids"].as_array().unwrap();
    assert_eq!((ids.len(), &both["optout_id"]), (2, &ids[0]));
    let found = user.get("/optouts?channel=any&sort=address").await.ok();
    let addresses: Vec<_> = found.as_array().unwrap().iter().collect();
    let addresses: Vec<_> = addresses.iter().map(|row| &row["address"]).collect();
    assert_eq!(addresses, ["+15550104", "ada@example.com"]);

    let mallory = server.user(&["user"]).await;
    let foreign = mallory.post("/optouts", json!({"contact_id": contact}));
    let foreign = foreign.await;
    foreign.expect(412);
    assert_eq!(foreign.fields(), ["contact_id"]);
    let blind = server.user(&[]).await;
    grant(server, &blind, &["optout_create"]).await;
    let refused = blind.post("/optouts", json!({"contact_id": contact})).await;
    refused.expect(403);

    let admin = server.admin().await;
    let again = json!({"contact_id": contact, "channel": "sms"});
    assert_eq!(list_up(&admin, again).await, id, "it is its owner's list");
}

#[tokio::test]
async fn everybody_has_a_list_of_their_own() {
    let server = Server::shared().await;
    let (user, mallory) = (server.user(&["user"]).await, server.user(&["user"]).await);
    let body = json!({"phone": "+15550105", "reason": "private"});
    let theirs = list_up(&user, body).await;
    let mine = list_up(&mallory, json!({"phone": "+15550105"})).await;
    assert_ne!(theirs, mine);
    let path = format!("/optouts/{theirs}");
    mallory.get(&path).await.expect(404);
    mallory.put(&path, json!({"reason": "x"})).await.expect(404);
    mallory.delete(&path).await.expect(404);
    mallory.get(&format!("{path}/delete")).await.expect(404);
    assert_eq!(all(&mallory, "/optouts").await, [mine]);
    let file = mallory.get("/optouts/csv").await.text();
    assert!(
        file.contains("+15550105") && !file.contains("private"),
        "{file}"
    );
    let admin = server.admin().await;
    let path = format!("/optouts?created_by={}", user.user_id);
    assert_eq!(all(&admin, &path).await, [theirs]);
    admin.delete(&format!("/optouts/{theirs}")).await.ok();
    assert_eq!(all(&mallory, "/optouts").await, [mine]);
}

#[tokio::test]
async fn opt_outs_are_found_by_what_a_row_shows() {
    let user = Server::shared().await.user(&["user"]).await;
    let body = json!({"phone": "+15550106", "channel": "sms", "reason": "Moved away"});
    let phone = list_up(&user, body).await;
    let mail = list_up(&user, json!({"email": "Zoe@example.com"})).await;
    import(&user, "+15550107,fax,stopped").await.ok();
    let fax = all(&user, "/optouts?source=csv").await[0];
    for (query, expected) in [
        (format!("optout_id={mail}"), vec![mail]),
        ("channel=sms".to_owned(), vec![phone]),
        ("address=15550106".to_owned(), vec![phone]),
        ("address=%2B1%20(555)%200106".to_owned(), vec![phone]),
        ("address=zoe@EXAMPLE".to_owned(), vec![mail]),
        ("reason=MOVED".to_owned(), vec![phone]),
        ("source=api".to_owned(), vec![phone, mail]),
        ("sort=-optout_id".to_owned(), vec![fax, mail, phone]),
        ("sort=channel".to_owned(), vec![mail, fax, phone]),
        ("sort=address&limit=2".to_owned(), vec![phone, fax]),
    ] {
        let found = all(&user, &format!("/optouts?{query}")).await;
        assert_eq!(found, expected, "{query}");
    }
    user.get("/optouts?fingerprint=1").await.expect(412);
}

#[tokio::test]
async fn a_list_comes_in_row_by_row_and_a_bad_one_stops_nothing() {
    let user = Server::shared().await.user(&["user"]).await;
    let known = list_up(&user, json!({"phone": "+15550108"})).await;
    let file = "\u{feff}Channel,Phone,since,Reason\r\n\
        sms,+1 555-0109,2020,\"asked, twice\"\r\n\
        ,0015550109,,\r\n\
        sms,0015550109,,said it again\r\n\
        any,15550108,,\r\n\
        email,+15550110,,\r\n\
        pigeon,+15550110,,\r\n\
        ,CALL-ME,,\r\n\
        ,,,nobody\r\n\
        EMAIL,ada@example.com,,\r\n";
    let report = import(&user, file).await.ok();
    assert_eq!(counts(&report), [3, 2, 4], "{report}");
    let lines: Vec<_> = report["rejections"].as_array().unwrap().iter().collect();
    let lines: Vec<_> = lines.iter().map(|it| &it["line"]).collect();
    assert_eq!(lines, [6, 7, 8, 9]);
    let found = user.get("/optouts?source=csv&channel=sms").await.ok();
    assert_eq!(
        (&found[0]["address"], &found[0]["reason"]),
        (&json!("+15550109"), &json!("said it again"))
    );
    let read = user.get(&format!("/optouts/{known}")).await.ok();
    assert_eq!(read["source"], "api");
    let again = import(&user, file).await.ok();
    assert_eq!(counts(&again), [0, 5, 4]);
}

#[tokio::test]
async fn what_is_exported_can_be_imported_by_somebody_else() {
    let server = Server::shared().await;
    let (user, other) = (server.user(&["user"]).await, server.user(&["user"]).await);
    let formula = json!({"phone": "+15550111", "channel": "fax", "reason": "=1+1, \"x\""});
    list_up(&user, formula).await;
    list_up(&user, json!({"email": "ada@example.com"})).await;
    let answer = user.get("/optouts/csv").await;
    assert_eq!(answer.status, 200);
    let kind = answer.header("content-type").unwrap();
    assert!(kind.starts_with("text/csv"), "{kind}");
    let file = answer.text();
    assert_eq!(
        file,
        "channel,address,reason,source\r\n\
         fax,+15550111,\"'=1+1, \"\"x\"\"\",api\r\n\
         any,ada@example.com,,api\r\n"
    );
    let narrowed = user.get("/optouts/csv?channel=fax").await.text();
    assert_eq!(narrowed.lines().count(), 2);
    assert_eq!(counts(&import(&other, file).await.ok()), [2, 0, 0]);
    let found = other.get("/optouts?channel=fax").await.ok();
    assert_eq!(
        (&found[0]["reason"], &found[0]["source"]),
        (&json!("=1+1, \"x\""), &json!("csv"))
    );
}

#[tokio::test]
async fn a_list_gives_nobody_more_than_they_may_and_has_its_limits() {
    let server = Server::shared().await;
    let clerk = server.user(&[]).await;
    grant(server, &clerk, &["optout_create"]).await;
    let report = import(&clerk, "+15550112,,first\n+15550112\n").await.ok();
    assert_eq!(counts(&report), [1, 1, 0]);
    let report = import(&clerk, "+15550112,,second\n").await.ok();
    assert_eq!(counts(&report), [0, 0, 1], "{report}");
    clerk.get("/optouts/csv").await.expect(403);
    server.user(&[]).await.get("/optouts").await.expect(403);

    let user = server.user(&["user"]).await;
    let twice = import(&user, "phone,email\n1,a@example.com\n").await;
    twice.expect(412);
    assert_eq!(import(&user, vec![b'1'; (4 << 20) + 1]).await.status, 413);
    let request = user.request("POST", "/optouts/csv");
    let answer = user.send(request.json(&json!({"phone": "1"}))).await;
    assert_eq!(answer.status, 415);
}

#[tokio::test]
async fn a_long_list_is_taken_in_whole_and_no_number_stands_in_clear_but_in_the_read_model() {
    let server = Setup::embedded().start().await;
    let user = server.user(&["user"]).await;
    let file: String = (0..1_700)
        .map(|number| format!("+1555{:07},sms\n", number % 1_600))
        .collect();
    let report = import(&user, file).await.ok();
    assert_eq!(counts(&report), [1_600, 100, 0]);
    let page = user.get("/optouts?limit=1").await;
    assert_eq!(page.header("x-total-count"), Some("1600"));
    let some = all(&user, "/optouts?limit=3").await;
    user.delete(&format!("/optouts/{}", some[0])).await.ok();
    user.put(&format!("/optouts/{}", some[1]), json!({"reason": "why"}))
        .await
        .ok();

    let mut log = EventLog::open(&server).await;
    for sql in [
        "select count(*) from events where aggregate_type = 'optout' and payload::text like '%1555000%'",
        "select count(*) from claims where scope = 'optout' and value like '%1555000%'",
    ] {
        let found: i64 = sqlx::query_scalar(sql).fetch_one(log.sql()).await.unwrap();
        assert_eq!(found, 0, "{sql}");
    }
    let claims: i64 = sqlx::query_scalar("select count(*) from claims where scope = 'optout'")
        .fetch_one(log.sql())
        .await
        .unwrap();
    assert_eq!(claims, 1_599);
    ReadModels::assert_whole(&server).await;
}
