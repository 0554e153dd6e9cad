//! The reach of a campaign: each contact once, and no suppressed one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::harness::{
    Campaigning, Database, EventLog, Mailing, ReadModels, Server, Setup, eventually, seconds,
};

const OUTCOMES: [&str; 6] = [
    "delivered",
    "rejected",
    "unanswered",
    "unavailable",
    "unknown",
    "suppressed",
];

/// A server with this base delay of retries.
async fn impatient(retry_base: &str) -> Server {
    let setup = Setup::on(&Database::create().await);
    setup.set("RETRY_BASE_SECONDS", retry_base).start().await
}

/// The transmissions of a campaign with their outcomes, by the contact's address.
async fn outcomes(campaigns: &Campaigning, group: i64, id: i64) -> BTreeMap<String, Vec<Value>> {
    let transmissions = campaigns.transmissions(id).await;
    let mut by_address = BTreeMap::<String, Vec<Value>>::new();
    for (email, contact) in campaigns.contacts(group).await {
        let found = transmissions.get(&contact).cloned();
        by_address
            .entry(email.to_lowercase())
            .or_default()
            .extend(found);
    }
    by_address
}

/// Asserts that all contacts are done, and that the counts by outcome add up to their number.
fn assert_adds_up(campaign: &Value) {
    let number = |name: &str| campaign[name].as_i64().unwrap();
    let sum: i64 = OUTCOMES.iter().map(|outcome| number(outcome)).sum();
    let (done, total) = (number("contact_done"), number("contact_total"));
    assert_eq!((sum, done), (total, total), "{campaign}");
}

#[tokio::test]
async fn each_contact_has_one_transmission_and_every_outcome_is_counted() {
    let server = impatient("1").await;
    let campaigns = Campaigning::on(&server).await;
    let mut emails: Vec<String> = (0..40).map(|n| format!("plain{n}@example.com")).collect();
    for special in [
        "busy+1@example.com",
        "busy+2@example.com",
        "fail+1@example.com",
        "unknown+1@example.com",
        "twin@example.com",
        "Twin@EXAMPLE.com",
        "listed@example.com",
        "",
    ] {
        emails.push(special.to_owned());
    }
    let group = campaigns.group_of(&emails).await;
    campaigns
        .opt_out(json!({"email": "Listed@example.com"}))
        .await;
    let id = campaigns
        .running(group, json!({"cpm": 200, "try_allowed": 2}))
        .await;
    let ended = campaigns.ended(id).await;

    assert_eq!(ended["status"], "completed", "{ended}");
    let counts = OUTCOMES.map(|outcome| ended[outcome].as_i64().unwrap());
    assert_eq!(counts, [41, 1, 2, 0, 1, 3], "{ended}");
    assert_eq!(
        (&ended["contact_total"], &ended["contact_skipped"]),
        (&json!(48), &json!(0))
    );
    assert_adds_up(&ended);

    let mut log = EventLog::open(&server).await;
    assert_eq!(log.made(id).await, (48, 48));
    // One attempt each, two for busy contacts, none for suppressed ones.
    assert_eq!(log.starts(id).await.len(), 41 + 2 * 2 + 1 + 1);
    let outcomes = outcomes(&campaigns, group, id).await;
    for (email, tries, why) in [
        ("busy+1@example.com", 2, "busy"),
        ("busy+2@example.com", 2, "busy"),
        ("", 0, "the contact has no email address"),
        (
            "listed@example.com",
            1,
            "the recipient opted out of every channel",
        ),
    ] {
        let row = &outcomes[email][0];
        let response = row["response"].as_str().unwrap();
        assert_eq!(row["try_done"], tries, "{row}");
        assert!(response.to_lowercase().contains(why), "{row}");
    }
    let [first, second] = outcomes["twin@example.com"].as_slice() else {
        panic!("{outcomes:?}");
    };
    let why = format!(
        "contact {} of the campaign has the same address",
        first["contact_id"]
    );
    assert_eq!(
        (&first["outcome"], &second["response"]),
        (&json!("delivered"), &json!(why))
    );

    the_report_has_each_once(&campaigns, id).await;
    ReadModels::assert_whole(&server).await;
}

