//! The OpenAPI description, as it is served and as it is printed.

use serde_json::Value;

use super::routes;
use crate::harness::Server;

/// The served example of a request's body.
async fn example(server: &Server, path: &str, method: &str) -> Value {
    let document = server.stranger().get("/openapi.json").await.ok();
    let body = &document["paths"][path][method]["requestBody"]["content"]["application/json"];
    body["example"].clone()
}

/// The JSON bodies of an operation, with their names.
fn bodies<'v>(document: &'v Value, operation: &'v Value) -> Vec<(&'v str, &'v Value)> {
    let responses = operation["responses"].as_object().unwrap().iter();
    let followed = |response: &'v Value| {
        let reference = response["$ref"].as_str();
        reference.map_or(response, |to| {
            document.pointer(to.trim_start_matches('#')).unwrap()
        })
    };
    let responses = responses.map(|(status, response)| (status.as_str(), followed(response)));
    let all = std::iter::once(("a request", &operation["requestBody"])).chain(responses);
    all.filter_map(|(what, of)| Some((what, json_body(of)?)))
        .collect()
}

fn json_body(of: &Value) -> Option<&Value> {
    let mut content = of["content"].as_object()?.iter();
    content.find_map(|(kind, body)| kind.ends_with("json").then_some(body))
}

