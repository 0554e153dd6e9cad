//! `/transmissions`, and the other views of them.

use serde_json::json;

use crate::harness::{Mailing, Server};

#[tokio::test]
async fn a_pending_transmission_can_be_changed_and_a_sent_one_cannot() {
    let user = Server::shared().await.user(&["user"]).await;
    let mailing = Mailing::new(&user).await;
    let first = user.contact("first@example.com").await;
    let second = user.contact("second@example.com").await;
    let transmission = mailing.to(first).await;
    let path = format!("/transmissions/{transmission}");
    let change = json!({"title": "New", "origin": "here", "contact_id": second, "try_allowed": 3});
    let changed = user.put(&path, change).await;
    assert_eq!(changed.header("etag"), Some("\"2\""));
    let changed = changed.ok();
    assert_eq!(
        (&changed["title"], &changed["try_allowed"]),
        (&json!("New"), &json!(3))
    );
    assert_eq!(changed["contact_id"], second);
    assert_eq!(changed["contact"]["email"], "second@example.com");
    let cleared = user.put(&path, json!({"title": null})).await.ok();
    assert_eq!(
        (cleared["title"].is_null(), &cleared["origin"]),
        (true, &json!("here"))
    );
    let unknown = user.put(&path, json!({"contact_id": 999_999_999})).await;
    assert_eq!(
        (unknown.status, unknown.fields()),
        (412, vec!["contact_id".to_owned()])
    );

    mailing.send(transmission).await;
    mailing.ended(transmission).await;
    user.put(&path, json!({"title": "Late"})).await.expect(423);
    assert_eq!(mailing.attempts(transmission).await.len(), 1);
}

#[tokio::test]
async fn attempts_and_results_are_found_under_every_name() {
    let user = Server::shared().await.user(&["user"]).await;
    let mailing = Mailing::new(&user).await;
    let transmission = mailing.send_to("names@example.com").await;
    mailing.ended(transmission).await;
    let read = async |path: String| user.get(&path).await.ok();
    let path = format!("/transmissions/{transmission}");
    let detail = read(format!("{path}/detail")).await;
    let spool = &detail[0]["spool_id"];
    assert!(spool.is_i64(), "{detail}");
    for (one, other) in [
        (format!("{path}/detail"), format!("{path}/logs")),
        (format!("{path}/detail"), format!("{path}/spools")),
        (format!("{path}/result"), format!("{path}/results")),
        (
            format!("/spools/{spool}/result"),
            format!("/spools/{spool}/results"),
        ),
    ] {
        assert_eq!(read(one).await, read(other.clone()).await, "{other}");
    }
    let status = read(format!("{path}/status")).await;
    assert_eq!(
        status,
        json!({"status": "completed", "Status": "completed"})
    );
}

#[tokio::test]
async fn each_service_has_a_list_of_its_own() {
    let user = Server::shared().await.user(&["user"]).await;
    let mailing = Mailing::new(&user).await;
    let contact = user.contact("lists@example.com").await;
    let transmission = mailing.to(contact).await;
    let emails = user.get("/emails?limit=10").await.ok();
    assert_eq!(emails[0]["transmission_id"], transmission);
    for path in ["/calls", "/faxes", "/smses"] {
        assert_eq!(user.get(path).await.ok(), json!([]), "{path}");
    }
    let wrong = user.get("/emails?service_flag=1").await;
    assert_eq!(
        (wrong.status, wrong.fields()),
        (412, vec!["service_flag".to_owned()])
    );
}
