//! Call detail records: their rows, by `/pbx/cdrs` and by the documented `cdr/getCallHistory`.

use chrono::{DateTime, Days, NaiveDate};
use serde_json::{Value, json};

use crate::harness::{
    Answer, Calling, Client, Company, Dialing, HANGS_UP, LISTENS, STAYS, Server, eventually,
    sandbox_provider, seconds,
};

/// Numbers of the sandbox at which nobody answers, for different reasons.
const BUSY: &str = "9990001";
const AWAY: &str = "9990002";
const REFUSES: &str = "9990003";

/// The documented fields, in their order.
const FIELDS: [&str; 18] = [
    "accountcode",
    "start",
    "answer",
    "end",
    "clid",
    "realsrc",
    "src",
    "dst",
    "firstdst",
    "lastdst",
    "wherelanded",
    "duration",
    "billsec",
    "disposition",
    "cc_cost",
    "uniqueid",
    "linkedid",
    "userfield",
];

/// Grants a permission to a user.
async fn grant(server: &Server, client: &Client, permission: &str) {
    let id = server.permission_id(permission).await;
    let path = format!("/users/{}/permissions/{id}", client.user_id);
    let granted = server.admin().await.put(&path, json!({})).await;
    granted.ok();
}

/// A user who may call and read the records of their own calls.
async fn caller() -> (Client, Calling) {
    let server = Server::shared().await;
    let client = server.user(&["user"]).await;
    grant(server, &client, "cdr").await;
    let calling = Calling::new(&client).await;
    (client, calling)
}

/// The record of an attempt, once it has ended.
async fn record(client: &Client, spool: i64) -> Value {
    let path = format!("/pbx/cdrs/{spool}");
    eventually("the call has a record", seconds(60), async || {
        let answer = client.get(&path).await;
        (answer.status != 404).then(|| answer.ok())
    })
    .await
}

/// The record of a call to a number.
async fn called(client: &Client, calling: &Calling, number: &str) -> Value {
    let call = calling.call(number).await;
    record(client, call.spool).await
}

fn number(row: &Value, field: &str) -> i64 {
    row[field]
        .as_i64()
        .unwrap_or_else(|| panic!("{field}: {row}"))
}

/// The day of a record.
fn day(row: &Value) -> NaiveDate {
    let at = DateTime::from_timestamp(number(row, "started_at"), 0);
    at.unwrap().date_naive()
}

/// Asks for the history of the day of a record and the next one, with more fields.
async fn asked(client: &Client, row: &Value, more: Value) -> Answer {
    let (first, last) = (day(row), day(row).checked_add_days(Days::new(1)).unwrap());
    let mut body = json!({"start_date_ymd": first.to_string(), "end_date_ymd": last.to_string()});
    let fields = body.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    client.post("/cdr/getCallHistory", body).await
}

/// The ids in a history.
fn ids(history: &Answer) -> Vec<i64> {
    let history = history.ok();
    assert_eq!(history["status"], "success");
    let rows = history["data"].as_array().unwrap().iter();
    rows.map(|row| row["uniqueid"].as_str().unwrap().parse().unwrap())
        .collect()
}

fn id(row: &Value) -> i64 {
    number(row, "cdr_id")
}

#[tokio::test]
async fn an_answered_call_has_its_times_and_seconds() {
    let (client, calling) = caller().await;
    let call = calling.call(LISTENS).await;
    let row = record(&client, call.spool).await;
    assert_eq!(row["disposition"], "ANSWERED");
    assert_eq!(number(&row, "transmission_id"), call.transmission);
    let attempt = calling.once(call.spool, "time_end").await;
    for (field, of_attempt) in [
        ("started_at", "time_start"),
        ("answered_at", "time_connect"),
        ("ended_at", "time_end"),
        ("cc_cost", "amount"),
        ("billsec", "amount"),
    ] {
        assert_eq!(row[field], attempt[of_attempt], "{field}: {row} {attempt}");
    }
    // It rings for five seconds, and says something for at least two.
    let rang = number(&row, "duration") - number(&row, "billsec");
    assert!((4..=7).contains(&rang), "{row}");
    assert!(number(&row, "billsec") >= 3, "{row}");
    for field in ["dst", "firstdst", "lastdst"] {
        assert_eq!(row[field], LISTENS, "{field}");
    }
    for field in ["src", "realsrc", "clid", "wherelanded", "userfield"] {
        assert_eq!(row[field], json!(null), "{field}");
    }
}

