//! GETs that write: documented, and protected as far as possible.

use super::routes::{self, Route};
use crate::harness::Server;

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
async fn their_answers_are_not_to_be_stored() {
    let user = Server::shared().await.user(&["user"]).await;
    let contact = user.contact("cache@example.com").await;
    let answer = user.get(&format!("/contacts/{contact}/delete")).await;
    answer.ok();
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}
