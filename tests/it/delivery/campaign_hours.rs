//! Quiet hours: campaigns send nothing to a contact within them.

use chrono::{DateTime, Duration, Timelike, Utc};
use eventstore::clock;
use serde_json::json;

use crate::harness::{Campaigning, EventLog, Server, seconds};

/// The local time in a zone this many hours ahead of UTC.
fn shown(at: DateTime<Utc>, ahead: i64) -> String {
    (at + Duration::hours(ahead)).format("%H:%M").to_string()
}

/// The number of attempts that were started for these contacts.
async fn started(log: &mut EventLog, campaigns: &Campaigning, id: i64, contacts: &[i64]) -> usize {
    let transmissions = campaigns.transmissions(id).await;
    let mut count = 0;
    for contact in contacts {
        let transmission = transmissions[contact]["transmission_id"].as_i64().unwrap();
        let history = log.history("transmission", transmission).await;
        count += history
            .iter()
            .filter(|kind| *kind == "SpoolStarted")
            .count();
    }
    count
}

#[tokio::test]
async fn who_has_quiet_hours_now_is_held_and_the_others_are_reached() {
    let server = Server::shared().await;
    let campaigns = Campaigning::new(&server.user(&["user"]).await).await;
    let group = campaigns.group(0).await;
    let person = async |n: i64, phone: &str, zone: Option<&str>| {
        let fields = json!({
            "first_name": "Ada", "phone": format!("{phone}{n}"), "timezone": zone,
            "email": format!("hours{n}@example.com"),
        });
        campaigns.member(group, fields).await
    };
    let held = [
        person(1, "+1555010", Some("Asia/Tokyo")).await,
        // The zone by the country of the number, which has only one.
        person(2, "+8135550100", None).await,
        // The contact's own zone counts before the number's.
        person(3, "+49305550100", Some("Asia/Tokyo")).await,
    ];
    let free = [
        person(4, "+1555010", Some("Asia/Karachi")).await,
        person(5, "+8135550100", Some("UTC")).await,
        person(6, "+1555010", None).await,
    ];
    // Two hours around now, as clocks in Tokyo show it: no hour of the other zones.
    let now = clock::now();
    let (from, to) = (now - Duration::hours(1), now + Duration::hours(2));
    let fields = json!({
        "cpm": 100, "quiet_from": shown(from, 9), "quiet_to": shown(to, 9),
    });
    let id = campaigns.running(group, fields).await;
    campaigns.done(id, 3).await;
    // Long enough for an attempt that would start by mistake.
    tokio::time::sleep(seconds(3)).await;
    let read = campaigns.read(id).await;
    assert_eq!(
        (&read["status"], &read["contact_done"], &read["delivered"]),
        (&json!("running"), &json!(3), &json!(3)),
        "{read}"
    );
    let transmissions = campaigns.transmissions(id).await;
    for contact in held {
        assert_eq!(transmissions[&contact]["status"], "pending");
    }
    for contact in free {
        assert_eq!(transmissions[&contact]["status"], "completed");
    }
    let mut log = EventLog::open(server).await;
    assert_eq!(started(&mut log, &campaigns, id, &held).await, 0);
    assert_eq!(started(&mut log, &campaigns, id, &free).await, 3);
    campaigns.put(id, "stop").await.ok();
}

#[tokio::test]
async fn a_quiet_day_of_the_week_is_where_the_recipient_is() {
    let server = Server::shared().await;
    let campaigns = Campaigning::new(&server.user(&["user"]).await).await;
    let group = campaigns.group(0).await;
    // Fourteen hours ahead of UTC and eleven behind: never the same day in both.
    let mut contacts = Vec::new();
    for (n, zone) in ["Pacific/Kiritimati", "Pacific/Pago_Pago"]
        .into_iter()
        .enumerate()
    {
        let fields = json!({
            "first_name": "Ada", "phone": format!("+1555010{n}"), "timezone": zone,
            "email": format!("day{n}@example.com"),
        });
        contacts.push(campaigns.member(group, fields).await);
    }
    let there = clock::now() + Duration::hours(14);
    // Sunday is 1 in the API, and 0 in this format.
    let day: u8 = there.format("%w").to_string().parse().unwrap();
    let fields = json!({"cpm": 100, "quiet_days": (day + 1).to_string()});
    let id = campaigns.running(group, fields).await;
    campaigns.done(id, 1).await;
    tokio::time::sleep(seconds(2)).await;
    let transmissions = campaigns.transmissions(id).await;
    let status = |at: usize| transmissions[&contacts[at]]["status"].clone();
    assert_eq!(
        (status(0), status(1)),
        (json!("pending"), json!("completed"))
    );
    campaigns.put(id, "stop").await.ok();
}

