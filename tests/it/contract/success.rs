//! A successful request of every route: with the document's own example, if there is one, and an
//! answer that is valid against the document's schema and against ours. All events that this makes
//! name their causes, and the read models equal a rebuild from them.

use std::{collections::HashMap, time::Duration};

use serde_json::{Value, json};
use sqlx::query_scalar;
use tokio::time::sleep;

use super::{
    bodies::{Body, body, own_number},
    examples::{self, Example},
    routes::{self, Route},
    things::Things,
};
use crate::harness::{Answer, Client, EventLog, ReadModels, Server, eventually, seconds};

/// Deviations of our answers from the document's schemas: route, field and reason.
const EXCEPTIONS: [(&str, &str, &str); 7] = [
    (
        "",
        "phone",
        "a phone is a string: a leading zero or + must survive",
    ),
    ("", "prefix", "so is a provider's prefix"),
    (
        "GET /transmissions",
        "[]",
        "the schema describes one; it is a list",
    ),
    ("GET /programs/{}/transmissions", "[]", "the same"),
    (
        "POST /transmissions",
        "text_id",
        "answers transmission_id; text_id is a slip",
    ),
    (
        "PUT /campaigns/{}/start",
        "true",
        "the schema describes an object; it is a bare true",
    ),
    ("PUT /campaigns/{}/stop", "true", "the same"),
];

/// Routes that other tests cover, with the reason.
const ELSEWHERE: [(&str, &str); 1] = [(
    "/accounts/{account_id}/verify",
    "a code needs a provider that is not the sandbox: people::addresses has one",
)];

/// Paths whose DELETE removes a link, which a PUT has to create before.
const TIES: [&str; 4] = [
    "/roles/{role_id}",
    "}/tenants/{tenant_id}",
    "/permissions/{permission_id}",
    "/programs/{program_",
];