#[tokio::test]
async fn a_call_that_nobody_answers_has_the_reason_and_no_seconds() {
    let (client, calling) = caller().await;
    for (to, disposition) in [(BUSY, "BUSY"), (AWAY, "NO ANSWER"), (REFUSES, "FAILED")] {
        let row = called(&client, &calling, to).await;
        assert_eq!(row["disposition"], disposition, "{row}");
        assert_eq!(row["answered_at"], json!(null), "{row}");
        assert_eq!(number(&row, "billsec"), 0, "{row}");
        assert_eq!(number(&row, "cc_cost"), 0, "{row}");
    }
    let row = called(&client, &calling, HANGS_UP).await;
    assert_eq!(row["disposition"], "ANSWERED", "{row}");
    assert!((2..=5).contains(&number(&row, "billsec")), "{row}");
}

#[tokio::test]
async fn a_call_that_is_hung_up_was_answered_before_or_not() {
    let (client, calling) = caller().await;
    let (talking, ringing) = (calling.call(STAYS).await, calling.call(STAYS).await);
    calling.once(ringing.spool, "time_start").await;
    calling.hang_up(ringing.spool).await;
    calling.answered(talking).await;
    let none = client.get(&format!("/pbx/cdrs/{}", talking.spool)).await;
    assert_eq!(none.status, 404, "it has not ended");
    calling.hang_up(talking.spool).await;
    let row = record(&client, ringing.spool).await;
    assert_eq!(row["disposition"], "NO ANSWER", "{row}");
    assert_eq!(number(&row, "billsec"), 0, "{row}");
    let row = record(&client, talking.spool).await;
    assert_eq!(row["disposition"], "ANSWERED", "{row}");
    assert_eq!(row["billsec"], row["cc_cost"], "{row}");
    assert!(number(&row, "billsec") >= 1, "{row}");
}

#[tokio::test]
async fn each_attempt_has_a_record_and_keeps_it() {
    let (client, calling) = caller().await;
    let call = calling.call(BUSY).await;
    record(&client, call.spool).await;
    let waiting = number(&calling.attempts(call).await[1], "spool_id");
    calling.hang_up(waiting).await;
    let row = record(&client, waiting).await;
    assert_eq!(row["disposition"], "FAILED", "it was never dialled: {row}");
    assert_eq!(row["started_at"], row["ended_at"], "{row}");
    assert_eq!(number(&row, "duration"), 0, "{row}");
    let of_both = format!("/pbx/cdrs?transmission_id={}", call.transmission);
    let before = client.get(&of_both).await.ok();
    assert_eq!(before.as_array().unwrap().len(), 2);
    calling.ended(call).await;
    let path = format!("/transmissions/{}", call.transmission);
    client.delete(&path).await.ok();
    assert_eq!(client.get(&of_both).await.ok(), before);
}

#[tokio::test]
async fn a_call_that_comes_in_has_its_caller() {
    let server = Server::shared().await;
    let dialing = Dialing::of_user(server, "receivefax").await;
    grant(server, &dialing.client, "cdr").await;
    let call = dialing.place(dialing.fax(1)).await;
    let row = record(&dialing.client, call.spool).await;
    assert_eq!(row["disposition"], "ANSWERED", "{row}");
    assert!(number(&row, "billsec") >= 3, "{row}");
    for field in ["src", "realsrc", "clid"] {
        assert_eq!(row[field], "+15550142", "{field}");
    }
    for field in ["dst", "firstdst", "lastdst"] {
        assert_eq!(row[field], json!(dialing.receiving.address), "{field}");
    }
}

