//! The isolation matrix: another user can neither list, read, change, delete, link, use, nor
//! learn the existence of anything that a user owns. It covers the list of routes, so that a new
//! route is in it by itself: a request for another user's aggregate gets exactly the answer of a
//! request for one that does not exist.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};

use crate::{
    contract::{
        examples, routes,
        routes::Route,
        things::{Things, a_second, one_page},
    },
    harness::{Answer, Client, Company, Server, unique_name},
};

/// An id that nothing has.
const NOBODYS: i64 = 999_999_999;

pub(super) struct Owner {
    pub client: Client,
    pub ids: HashMap<&'static str, i64>,
}

impl Owner {
    async fn of_everything(server: &Server) -> Self {
        Self::with_everything(server.user(&["user"]).await).await
    }

    /// An administrator of a company of their own, with a provider and a PBX.
    pub async fn of_a_company(server: &Server) -> Self {
        let operator = Things::create(&server.admin().await);
        let phone_model = operator.fresh("phone_model").await;
        let Company { tenant_id, admin } = Company::on(server).await;
        let provider = json!({"name": unique_name("own"), "type": "sandbox"});
        let provider = admin.post("/providers", provider).await.id("provider_id");
        let user_id = admin.user_id;
        let mut all = Self::with_everything(admin).await;
        all.ids.extend([
            ("tenant", tenant_id),
            ("provider", provider),
            ("user", user_id),
        ]);
        let things = Things::create(&all.client);
        things.knows("phone_model", phone_model);
        things.knows("recording", all.ids["recording"]);
        for kind in routes::of_tenants() {
            all.ids.insert(kind, things.fresh(kind).await);
        }
        all
    }

    pub async fn with_everything(client: Client) -> Self {
        let things = Things::create(&client);
        let mut ids = HashMap::new();
        let accounts = client.get("/accounts").await.ok();
        things.knows("account", accounts[0]["account_id"].as_i64().unwrap());
        for kind in routes::owned() {
            let id = match kind {
                "account" => things.any(kind).await,
                kind => things.fresh(kind).await,
            };
            ids.insert(kind, id);
        }
        Self { client, ids }
    }
}

/// The route with these ids in its path, one for each name in braces.
fn path(route: Route, id_of: &dyn Fn(&str) -> Option<i64>) -> String {
    let parts = route.path.split('/').map(|part| {
        let name = part.trim_start_matches('{').trim_end_matches('}');
        let kind = name.strip_suffix("_id").unwrap_or_default();
        match (part.starts_with('{'), id_of(kind)) {
            (true, Some(id)) => id.to_string(),
            (true, None) => match name {
                "program_name" => "sendemail".to_owned(),
                "action" => "start".to_owned(),
                _ => "anything".to_owned(),
            },
            _ => part.to_owned(),
        }
    });
    parts.collect::<Vec<_>>().join("/")
}

fn body(route: Route) -> Value {
    if route.path.ends_with("/password") {
        return json!({"password": "a-password-of-eight"});
    }
    let known = examples::documented(route.method, route.path);
    let example = known.and_then(|it| it.body(&|_| None, "isolated"));
    let other = if route.path.contains("/schedule") {
        json!({"delay": 3600})
    } else {
        json!({"name": "isolated", "value": "x", "status": "failed"})
    };
    example.unwrap_or(other)
}

async fn ask(client: &Client, route: Route, path: &str) -> Answer {
    let request = client.request(route.method, path);
    let request = match route.method {
        "GET" | "DELETE" => request,
        _ if path.ends_with("/media") => {
            let media = match path {
                path if path.contains("documents") => ("application/pdf", one_page()),
                path if path.contains("recordings") => ("audio/wav", a_second()),
                _ => ("text/plain", b"text".to_vec()),
            };
            request.header("content-type", media.0).body(media.1)
        }
        _ if path.ends_with("/csv") || path.contains("/import/") => request
            .header("content-type", "text/csv")
            .body("15550100\n"),
        _ => request.json(&body(route)),
    };
    client.send(request).await
}

/// The observable part of an answer: its status and its body.
fn learned(answer: &Answer) -> (u16, String) {
    (answer.status, answer.text())
}

