//! Every route exists, and admits exactly the clients that it should.

use std::collections::BTreeSet;

use serde_json::json;

use super::routes::{self, Route};
use crate::harness::{Answer, Client, Server};

async fn ask(client: &Client, method: &str, route: &Route) -> Answer {
    let request = client.request(method, &route.unknown());
    // Fields that some routes require before they look up the aggregate.
    let body = json!({"value": "x", "password": "long-enough-9-words", "status": "failed"});
    client
        .send(if method == "GET" {
            request
        } else {
            request.json(&body)
        })
        .await
}

/// Requests all these routes, and lists those whose status is not among the expected ones.
async fn wrong(
    client: &Client,
    routes: impl Iterator<Item = Route>,
    expected: &[u16],
) -> Vec<String> {
    let mut wrong = Vec::new();
    for route in routes {
        let answer = ask(client, route.method, &route).await;
        if !expected.contains(&answer.status) {
            wrong.push(format!(
                "{} {}: {} {}",
                route.method,
                route.path,
                answer.status,
                answer.text()
            ));
        }
    }
    wrong
}

fn none(wrong: &[String]) {
    assert!(
        wrong.is_empty(),
        "{} routes:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[tokio::test]
async fn a_stranger_gets_401_everywhere() {
    let stranger = Server::shared().await.stranger();
    let closed = routes::all().into_iter().filter(|route| !route.is_public());
    none(&wrong(&stranger, closed, &[401]).await);
}

#[tokio::test]
async fn a_user_without_roles_gets_403_before_404_everywhere() {
    let nobody = Server::shared().await.user(&[]).await;
    let guarded = routes::all().into_iter().filter(Route::needs_permission);
    none(&wrong(&nobody, guarded, &[403]).await);
}

#[tokio::test]
async fn an_unknown_id_is_404_everywhere() {
    let admin = Server::shared().await.admin().await;
    let about_one = routes::all().into_iter().filter(Route::has_ids);
    none(&wrong(&admin, about_one, &[404]).await);
}

#[tokio::test]
async fn every_list_answers_an_array() {
    let admin = Server::shared().await.admin().await;
    let lists = ["list", "read"].map(|verb| format!("_{verb}"));
    let is_list = |route: &Route| {
        let plain = route.method == "GET" && !route.path.contains('{');
        let is_other = route.path.ends_with("/csv")
            || ["/statistics", "/pbx/route", "/user/get"].contains(&route.path);
        plain && !is_other && lists.iter().any(|end| route.permission.ends_with(end))
    };
    for route in routes::all().into_iter().filter(is_list) {
        let answer = ask(&admin, "GET", &route).await.ok();
        assert!(answer.is_array(), "{}: {answer}", route.path);
    }
}

#[tokio::test]
async fn a_wrong_method_is_404_and_says_which_are_right() {
    let admin = Server::shared().await.admin().await;
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for route in routes::all() {
        let (exact, around) = (
            routes::methods(&route.shape()),
            routes::methods_around(&route.shape()),
        );
        let other = ["PATCH", "PUT", "DELETE", "POST"]
            .into_iter()
            .filter(|one| !around.contains(one));
        for method in other.take(2) {
            if !seen.insert((method, route.shape())) {
                continue;
            }
            let answer = ask(&admin, method, &route).await;
            let allow = answer.header("allow").unwrap_or_default();
            let allowed: BTreeSet<&str> = allow
                .split(',')
                .map(str::trim)
                .filter(|one| *one != "HEAD")
                .collect();
            if answer.status != 404 || !allowed.is_superset(&exact) || !allowed.is_subset(&around) {
                wrong.push(format!(
                    "{method} {}: {} Allow: {allow}",
                    route.path, answer.status
                ));
            }
        }
    }
    none(&wrong);
}

#[tokio::test]
async fn a_path_that_nothing_answers_is_404_in_the_documented_shape() {
    let admin = Server::shared().await.admin().await;
    let answer = admin.get("/no/such/thing").await;
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    let body = answer.expect(404);
    assert_eq!(body["error"]["code"], 404);
    assert!(body["error"]["message"].is_string());
}

#[tokio::test]
async fn health_needs_no_login() {
    let stranger = Server::shared().await.stranger();
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(stranger.get(path).await.status, 200, "{path}");
    }
}