#[tokio::test]
async fn the_history_has_the_documented_fields_as_strings() {
    let (client, calling) = caller().await;
    let row = called(&client, &calling, LISTENS).await;
    let busy = called(&client, &calling, BUSY).await;
    let answer = asked(&client, &row, json!({})).await;
    assert_eq!(ids(&answer), [id(&row), id(&busy)]);
    let text = answer.text();
    let places: Vec<_> = FIELDS
        .iter()
        .map(|field| text.find(&format!("\"{field}\":\"")).expect(field))
        .collect();
    assert!(places.is_sorted(), "{text}");
    let first = &answer.ok()["data"][0];
    assert_eq!(first.as_object().unwrap().len(), FIELDS.len());
    for (field, of_row) in [
        ("duration", "duration"),
        ("billsec", "billsec"),
        ("cc_cost", "cc_cost"),
        ("linkedid", "transmission_id"),
    ] {
        assert_eq!(first[field], number(&row, of_row).to_string(), "{field}");
    }
    let at = DateTime::from_timestamp(number(&row, "started_at"), 0).unwrap();
    assert_eq!(first["start"], at.format("%Y-%m-%d %H:%M:%S").to_string());
    assert_eq!(first["accountcode"], row["accountcode"]);
    assert_ne!(first["accountcode"], "");
    assert_eq!(answer.ok()["data"][1]["answer"], "");
}

#[tokio::test]
async fn the_history_is_narrowed_by_its_filters() {
    let (client, calling) = caller().await;
    let fails = called(&client, &calling, REFUSES).await;
    let busy = called(&client, &calling, BUSY).await;
    let answered = called(&client, &calling, HANGS_UP).await;
    let cost = number(&answered, "cc_cost");
    let all = [id(&fails), id(&busy), id(&answered)];
    for (filter, expected) in [
        (json!({}), &all[..]),
        (
            json!({"firstdst": "", "disposition": "", "cost": ""}),
            &all[..],
        ),
        (json!({"firstdst": BUSY}), &all[1..2]),
        (json!({"disposition": "failed"}), &all[..1]),
        (json!({"cost": "0"}), &all[..2]),
        (json!({"cost": format!("{cost}.00")}), &all[2..]),
        (json!({"cost": "0.5"}), &all[..0]),
        (json!({"cost": 0, "disposition": "BUSY"}), &all[1..2]),
    ] {
        let found = asked(&client, &fails, filter.clone()).await;
        assert_eq!(ids(&found), expected, "{filter}");
    }
    for (query, expected) in [
        ("disposition=BUSY".to_owned(), &all[1..2]),
        (format!("firstdst={HANGS_UP}"), &all[2..]),
        (format!("cc_cost={cost}"), &all[2..]),
        ("limit=2&sort=started_at".to_owned(), &all[..2]),
        ("sort=-cdr_id&limit=1".to_owned(), &all[2..]),
    ] {
        let list = client.get(&format!("/pbx/cdrs?{query}")).await.ok();
        let found: Vec<_> = list.as_array().unwrap().iter().map(id).collect();
        assert_eq!(found, expected, "{query}");
    }
    let wrong = client.get("/pbx/cdrs?disposition=LOST").await;
    assert_eq!(wrong.fields(), ["disposition"], "{}", wrong.text());
}