#[tokio::test]
async fn somebody_elses_thing_is_answered_as_one_that_is_not_there() {
    let server = Server::alone().await;
    Things::on(&server).await;
    let (alice, bob) = (
        Owner::of_everything(&server).await,
        Owner::of_everything(&server).await,
    );
    let before = snapshot(&alice).await;
    let tried = learns_nothing(&alice, &bob, &routes::owned()).await;
    assert!(tried > 100, "only {tried}");
    assert_eq!(
        snapshot(&alice).await,
        before,
        "something of hers has changed"
    );
}

#[tokio::test]
async fn a_company_learns_nothing_of_another() {
    let server = Server::alone().await;
    Things::on(&server).await;
    let (alice, bob) = (
        Owner::of_a_company(&server).await,
        Owner::of_a_company(&server).await,
    );
    let before = snapshot(&alice).await;
    let mut kinds = routes::owned();
    kinds.extend(routes::of_tenants());
    kinds.extend(["tenant", "provider", "user"]);
    let tried = learns_nothing(&alice, &bob, &kinds).await;
    assert!(tried > 180, "only {tried}");
    assert_eq!(
        snapshot(&alice).await,
        before,
        "something of hers has changed"
    );
}

/// Asks every route as Bob for each of Alice's things of these kinds and for one that does not
/// exist, and compares the answers; returns the number of comparisons.
pub(super) async fn learns_nothing(
    alice: &Owner,
    bob: &Owner,
    owned: &BTreeSet<&'static str>,
) -> usize {
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for route in routes::all() {
        let kinds: Vec<&str> = route
            .parameters()
            .filter_map(|name| name.strip_suffix("_id"))
            .filter(|kind| owned.contains(kind))
            .collect();
        // Each id in the path in turn is Alice's, the others are Bob's own.
        for kind in &kinds {
            let with = |id: i64| move |of: &str| if of == *kind { Some(id) } else { None };
            let at = |id: i64| {
                let hers = with(id);
                path(route, &|of| hers(of).or_else(|| bob.ids.get(of).copied()))
            };
            let theirs = ask(&bob.client, route, &at(alice.ids[kind])).await;
            let nobodys = ask(&bob.client, route, &at(NOBODYS)).await;
            tried += 1;
            // A user without the permission learns nothing either.
            let refused = [403, 404].contains(&nobodys.status);
            if !refused || learned(&theirs) != learned(&nobodys) {
                wrong.push(format!(
                    "{} with her {kind}: {} {}, with nobody's: {} {}",
                    route.name(),
                    theirs.status,
                    theirs.text(),
                    nobodys.status,
                    nobodys.text(),
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    tried
}

#[tokio::test]
async fn nobody_can_use_what_is_somebody_elses() {
    let server = Server::alone().await;
    Things::on(&server).await;
    let (alice, bob) = (
        Owner::of_everything(&server).await,
        Owner::of_everything(&server).await,
    );
    uses_nothing(&alice, &bob).await;
}

#[tokio::test]
async fn a_company_uses_nothing_of_another() {
    let server = Server::alone().await;
    Things::on(&server).await;
    let (alice, bob) = (
        Owner::of_a_company(&server).await,
        Owner::of_a_company(&server).await,
    );
    uses_nothing(&alice, &bob).await;
}

/// Refers as Bob, in every documented body, to each of Alice's things and to one that does not
/// exist, and compares the answers.
pub(super) async fn uses_nothing(alice: &Owner, bob: &Owner) {
    let mut wrong = Vec::new();
    let mut tried = 0;
    for example in examples::all().into_iter().filter(|it| it.method != "GET") {
        let references = example.references();
        let refers = |field: &str| {
            let mut all = references.iter();
            all.find(|(name, _)| name == field).map(|(_, kind)| *kind)
        };
        let route = routes::all()
            .into_iter()
            .find(|route| route.method == example.method && route.path == example.path);
        let route = route.unwrap_or_else(|| panic!("{} {}", example.method, example.path));
        let path = path(route, &|kind| bob.ids.get(kind).copied());
        for (field, kind) in &references {
            let asked = async |id: i64| {
                let ids = |of: &str| {
                    if of == field {
                        Some(id)
                    } else {
                        refers(of).map(|kind| bob.ids[kind])
                    }
                };
                let body = example
                    .body(&ids, &crate::harness::unique_name("use"))
                    .unwrap();
                let request = bob.client.request(route.method, &path).json(&body);
                bob.client.send(request).await
            };
            let theirs = asked(alice.ids[kind]).await;
            let nobodys = asked(NOBODYS).await;
            tried += 1;
            // The program in the path takes precedence over the one in the body.
            let ignored = path.starts_with("/programs/") && field == "program_id";
            let same = learned(&theirs) == learned(&nobodys) && nobodys.status == 412;
            if (ignored && theirs.status >= 500) || (!ignored && !same) {
                wrong.push(format!(
                    "{} with {field}: {} {}, with nobody's: {} {}",
                    route.name(),
                    theirs.status,
                    theirs.text(),
                    nobodys.status,
                    nobodys.text(),
                ));
            }
        }
    }
    assert!(tried > 20, "only {tried}");
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn lists_hold_only_ones_own_and_the_administrators_hold_all() {
    let server = Server::alone().await;
    let admin = Things::on(&server).await.client;
    let (alice, bob) = (
        Owner::of_everything(&server).await,
        Owner::of_everything(&server).await,
    );
    lists_hold_ones_own(&alice, &bob, &admin, &routes::owned()).await;
}

#[tokio::test]
async fn lists_hold_only_ones_own_companys() {
    let server = Server::alone().await;
    let admin = Things::on(&server).await.client;
    let (alice, bob) = (
        Owner::of_a_company(&server).await,
        Owner::of_a_company(&server).await,
    );
    let mut kinds = routes::owned();
    kinds.extend(routes::of_tenants());
    lists_hold_ones_own(&alice, &bob, &admin, &kinds).await;
}

/// Compares the lists of these kinds of Alice, of Bob, and of an administrator of the installation.
async fn lists_hold_ones_own(
    alice: &Owner,
    bob: &Owner,
    admin: &Client,
    kinds: &BTreeSet<&'static str>,
) {
    let mut tried = 0;
    for route in routes::all()
        .into_iter()
        .filter(|it| it.method == "GET" && !it.has_ids())
    {
        let mut of = kinds.iter().copied();
        let Some(kind) = of.find(|kind| route.permission == format!("{kind}_list")) else {
            continue;
        };
        if route.path.contains('{') || route.path.ends_with("csv") {
            continue;
        }
        let id = format!("{kind}_id");
        let ids = async |client: &Client| -> Vec<i64> {
            let rows = client.get(route.path).await.ok();
            rows.as_array()
                .unwrap()
                .iter()
                .filter_map(|row| row[&id].as_i64())
                .collect()
        };
        let (hers, his, all) = (
            ids(&alice.client).await,
            ids(&bob.client).await,
            ids(admin).await,
        );
        // Lists of only one type or service may lack the one that was made.
        let narrow = [
            "/dids",
            "/extensions",
            "/calls",
            "/faxes",
            "/smses",
            "/schedules",
        ];
        if !narrow.contains(&route.path) {
            assert!(hers.contains(&alice.ids[kind]), "{}: {hers:?}", route.path);
            assert!(his.contains(&bob.ids[kind]), "{}: {his:?}", route.path);
        }
        let both = || hers.iter().filter(|id| his.contains(id));
        assert_eq!(both().count(), 0, "{}", route.path);
        let missing = hers.iter().chain(&his).filter(|id| !all.contains(id));
        assert_eq!(missing.count(), 0, "{}", route.path);
        tried += 1;
        // A filter by the owner reveals nothing either.
        let whose = match alice.ids.get("tenant") {
            Some(tenant) if routes::of_tenants().contains(kind) => format!("tenant_id={tenant}"),
            _ => format!("created_by={}", alice.client.user_id),
        };
        let filtered = format!("{}?{whose}", route.path);
        assert_eq!(
            bob.client.get(&filtered).await.ok(),
            json!([]),
            "{filtered}"
        );
    }
    assert!(tried >= 15, "only {tried} lists");
}

/// All aggregates of an owner, as the owner reads them.
pub(super) async fn snapshot(owner: &Owner) -> Vec<Value> {
    let mut all = Vec::new();
    for (kind, id) in &owner.ids {
        let read = routes::operation(&format!("{kind}.read"));
        let read = read.or_else(|| routes::operation(&format!("{kind}.status")));
        let at = read.unwrap().about(*id);
        all.push(owner.client.get(&at).await.ok());
    }
    all
}