#[tokio::test]
async fn every_route_succeeds_as_documented() {
    let server = Server::alone().await;
    let things = Things::on(&server).await;
    let wrong = ask_every_route(&things).await;
    assert!(
        wrong.is_empty(),
        "{} routes:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    at_rest(&server).await;
    ReadModels::assert_whole(&server).await;
}

/// Waits until all attempts that are due were made, and nothing is written any more.
async fn at_rest(server: &Server) {
    let mut log = EventLog::open(server).await;
    eventually("nothing is written any more", seconds(60), async || {
        let before = log.head().await;
        sleep(Duration::from_secs(2)).await;
        let sql = "select count(*) from dispatch.queue where due_at < now() + interval '1 minute'";
        let due: i64 = query_scalar(sql).fetch_one(log.sql()).await.unwrap();
        (due == 0 && log.head().await == before).then_some(())
    })
    .await;
}

/// Asks every route; answers what is wrong with the answers.
pub async fn ask_every_route(things: &Things) -> Vec<String> {
    let description = things.description().await;
    let mut wrong = Vec::new();
    let here = |route: &Route| !ELSEWHERE.iter().any(|(path, _)| *path == route.path);
    for route in routes::all().into_iter().filter(here) {
        let case = Case::new(route, things).await;
        let answer = case.ask(&things.client).await;
        if let Some(said) = case.complaint(&answer, description) {
            let text: String = answer.text().chars().take(300).collect();
            wrong.push(format!(
                "{} {}: {said}: {text}",
                route.name(),
                answer.status
            ));
        }
    }
    wrong
}

/// A request of one route that has to succeed.
struct Case {
    route: Route,
    path: String,
    body: Body,
    example: Option<Example>,
    /// The token of the request, if it is not that of the client who made the aggregates.
    token: Option<String>,
}

impl Case {
    async fn new(route: Route, things: &Things) -> Self {
        let mut ids = HashMap::new();
        for name in route.parameters() {
            if let Some(kind) = name.strip_suffix("_id") {
                ids.insert(name, prepared(route, kind, things).await);
            }
        }
        let path = route.path.split('/').map(|part| {
            let name = part.trim_start_matches('{').trim_end_matches('}');
            match ids.get(name) {
                Some(id) => id.to_string(),
                None => named(name).to_owned(),
            }
        });
        let mut path = path.collect::<Vec<_>>().join("/");
        if route.path == "/pbx/route" {
            path.push_str(&format!("?did={}", things.number_of_did().await));
        }
        let example = example(route);
        let body = body(route, example.as_ref(), things).await;
        if route.path.contains("/settings/") && route.method != "PUT" {
            things.client.put(&path, json!({"value": "x"})).await.ok();
        }
        if route.method == "DELETE" && TIES.iter().any(|tie| route.path.contains(tie)) {
            things.client.put(&path, json!({})).await.ok();
        }
        let token = if route.path.ends_with("/authenticate/cancel") {
            Some(server_token(&things.client).await)
        } else {
            None
        };
        Self {
            route,
            path,
            body,
            example,
            token,
        }
    }

    async fn ask(&self, client: &Client) -> Answer {
        let client = match &self.token {
            Some(token) => client.with_token(token),
            None => client.clone(),
        };
        let mut request = client.request(self.route.method, &self.path);
        if self.path == "/" {
            // Only browsers are redirected to the page.
            request = request.header("accept", "text/html");
        }
        let request = match &self.body {
            Body::None => request,
            Body::Json(body) => request.json(body),
            Body::Bytes(kind, bytes) => request.header("content-type", *kind).body(bytes.clone()),
        };
        client.send(request).await
    }

    /// The error of the answer, if it has one.
    fn complaint(&self, answer: &Answer, described: &Value) -> Option<String> {
        if answer.status != 200 && !(self.route.path == "/docs" && answer.status == 307) {
            return Some("is not 200".to_owned());
        }
        let kind = answer.header("content-type").unwrap_or_default();
        if kind != "application/json" {
            let empty = answer.body.is_empty() && answer.status == 200;
            return empty.then(|| "is empty".to_owned());
        }
        let body = answer.json();
        let document = self.example.as_ref().and_then(|it| it.schema.clone());
        if let Some(schema) = document.map(|schema| self.excepted(schema))
            && let Some(error) = invalid(&schema, &body)
        {
            return Some(format!("against the document: {error}"));
        }
        let Some(ours) = self.described(described) else {
            return Some("is not described in openapi.json".to_owned());
        };
        invalid(&ours, &body).map(|error| format!("against openapi.json: {error}"))
    }

    /// The document's schema with our [`EXCEPTIONS`].
    fn excepted(&self, mut schema: Value) -> Value {
        let own = format!("{} {}", self.route.method, self.route.shape());
        let names = [own, routes::shape(self.route.alias_of)];
        for (of, field, _why) in EXCEPTIONS {
            let here = of.is_empty() || names.iter().any(|name| name == of);
            match field {
                // Rows are not checked against a schema: a response may still be missing.
                "[]" if here => return json!({"type": "array"}),
                "true" if here => return json!({"const": true}),
                "text_id" if here => return json!({"required": ["transmission_id"]}),
                field if here => {
                    if let Some(property) = schema.pointer_mut(&format!("/properties/{field}")) {
                        *property = json!({"type": "string"});
                    }
                }
                _ => {}
            }
        }
        schema
    }

    /// Our own schema of the answer, with the components that it refers to.
    fn described(&self, document: &Value) -> Option<Value> {
        let mut schema = routes::described(document, self.route)?
            .pointer("/responses/200/content/application~1json/schema")?
            .clone();
        schema["components"] = document["components"].clone();
        Some(schema)
    }
}

fn invalid(schema: &Value, body: &Value) -> Option<String> {
    let validator = jsonschema::validator_for(schema).unwrap();
    let error = validator.iter_errors(body).next()?;
    Some(format!("{} at {}", error, error.instance_path()))
}

/// The value of a path's parameter that is not an id.
fn named(name: &str) -> &str {
    match name {
        "program_name" => "sendemail",
        "name" => "anything",
        "action" => "start",
        "file" => "index.html",
        other => other,
    }
}

/// The document's example for a route, or for the route that it is an alias of.
fn example(route: Route) -> Option<Example> {
    let aliased = || {
        let (method, path) = route.alias_of.split_once(' ')?;
        examples::documented(method, path)
    };
    // With the name of a type the route creates a program too, which the document does not mention.
    let by_name = route.path.contains("{program_name}/transmissions");
    let found = examples::documented(route.method, route.path).or_else(aliased);
    found.filter(|_| !by_name)
}

/// An aggregate of this kind, in a state in which the route succeeds.
async fn prepared(route: Route, kind: &str, things: &Things) -> i64 {
    let path = route.path;
    let main = path.split('/').find(|part| part.starts_with('{'));
    let is_main = main == Some(&format!("{{{kind}_id}}"));
    if kind == "attachment" {
        return 1;
    }
    if !is_main {
        return things.any(kind).await;
    }
    match kind {
        "transmission" if path.ends_with("/retry") => things.sent("fail@example.com").await.0,
        "transmission" if path.ends_with("/message") => things.received().await,
        "transmission" if path.contains("/message/") => things.mailed().await,
        "account" if path.ends_with("/assign") => {
            let id = things.fresh(kind).await;
            let own = json!({"phone": own_number()});
            let account = format!("/accounts/{id}");
            things.client.put(&account, own).await.ok();
            id
        }
        "account" if path.ends_with("/provisioning") => things.fresh("extension").await,
        "spool" if path.ends_with("/resolve") => things.sent("unknown@example.com").await.1,
        "transmission" if path.ends_with("/schedule") && route.method == "DELETE" => {
            let id = things.fresh(kind).await;
            let later = json!({"delay": 3600});
            things
                .client
                .put(&format!("/transmissions/{id}/schedule"), later)
                .await
                .ok();
            id
        }
        "campaign" if path.ends_with("/stop") => things.endless_campaign().await,
        "campaign" if path.ends_with("/progress") => {
            let id = things.fresh(kind).await;
            let start = format!("/campaigns/{id}/start");
            things.client.put(&start, json!({})).await.ok();
            id
        }
        "campaign" if path.contains("/schedule") => {
            let id = things.fresh(kind).await;
            let later = json!({"delay": 3600});
            let start = format!("/campaigns/{id}/start/schedule");
            if !path.contains("start") && !path.contains("stop") {
                things.client.post(&start, later).await.ok();
            }
            id
        }
        _ => things.fresh(kind).await,
    }
}

async fn server_token(client: &Client) -> String {
    client
        .login("admin", crate::harness::ADMIN_PASSWORD)
        .await
        .token()
        .to_owned()
}
