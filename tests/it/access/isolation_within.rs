//! The isolation matrix within and between companies: colleagues, cursors, events and statistics.

use serde_json::{Value, json};

use super::isolation::{Owner, learns_nothing, snapshot, uses_nothing};
use crate::{
    contract::{
        routes::{self, Route},
        things::Things,
    },
    harness::{Client, Company, Server},
};

async fn colleagues(server: &Server) -> (Owner, Owner) {
    Things::on(server).await;
    let company = Company::on(server).await;
    // Another company, so that there is more than one besides the first.
    Company::on(server).await;
    let (ada, bob) = (company.user(server).await, company.user(server).await);
    (
        Owner::with_everything(ada).await,
        Owner::with_everything(bob).await,
    )
}

#[tokio::test]
async fn a_colleague_in_the_same_company_learns_nothing() {
    let server = Server::alone().await;
    let (ada, bob) = colleagues(&server).await;
    let before = snapshot(&ada).await;
    let tried = learns_nothing(&ada, &bob, &routes::owned()).await;
    assert!(tried > 100, "only {tried}");
    assert_eq!(
        snapshot(&ada).await,
        before,
        "something of hers has changed"
    );
}

#[tokio::test]
async fn a_colleague_in_the_same_company_uses_nothing() {
    let server = Server::alone().await;
    let (ada, bob) = colleagues(&server).await;
    uses_nothing(&ada, &bob).await;
}

/// The lists that both read, which are not those of one type or service only.
fn lists() -> Vec<Route> {
    let all = routes::all().into_iter();
    let mut owned = routes::owned();
    owned.extend(routes::of_tenants());
    let is_list = |route: &Route| {
        let mut kinds = owned.iter();
        route.method == "GET"
            && !route.path.contains('{')
            && !route.path.ends_with("csv")
            && kinds.any(|kind| route.permission == format!("{kind}_list"))
    };
    all.filter(is_list).collect()
}

/// The path of the next page, as `Link` gives it.
async fn next_page(client: &Client, path: &str) -> Option<String> {
    let answer = client.get(path).await;
    let link = answer.header("link")?.to_owned();
    let target = link.split(['<', '>']).nth(1)?;
    let at = target.find(path.split('?').next()?)?;
    Some(target[at..].to_owned())
}

/// The ids of rows, whatever they are called.
fn ids(rows: &Value, field: &str) -> Vec<i64> {
    let rows = rows.as_array().into_iter().flatten();
    rows.filter_map(|row| row[field].as_i64()).collect()
}

#[tokio::test]
async fn a_cursor_of_another_company_goes_on_in_ones_own_list() {
    let server = Server::alone().await;
    Things::on(&server).await;
    let (ada, bob) = (
        Owner::of_a_company(&server).await,
        Owner::of_a_company(&server).await,
    );
    let mut tried = 0;
    for route in lists() {
        // A second thing, so that there is another page.
        let Some(next) = next_page(&ada.client, &format!("{}?limit=1", route.path)).await else {
            continue;
        };
        let field = format!("{}_id", route.permission.trim_end_matches("_list"));
        let hers = ids(&ada.client.get(route.path).await.ok(), &field);
        let read = bob.client.get(&next).await;
        assert_eq!(read.status, 200, "{next}: {}", read.text());
        let read = ids(&read.ok(), &field);
        assert!(!read.iter().any(|id| hers.contains(id)), "{next}: {read:?}");
        tried += 1;
    }
    assert!(tried >= 2, "only {tried} lists have two pages");
}

#[tokio::test]
async fn filters_by_what_is_another_companys_find_nothing() {
    let server = Server::alone().await;
    Things::on(&server).await;
    let (ada, bob) = (
        Owner::of_a_company(&server).await,
        Owner::of_a_company(&server).await,
    );
    let mut tried = 0;
    for route in lists() {
        for (kind, id) in &ada.ids {
            let asked = |id: i64| {
                let path = format!("{}?{kind}_id={id}", route.path);
                let client = bob.client.clone();
                async move { client.get(&path).await }
            };
            let (theirs, nobodys) = (asked(*id).await, asked(999_999_999).await);
            assert_eq!(theirs.status, nobodys.status, "{}?{kind}_id", route.path);
            if theirs.status == 200 {
                assert_eq!(theirs.ok(), nobodys.ok(), "{}?{kind}_id", route.path);
                assert_eq!(theirs.ok(), json!([]), "{}?{kind}_id", route.path);
                tried += 1;
            }
        }
    }
    assert!(tried >= 20, "only {tried}");
}

#[tokio::test]
async fn neither_events_nor_statistics_tell_of_another_company() {
    let server = Server::alone().await;
    let (one, other) = (Company::on(&server).await, Company::on(&server).await);
    let before = other.admin.get("/statistics").await.ok();
    for n in 0..3 {
        one.admin.contact(&format!("n{n}@example.com")).await;
    }
    assert_eq!(other.admin.get("/statistics").await.ok(), before);
    for path in [
        "/events".to_owned(),
        format!("/events?user_id={}", one.admin.user_id),
        "/events?aggregate_type=contact".to_owned(),
    ] {
        assert_eq!(other.admin.get(&path).await.status, 403, "{path}");
    }
}