#[tokio::test]
async fn who_was_held_is_reached_when_the_window_opens() {
    let server = Server::shared().await;
    let campaigns = Campaigning::new(&server.user(&["user"]).await).await;
    let group = campaigns.group(0).await;
    let mut contacts = Vec::new();
    for (n, zone) in ["Asia/Karachi", "Asia/Karachi", "UTC"]
        .into_iter()
        .enumerate()
    {
        let fields = json!({
            "first_name": "Ada", "phone": format!("+1555010{n}"), "timezone": zone,
            "email": format!("window{n}@example.com"),
        });
        contacts.push(campaigns.member(group, fields).await);
    }
    let now = clock::now();
    let minute = now
        .with_second(0)
        .and_then(|at| at.with_nanosecond(0))
        .unwrap();
    // The next full minute, unless it is so near that the campaign might start after it.
    let opens = minute + Duration::minutes(if now.second() < 20 { 1 } else { 2 });
    let fields = json!({
        "cpm": 100, "quiet_from": shown(opens - Duration::hours(2), 5), "quiet_to": shown(opens, 5),
    });
    let id = campaigns.running(group, fields).await;
    let ended = campaigns.ended(id).await;
    assert_eq!(
        (&ended["status"], &ended["delivered"]),
        (&json!("completed"), &json!(3))
    );
    let mut log = EventLog::open(server).await;
    let starts: Vec<DateTime<Utc>> = log.starts(id).await.into_iter().map(|it| it.0).collect();
    assert_eq!(starts.len(), 3);
    assert!(
        starts[0] < opens,
        "{starts:?}, and the window opened at {opens}"
    );
    for late in &starts[1..] {
        assert!(*late >= opens, "{late}, and the window opened at {opens}");
    }
}

#[tokio::test]
async fn hours_that_change_on_the_way_hold_for_all_that_is_not_sent() {
    let server = Server::shared().await;
    let campaigns = Campaigning::new(&server.user(&["user"]).await).await;
    let group = campaigns.group(8).await;
    // All transmissions are created at once, and sent over half a minute.
    let id = campaigns.running(group, json!({"cpm": 0.5})).await;
    let mut log = EventLog::open(server).await;
    campaigns.on_the_wire(&mut log, id, 1).await;
    campaigns.put(id, "stop").await.ok();
    let now = clock::now();
    let path = format!("/campaigns/{id}");
    let quiet = json!({
        "cpm": 100, "try_allowed": 3,
        "quiet_from": shown(now - Duration::hours(1), 0),
        "quiet_to": shown(now + Duration::hours(2), 0),
    });
    campaigns.client.put(&path, quiet).await.ok();
    let before = log.starts(id).await.len();
    campaigns.put(id, "start").await.ok();
    tokio::time::sleep(seconds(3)).await;
    assert_eq!(log.starts(id).await.len(), before, "sent in the quiet");

    campaigns.put(id, "stop").await.ok();
    let open = json!({"quiet_from": null, "quiet_to": null});
    campaigns.client.put(&path, open).await.ok();
    campaigns.put(id, "start").await.ok();
    let ended = campaigns.ended(id).await;
    assert_eq!(ended["delivered"], 8, "{ended}");
    let tries = campaigns.transmissions(id).await.into_values();
    let tries = tries.filter(|row| row["try_allowed"] == 3).count();
    assert_eq!(tries, 8 - before, "those that were sent keep what they had");
}