async fn the_report_has_each_once(campaigns: &Campaigning, id: i64) {
    let transmissions = campaigns.transmissions(id).await;
    let report = campaigns.report(id).await;
    let contacts: BTreeSet<i64> = report
        .iter()
        .map(|row| row["contact_id"].parse().unwrap())
        .collect();
    assert_eq!(
        (report.len(), contacts.len()),
        (transmissions.len(), transmissions.len())
    );
    for row in &report {
        let contact: i64 = row["contact_id"].parse().unwrap();
        let transmission = &transmissions[&contact];
        let outcome = if transmission["suppressed"] == 1 {
            "suppressed"
        } else {
            transmission["outcome"].as_str().unwrap()
        };
        assert_eq!(row["outcome"], outcome, "{row:?}");
        for field in ["transmission_id", "status", "try_done"] {
            let shown = transmission[field].to_string();
            assert_eq!(row[field], shown.trim_matches('"'), "{row:?}");
        }
        let email = transmission["contact_email"].as_str().unwrap_or_default();
        assert_eq!(row["email"], email, "{row:?}");
    }
}

#[tokio::test]
async fn where_the_campaign_says_so_an_address_is_reached_for_each_who_has_it() {
    let campaigns = Campaigning::new(&Server::shared().await.user(&["user"]).await).await;
    let group = campaigns
        .group_of(&["same@example.com", "same@example.com"])
        .await;
    for (duplicates, delivered, suppressed) in [(1, 2, 0), (0, 1, 1)] {
        let fields = json!({"cpm": 100, "duplicates": duplicates});
        let id = campaigns.running(group, fields).await;
        let ended = campaigns.ended(id).await;
        assert_eq!(
            (&ended["delivered"], &ended["suppressed"]),
            (&json!(delivered), &json!(suppressed)),
            "{ended}"
        );
    }
}

#[tokio::test]
async fn who_comes_after_the_start_or_goes_before_their_turn_is_not_reached() {
    let server = Server::shared().await;
    let campaigns = Campaigning::new(&server.user(&["user"]).await).await;
    let group = campaigns.group(50).await;
    // Transmissions are created half a minute ahead; the last contacts have none yet.
    let id = campaigns.running(group, json!({"cpm": 1})).await;
    campaigns.done(id, 1).await;
    let mut log = EventLog::open(server).await;
    assert_eq!(log.made(id).await, (30, 30));
    let contacts: Vec<i64> = campaigns
        .contacts(group)
        .await
        .into_iter()
        .map(|it| it.1)
        .collect();

    let late = json!({"first_name": "Late", "phone": "15550199", "email": "late@example.com"});
    let late = campaigns.member(group, late).await;
    let (with_one, without, leaving) = (contacts[25], contacts[45], contacts[46]);
    for contact in [with_one, without] {
        campaigns
            .client
            .delete(&format!("/contacts/{contact}"))
            .await
            .ok();
    }
    let link = format!("/contacts/{leaving}/link/{group}");
    campaigns.client.delete(&link).await.ok();
    let report = campaigns.report(id).await;
    let waiting = report.iter().filter(|row| row["status"] == "waiting");
    let waiting: Vec<i64> = waiting
        .map(|row| row["contact_id"].parse().unwrap())
        .collect();
    let mut expected = contacts[30..].to_vec();
    expected.retain(|contact| ![without, leaving].contains(contact));
    assert_eq!((report.len(), waiting), (48, expected));
    let faster = json!({"cpm": 500});
    campaigns
        .client
        .put(&format!("/campaigns/{id}"), faster)
        .await
        .ok();
    let ended = campaigns.ended(id).await;

    assert_eq!(
        (&ended["contact_total"], &ended["contact_skipped"]),
        (&json!(48), &json!(2))
    );
    assert_eq!(
        (&ended["delivered"], &ended["suppressed"]),
        (&json!(47), &json!(1))
    );
    assert_adds_up(&ended);
    let reached = campaigns.transmissions(id).await;
    for contact in [late, without, leaving] {
        assert!(!reached.contains_key(&contact), "{contact}");
    }
    let row = &reached[&with_one];
    assert_eq!(
        (&row["suppressed"], &row["response"]),
        (&json!(1), &json!("the contact was deleted"))
    );
    assert_eq!(log.made(id).await, (48, 48));
    assert_eq!(log.starts(id).await.len(), 47);
}

