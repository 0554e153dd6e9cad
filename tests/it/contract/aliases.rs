//! Aliases of routes have the effect of the original route.

use serde_json::{Value, json};

use super::routes;
use crate::harness::{Answer, Client, Mailing, Server, unique_name};

/// An aggregate of each kind that can be deleted: its plural path, the name of its id, and its
/// id.
async fn one_of_each(admin: &Client) -> Vec<(&'static str, &'static str, i64)> {
    let mailing = Mailing::new(admin).await;
    let contact = admin.contact("alias@example.com").await;
    let transmission = mailing.to(contact).await;
    let spare = Mailing::new(admin).await;
    let name = unique_name("alias");
    let user = json!({"username": name, "passwd": "long-enough-9-words"});
    let account = json!({"username": unique_name("account")});
    let provider = json!({"name": name, "type": "sandbox", "active": 0});
    let create =
        async |path: &str, body: Value, field: &str| admin.post(path, body).await.id(field);
    vec![
        ("/transmissions", "transmission_id", transmission),
        (
            "/contacts",
            "contact_id",
            admin.contact("alias2@example.com").await,
        ),
        (
            "/groups",
            "group_id",
            create("/groups", json!({"name": name}), "group_id").await,
        ),
        (
            "/optouts",
            "optout_id",
            create("/optouts", json!({"phone": "1"}), "optout_id").await,
        ),
        ("/programs", "program_id", spare.program_id),
        ("/messages/templates", "template_id", spare.template_id),
        (
            "/messages/documents",
            "document_id",
            create("/documents", json!({"name": name}), "document_id").await,
        ),
        (
            "/messages/recordings",
            "recording_id",
            create("/recordings", json!({"name": name}), "recording_id").await,
        ),
        (
            "/messages/texts",
            "text_id",
            create("/texts", json!({"name": name, "data": "a"}), "text_id").await,
        ),
        ("/users", "user_id", create("/users", user, "user_id").await),
        (
            "/accounts",
            "account_id",
            create("/accounts", account, "account_id").await,
        ),
        (
            "/roles",
            "role_id",
            create("/roles", json!({"name": name}), "role_id").await,
        ),
        (
            "/providers",
            "provider_id",
            create("/providers", provider, "provider_id").await,
        ),
    ]
}

#[tokio::test]
async fn a_get_of_delete_deletes_as_delete_does() {
    let admin = Server::shared().await.admin().await;
    let mut answers = Vec::new();
    for by_alias in [false, true] {
        for (path, field, id) in one_of_each(&admin).await {
            let answer = if by_alias {
                admin.get(&format!("{path}/{id}/delete")).await
            } else {
                admin.delete(&format!("{path}/{id}")).await
            };
            assert_eq!(answer.ok(), json!({ field: id }), "{path}");
            answers.push((
                by_alias,
                path,
                admin.get(&format!("{path}/{id}")).await.status,
            ));
        }
    }
    assert!(
        answers.iter().all(|(_, _, status)| *status == 404),
        "{answers:?}"
    );
}

#[tokio::test]
async fn every_alias_names_a_route_that_there_is() {
    let all = routes::all();
    // One row describes in words that it is an alias of two others.
    for route in all.iter().filter(|route| route.alias_of.contains('/')) {
        let original = all
            .iter()
            .any(|one| format!("{} {}", one.method, one.path) == route.alias_of);
        assert!(
            original,
            "{} {} is said to be {}",
            route.method, route.path, route.alias_of
        );
    }
}

#[tokio::test]
async fn every_spelling_of_send_sends() {
    let user = Server::shared().await.user(&["user"]).await;
    let mailing = Mailing::new(&user).await;
    for (method, word) in [
        ("POST", "send"),
        ("GET", "send"),
        ("GET", "call"),
        ("GET", "dial"),
    ] {
        let contact = user.contact("send@example.com").await;
        let transmission = mailing.to(contact).await;
        let path = format!("/transmissions/{transmission}/{word}");
        user.send(user.request(method, &path)).await.id("spool_id");
        let ended = mailing.ended(transmission).await;
        assert_eq!(ended["status"], "completed", "{method} {word}");
    }
}

#[tokio::test]
async fn retry_comes_as_post_and_as_get() {
    let user = Server::shared().await.user(&["user"]).await;
    let mailing = Mailing::new(&user).await;
    for method in ["POST", "GET"] {
        let transmission = mailing.send_to("fail@example.com").await;
        mailing.ended(transmission).await;
        let path = format!("/transmissions/{transmission}/retry");
        user.send(user.request(method, &path)).await.id("spool_id");
        mailing.ended(transmission).await;
        assert_eq!(mailing.attempts(transmission).await.len(), 2, "{method}");
    }
}

#[tokio::test]
async fn an_attachment_downloads_under_both_names() {
    let user = Server::shared().await.user(&["user"]).await;
    let template = Mailing::new(&user).await.template_id;
    let path = format!("/messages/templates/{template}");
    user.upload(&format!("{path}/media"), "application/pdf", *b"%PDF-1.4 x")
        .await
        .id("template_id");
    let media: Answer = user.get(&format!("{path}/media")).await;
    let download = user.get(&format!("{path}/download")).await;
    assert_eq!(media.body, b"%PDF-1.4 x");
    assert_eq!((download.status, &download.body), (200, &media.body));
    assert_eq!(
        download.header("content-type"),
        media.header("content-type")
    );
}

#[tokio::test]
async fn a_transmission_of_a_program_is_made_by_put_and_by_post() {
    let user = Server::shared().await.user(&["user"]).await;
    let mailing = Mailing::new(&user).await;
    let contact = user.contact("both@example.com").await;
    for method in ["PUT", "POST"] {
        let path = format!("/programs/{}/transmissions", mailing.program_id);
        let request = user
            .request(method, &path)
            .json(&json!({"contact_id": contact, "title": "t"}));
        user.send(request).await.id("transmission_id");
    }
    let path = format!("/programs/{}/transmissions", mailing.program_id);
    assert_eq!(user.get(&path).await.ok().as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_program_and_its_transmission_are_made_together_or_not_at_all() {
    let user = Server::shared().await.user(&["user"]).await;
    let template = Mailing::new(&user).await.template_id;
    let contact = user.contact("together@example.com").await;
    for method in ["PUT", "POST"] {
        let flat = json!({"template_id": template, "contact_id": contact, "title": "flat"});
        let apart = json!({
            "program_data": {"template_id": template},
            "transmission_data": {"contact_id": contact, "title": "apart"},
        });
        for body in [flat, apart] {
            let request = user
                .request(method, "/programs/sendemail/transmissions")
                .json(&body);
            user.send(request).await.id("transmission_id");
        }
    }
    let programs = user.get("/programs").await.ok().as_array().unwrap().len();
    assert_eq!(
        user.get("/programs/sendemail/transmissions")
            .await
            .ok()
            .as_array()
            .unwrap()
            .len(),
        4
    );

    let body = json!({"template_id": template, "contact_id": 999_999_999, "title": "neither"});
    let answer = user.post("/programs/sendemail/transmissions", body).await;
    assert_eq!(answer.status, 412, "{}", answer.text());
    assert_eq!(
        user.get("/programs").await.ok().as_array().unwrap().len(),
        programs
    );
}
