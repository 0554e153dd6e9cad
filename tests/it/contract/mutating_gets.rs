//! GETs that write: documented, and defused as far as they can be.

use super::routes::{self, Route};
use crate::harness::{Mailing, Server};

fn mutating_gets() -> impl Iterator<Item = Route> {
    routes::all().into_iter().filter(Route::is_mutating_get)
}

#[tokio::test]
async fn they_are_not_there_for_head() {
    let admin = Server::shared().await.admin().await;
    for route in mutating_gets() {
        let answer = admin.send(admin.request("HEAD", &route.unknown())).await;
        assert_eq!(answer.status, 404, "HEAD {}", route.path);
    }
}

#[tokio::test]
async fn head_deletes_nothing() {
    let user = Server::shared().await.user(&["user"]).await;
    let contact = user.contact("head@example.com").await;
    user.send(user.request("HEAD", &format!("/contacts/{contact}/delete")))
        .await;
    user.get(&format!("/contacts/{contact}")).await.ok();
}

#[tokio::test]
async fn another_site_cannot_make_a_browser_ask_them() {
    let user = Server::shared().await.user(&["user"]).await;
    let contact = user.contact("csrf@example.com").await;
    let mailing = Mailing::of(&user).await;
    let transmission = mailing.to(contact).await;
    for path in [
        format!("/contacts/{contact}/delete"),
        format!("/transmissions/{transmission}/send"),
        format!("/transmissions/{transmission}/clone"),
    ] {
        let request = user
            .request("GET", &path)
            .header("sec-fetch-site", "cross-site");
        let answer = user.send(request).await;
        assert!(
            [403, 404].contains(&answer.status),
            "{path}: {}",
            answer.status
        );
    }
    user.get(&format!("/contacts/{contact}")).await.ok();
    let transmission = user
        .get(&format!("/transmissions/{transmission}"))
        .await
        .ok();
    assert_eq!(transmission["status"], "pending");
}

#[tokio::test]
async fn their_answers_are_not_to_be_stored() {
    let user = Server::shared().await.user(&["user"]).await;
    let contact = user.contact("cache@example.com").await;
    let answer = user.get(&format!("/contacts/{contact}/delete")).await;
    answer.ok();
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}