#[tokio::test]
async fn days_outside_of_the_history_are_empty_and_wrong_ones_refused() {
    let (client, calling) = caller().await;
    let row = called(&client, &calling, REFUSES).await;
    let history = async |start: Value, end: Value| {
        let body = json!({"start_date_ymd": start, "end_date_ymd": end});
        client.post("/cdr/getCallHistory", body).await
    };
    let on = |days: i64| json!((day(&row) + chrono::TimeDelta::days(days)).to_string());
    assert_eq!(ids(&history(on(0), on(0)).await), [id(&row)]);
    assert_eq!(ids(&history(on(-9), on(9)).await), [id(&row)]);
    assert!(ids(&history(on(-2), on(-1)).await).is_empty());
    assert!(ids(&history(on(1), on(2)).await).is_empty());
    for (start, end, field) in [
        (json!("2026-02-30"), on(0), "start_date_ymd"),
        (on(0), json!("tomorrow"), "end_date_ymd"),
        (json!("2026-2-3"), on(0), "start_date_ymd"),
        (on(0), on(-1), "end_date_ymd"),
    ] {
        let refused = history(start, end).await.expect(412);
        assert_eq!(refused["status"], "failed");
        let message = refused["message"].as_str().unwrap();
        assert!(message.starts_with(field), "{message}");
    }
    for missing in [history(json!(""), on(0)), history(on(0), json!(null))] {
        let refused = missing.await.expect(412);
        assert_eq!(refused["message"], "Please Enter Required Fields.");
    }
    for wrong in [json!({"cost": "much"}), json!({"disposition": "LOST"})] {
        asked(&client, &row, wrong).await.expect(412);
    }
}

#[tokio::test]
async fn a_form_is_a_request_for_the_history_too() {
    let (client, calling) = caller().await;
    let row = called(&client, &calling, REFUSES).await;
    let day = day(&row);
    let form = format!("start_date_ymd={day}&end_date_ymd={day}&disposition=FAILED&cost=");
    let request = client.request("POST", "/cdr/getCallHistory");
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let answer = client.send(request.body(form)).await;
    assert_eq!(ids(&answer), [id(&row)]);
}

#[tokio::test]
async fn records_are_their_owners_and_the_administrators_of_their_tenant() {
    let server = &Server::alone().await;
    sandbox_provider(&server.admin().await).await;
    let (here, there) = (Company::on(server).await, Company::on(server).await);
    let user = here.user(server).await;
    let (calling, other) = (Calling::new(&user).await, Calling::new(&there.admin).await);
    let spool = calling.call(REFUSES).await.spool;
    let row = record(&here.admin, spool).await;
    let theirs = called(&there.admin, &other, REFUSES).await;
    for stranger in [&user, &here.user(server).await] {
        asked(stranger, &row, json!({})).await.expect(403);
        grant_in(server, &here, stranger, "cdr").await;
    }
    let code = |row: &Value| json!({"tenant_code": row["accountcode"]});
    assert_eq!(ids(&asked(&user, &row, json!({})).await), [spool]);
    assert_eq!(ids(&asked(&here.admin, &row, code(&row)).await), [spool]);
    let colleague = here.user(server).await;
    grant_in(server, &here, &colleague, "cdr").await;
    assert!(ids(&asked(&colleague, &row, code(&row)).await).is_empty());
    let path = format!("/pbx/cdrs/{spool}");
    for stranger in [&colleague, &there.admin] {
        stranger.get(&path).await.expect(404);
    }
    for unseen in [code(&theirs), json!({"tenant_code": "no-such-company"})] {
        let refused = asked(&user, &row, unseen).await.expect(404);
        assert_eq!(refused["message"], "Record Not Found.");
    }
    // Who reaches several tenants has to name one.
    let operator = server.admin().await;
    let refused = asked(&operator, &row, json!({})).await.expect(412);
    assert_eq!(refused["message"], "Please Enter Required Fields.");
    for row in [&row, &theirs] {
        let shouted = row["accountcode"].as_str().unwrap().to_uppercase();
        let found = asked(&operator, row, json!({"tenant_code": shouted})).await;
        assert_eq!(ids(&found), [id(row)]);
    }
}

/// Grants a permission within a company.
async fn grant_in(server: &Server, company: &Company, client: &Client, permission: &str) {
    let id = server.permission_id(permission).await;
    let (user, tenant) = (client.user_id, company.tenant_id);
    let path = format!("/users/{user}/permissions/{id}?tenant_id={tenant}");
    server.admin().await.put(&path, json!({})).await.ok();
}
