//! Aliases of routes have the effect of the original route.

use serde_json::json;

use super::{routes, things::Things};
use crate::harness::{Answer, Mailing, Server};

#[tokio::test]
async fn a_get_of_delete_deletes_as_delete_does() {
    let server = Server::alone().await;
    let things = Things::on(&server).await;
    let deletions = routes::all()
        .into_iter()
        .filter(|route| route.operation.ends_with(".delete"));
    let (mut deleted, mut by_get) = (0, 0);
    for route in deletions {
        let kind = route.operation.trim_end_matches(".delete");
        let id = things.fresh(kind).await;
        let path = route.about(id);
        let request = things.client.request(route.method, &path);
        let answer = things.client.send(request).await;
        assert_eq!(answer.ok(), json!({ format!("{kind}_id"): id }), "{path}");
        let read = routes::operation(&format!("{kind}.read"))
            .unwrap()
            .about(id);
        assert_eq!(things.client.get(&read).await.status, 404, "{path}");
        deleted += 1;
        by_get += u32::from(route.method == "GET");
    }
    assert!(by_get >= 15 && deleted > by_get, "{by_get} of {deleted}");
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