#[tokio::test]
async fn every_example_is_valid_against_its_schema() {
    let server = Server::shared().await;
    let document = server.stranger().get("/openapi.json").await.ok();
    let mut wrong = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            for (what, body) in bodies(&document, operation) {
                let mut schema = body["schema"].clone();
                schema["components"] = document["components"].clone();
                let validator = jsonschema::validator_for(&schema).unwrap();
                let errors = validator.iter_errors(&body["example"]);
                wrong.extend(errors.map(|error| {
                    format!(
                        "{method} {path}, {what}: {error} at {}",
                        error.instance_path()
                    )
                }));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn the_example_of_a_user_waits_for_a_password() {
    let server = Server::alone().await;
    let admin = server.admin().await;
    let mut user = example(&server, "/users", "post").await;
    let refused = admin.post("/users", user.clone()).await.expect(412);
    assert_eq!(refused["detail"], "passwd: is required");
    user["passwd"] = "a-password-of-their-own".into();
    let id = admin.post("/users", user).await.id("user_id");
    let active = serde_json::json!({"active": 1});
    admin.put(&format!("/users/{id}"), active).await.ok();
    let stranger = server.stranger();
    let ada = stranger.login("ada", "a-password-of-their-own").await;
    assert_eq!(ada.get("/contacts").await.status, 200);
    assert_eq!(ada.get("/roles").await.status, 403);
}

/// The fields for which an example may be refused: it refers to things by ids that may not exist,
/// and gives no file and no password.
const MISSING: [&str; 6] = ["_id", "passwd", "password", "data", "file", "csv"];

#[tokio::test]
async fn an_example_is_refused_only_for_what_it_refers_to() {
    let server = Server::alone().await;
    let admin = server.admin().await;
    let document = server.stranger().get("/openapi.json").await.ok();
    let mut wrong = Vec::new();
    let routes = routes::all();
    // The example of another spelling is that of the first.
    let is_alias = |path: &str| {
        let mut routes = routes.iter().filter(|it| it.method == "POST");
        routes.any(|it| it.path == path && !it.alias_of.is_empty())
    };
    for (path, item) in document["paths"].as_object().unwrap() {
        let body = &item["post"]["requestBody"]["content"]["application/json"];
        let is_sent = !path.contains('{') && !is_alias(path);
        let Some(example) = body.get("example").filter(|_| is_sent) else {
            continue;
        };
        let answer = admin.post(path, example.clone()).await;
        let status = answer.status;
        let text = answer.text();
        let problem: Value = serde_json::from_str(&text).unwrap_or_default();
        let fields = problem["errors"].as_array().into_iter().flatten();
        let mut fields = fields.filter_map(|error| error["field"].as_str());
        let is_fine = match status {
            412 => fields.all(|field| MISSING.iter().any(|end| field.ends_with(end))),
            status => status < 300 || [401, 404, 423].contains(&status),
        };
        if !is_fine {
            wrong.push(format!("POST {path} {example}: {status} {text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn the_example_of_a_provider_makes_a_sandbox() {
    let server = Server::alone().await;
    let admin = server.admin().await;
    let provider = example(&server, "/providers", "post").await;
    let id = admin.post("/providers", provider).await.id("provider_id");
    let path = format!("/providers/{id}");
    assert_eq!(admin.get(&path).await.ok()["type"], "sandbox");
    let change = example(&server, "/providers/{provider_id}", "put").await;
    assert_eq!(admin.put(&path, change).await.ok()["weight"], 2);
}

#[tokio::test]
async fn the_printed_description_is_the_served_one() {
    let server = Server::shared().await;
    let served = server.stranger().get("/openapi.json").await.ok();
    let output = server.command(&["openapi"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed, served);
    assert_eq!(served["openapi"], "3.1.0");
}

#[tokio::test]
async fn the_page_brings_all_it_needs_itself() {
    let stranger = Server::shared().await.stranger();
    let page = stranger.get("/docs/index.html").await;
    assert_eq!(page.status, 200);
    let page = page.text();
    assert!(page.contains("<title>Ledgerline API</title>"), "{page}");
    assert!(page.contains("width=device-width"), "{page}");
    let parts = page
        .split(['"', '\''])
        .filter(|part| part.starts_with("./"));
    let mut seen = 0;
    for part in parts {
        let answer = stranger.get(&format!("/docs/{}", &part[2..])).await;
        assert_eq!(answer.status, 200, "{part}");
        seen += 1;
    }
    assert!(seen >= 3, "{page}");
    assert!(
        !page.contains("https://") && !page.contains("//cdn"),
        "{page}"
    );
    assert_eq!(stranger.get("/docs/nothing.js").await.status, 404);
}

/// The places of a description at which a request or a row may have a tenant, outside of
/// `/tenants`. Some requests of the documented PBX API must have one.
fn tenant_fields(document: &Value) -> usize {
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let rows = schemas.iter().filter(|(name, schema)| {
        *name != "TenantRow" && !schema["properties"]["tenant_id"].is_null()
    });
    let paths = document["paths"].as_object().unwrap();
    let items = paths
        .iter()
        .filter(|(path, _)| !path.starts_with("/tenants") && !path.starts_with("/pbx/tenants"));
    let operations = items.flat_map(|(_, item)| item.as_object().unwrap().values());
    let named = operations.map(|operation| {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let is_tenant = |it: &&Value| it["name"] == "tenant_id" && it["in"] == "query";
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        let required = body["required"].as_array().into_iter().flatten();
        let is_optional = !required.into_iter().any(|name| name == "tenant_id");
        let is_in_body = is_optional && !body["properties"]["tenant_id"].is_null();
        parameters.filter(is_tenant).count() + usize::from(is_in_body)
    });
    rows.count() + named.sum::<usize>()
}

#[tokio::test]
async fn tenants_are_described_where_companies_share_the_installation() {
    let server = Server::alone().await;
    let read = async || server.stranger().get("/openapi.json").await.ok();
    assert_eq!(tenant_fields(&read().await), 0);
    let operator = server.admin().await;
    let tenant = serde_json::json!({"code": "acme"});
    operator.post("/tenants", tenant).await.ok();
    let shared = read().await;
    assert!(tenant_fields(&shared) > 40, "{}", tenant_fields(&shared));
    let body = "/requestBody/content/application~1json/schema/properties/tenant_id/description";
    let said = shared["paths"]["/contacts"]["post"].pointer(body);
    assert!(said.is_some_and(|it| it.as_str().unwrap().contains("home tenant")));
    let role = &shared["paths"]["/users/{user_id}/roles/{role_id}"]["put"]["parameters"];
    assert!(role.to_string().contains("tenant_id"), "{role}");
    let example = example(&server, "/contacts", "post").await;
    assert_eq!(example.get("tenant_id"), None, "{example}");
    operator.post("/contacts", example).await.ok();
}