/// Asserts that the transmission ends suppressed, after this number of attempts started.
async fn assert_suppressed(server: &Server, row: &Value, starts: usize) {
    assert_eq!(
        (&row["status"], &row["outcome"], &row["suppressed"]),
        (&json!("failed"), &json!("rejected"), &json!(1)),
        "{row}"
    );
    let response = row["response"].as_str().unwrap();
    assert!(response.contains("opted out"), "{row}");
    let mut log = EventLog::open(server).await;
    let id = row["transmission_id"].as_i64().unwrap();
    let history = log.history("transmission", id).await;
    let started = history.iter().filter(|kind| *kind == "SpoolStarted");
    assert_eq!(started.count(), starts, "{history:?}");
    assert_eq!(
        history.last().unwrap(),
        "TransmissionSuppressed",
        "{history:?}"
    );
}

#[tokio::test]
async fn no_path_sends_to_an_opted_out_recipient() {
    let server = impatient("4").await;
    let admin = server.admin().await;
    let (campaigns, mailing) = (Campaigning::on(&server).await, Mailing::new(&admin).await);

    // A failed transmission that a user sends again.
    let failed = mailing.send_to("fail+1@example.com").await;
    mailing.ended(failed).await;
    // A transmission that is retried by itself, after an unanswered attempt.
    let contact = admin.contact("busy+1@example.com").await;
    let busy = json!({"contact_id": contact, "try_allowed": 3});
    let busy = mailing.with(busy).await;
    mailing.send(busy).await;
    eventually("the first attempt is over", seconds(10), async || {
        let attempts = mailing.attempts(busy).await;
        (attempts.len() == 2).then_some(())
    })
    .await;
    for email in ["fail+1", "busy+1", "person", "schedule", "campaign"] {
        campaigns
            .opt_out(json!({"email": format!("{email}@Example.com")}))
            .await;
    }
    let path = format!("/transmissions/{failed}/retry");
    admin.post(&path, json!({})).await.id("spool_id");

    let by_person = mailing.send_to("person@example.com").await;
    let scheduled = mailing
        .to(admin.contact("schedule@example.com").await)
        .await;
    let path = format!("/transmissions/{scheduled}/schedule");
    admin
        .put(&path, json!({"delay": 1}))
        .await
        .id("schedule_id");
    let group = campaigns.group_of(&["campaign@example.com"]).await;
    let id = campaigns.running(group, json!({"cpm": 100})).await;

    for (transmission, starts) in [(by_person, 0), (scheduled, 0), (failed, 1), (busy, 1)] {
        let row = eventually("it is suppressed", seconds(20), async || {
            let row = mailing.ended(transmission).await;
            (row["suppressed"] == 1).then_some(row)
        })
        .await;
        assert_suppressed(&server, &row, starts).await;
    }
    let ended = campaigns.ended(id).await;
    assert_eq!(
        (&ended["suppressed"], &ended["delivered"]),
        (&json!(1), &json!(0))
    );
    for row in campaigns.transmissions(id).await.values() {
        assert_suppressed(&server, row, 0).await;
    }
    let outbox = admin.get("/sandbox/outbox").await.text();
    assert!(!outbox.contains("example.com"), "{outbox}");
    ReadModels::assert_whole(&server).await;
}

#[tokio::test]
async fn who_opts_out_of_another_channel_or_from_anothers_list_is_reached() {
    let server = Server::shared().await;
    let campaigns = Campaigning::new(&server.user(&["user"]).await).await;
    let other = Campaigning::new(&server.user(&["user"]).await).await;
    let group = campaigns
        .group_of(&["mine@example.com", "phone@example.com"])
        .await;
    other.opt_out(json!({"email": "mine@example.com"})).await;
    campaigns
        .opt_out(json!({"phone": "+15550000001", "channel": "sms"}))
        .await;
    let gone = campaigns
        .opt_out(json!({"email": "phone@example.com"}))
        .await;
    campaigns
        .client
        .delete(&format!("/optouts/{gone}"))
        .await
        .ok();
    let id = campaigns.running(group, json!({"cpm": 100})).await;
    let ended = campaigns.ended(id).await;
    assert_eq!(
        (&ended["delivered"], &ended["suppressed"]),
        (&json!(2), &json!(0))
    );
}
