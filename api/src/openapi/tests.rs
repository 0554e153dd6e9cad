//! Tests of the description against the lists under `tests/contract/`, and against itself.

use std::collections::{BTreeMap, BTreeSet};

use domain::access::UserProfile;
use secrecy::SecretString;
use serde_json::Value;

use super::routes::Operation;
use crate::PasswordPolicy;

const LISTED: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../tests/contract/routes.tsv"
));

/// A path without the names of its parameters, which do not matter here.
fn shape(path: &str) -> String {
    let parts = path
        .split('/')
        .map(|part| if part.starts_with('{') { "{}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// The permissions in the lists, by method and path.
fn listed() -> BTreeMap<(String, String), BTreeSet<String>> {
    let mut routes: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for line in LISTED.lines().skip(1) {
        let mut columns = line.split('\t').map(str::to_owned);
        let (Some(method), Some(path)) = (columns.next(), columns.next()) else {
            continue;
        };
        let permission = columns.nth(1).unwrap_or_default();
        let route = routes.entry((method, shape(&path))).or_default();
        route.insert(permission);
    }
    routes
}

fn permission(operation: &Operation) -> String {
    let needed = &operation.sketch.permissions;
    match (needed.is_empty(), operation.sketch.authenticated) {
        (true, true) => "authenticated".to_owned(),
        (true, false) => "public".to_owned(),
        _ => needed.join("+"),
    }
}

#[test]
fn every_route_is_in_the_lists_with_its_permission_and_the_other_way_round() {
    let routes = crate::routes();
    let listed = listed();
    let mut wrong = Vec::new();
    let mut there = BTreeSet::new();
    for operation in routes.operations() {
        let route = (operation.method.to_owned(), shape(&operation.path));
        let has = permission(operation);
        match listed.get(&route) {
            None => wrong.push(format!("{route:?} is not listed")),
            Some(said) if !said.contains(&has) => {
                wrong.push(format!("{route:?} needs {has}, not {said:?}"));
            }
            Some(_) => {}
        }
        there.insert(route);
    }
    let missing = listed.keys().filter(|route| !there.contains(*route));
    wrong.extend(missing.map(|route| format!("{route:?} is listed and not described")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Compares the list, which is written by hand, with the routes that the handlers show to change
/// something.
#[test]
fn a_route_is_known_to_change_something_as_the_list_says() {
    let mut changing = BTreeSet::new();
    for line in LISTED.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let &[method, path, operation, _, alias_of, ..] = columns.as_slice() else {
            panic!("{line}")
        };
        let writes = ["POST ", "PUT ", "DELETE "];
        // Reads that leave an event.
        let is_noted = ["transmission.clone", "account.provisioning"].contains(&operation);
        let is_alias = writes.iter().any(|verb| alias_of.starts_with(verb));
        if method != "GET" || is_alias || is_noted {
            changing.insert((method.to_owned(), shape(path)));
        }
    }
    let registered = crate::routes();
    let registered = registered.registered();
    let registered = registered.filter(|(_, _, route)| route.changes);
    let registered = registered.map(|(method, path, _)| (method.to_owned(), shape(&path)));
    assert_eq!(registered.collect::<BTreeSet<_>>(), changing);
}

#[test]
fn every_body_has_a_content_type_that_its_route_lists() {
    for (method, path, route) in crate::routes().registered() {
        let types = route.content_types.unwrap_or(super::JSON);
        assert!(!types.is_empty(), "{method} {path}");
    }
}

#[test]
fn another_spelling_is_one_of_something_that_is_there() {
    let routes = crate::routes();
    let all: BTreeSet<String> = routes
        .operations()
        .iter()
        .filter(|it| it.about.alias_of.is_none())
        .map(|it| format!("{} {}", it.method, it.path))
        .collect();
    for operation in routes.operations() {
        if let Some(of) = operation.about.alias_of.as_deref() {
            assert!(
                all.contains(of),
                "{} {}: {of}",
                operation.method,
                operation.path
            );
        }
    }
}

fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            let item = item.as_object().unwrap();
            item.iter()
                .map(move |(method, operation)| (format!("{method} {path}"), operation))
        })
        .collect()
}

/// The target of a reference, or the thing itself.
fn followed<'v>(document: &'v Value, value: &'v Value) -> &'v Value {
    let reference = value["$ref"].as_str();
    reference.map_or(value, |to| {
        document.pointer(to.trim_start_matches('#')).unwrap()
    })
}

#[test]
fn every_refusal_is_described_once_with_its_own_example() {
    let document = super::openapi();
    for (name, operation) in operations(&document) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            if status.starts_with('2') {
                continue;
            }
            let enveloped = &response["content"]["application/json"]["example"];
            if enveloped["status"] == "failed" {
                continue;
            }
            assert!(response.get("content").is_none(), "{name} {status}");
            let body = &followed(&document, response)["content"]["application/problem+json"];
            let example = &body["example"];
            assert_eq!(example["status"].to_string(), *status, "{name}");
            assert_eq!(example["error"]["code"], example["status"], "{name}");
            let names_fields = example.get("errors").is_some();
            assert_eq!(names_fields, status == "412", "{name} {status}");
        }
    }
    let size = document.to_string().len();
    assert!(size < 900_000, "{size} bytes");
}

#[test]
fn an_operation_gives_a_status_a_meaning_of_its_own() {
    let document = super::openapi();
    let login = &document["paths"]["/authenticate"]["post"]["responses"];
    assert_eq!(login["401"]["description"], "Wrong credentials.");
    let general = followed(&document, &login["429"])["description"].as_str();
    let general = general.unwrap();
    assert!(general.starts_with("Too many attempts; "), "{general}");
    assert!(
        login["429"]["description"]
            .as_str()
            .unwrap()
            .contains("failed logins")
    );
    let list = &document["paths"]["/contacts"]["get"]["responses"];
    assert!(list["429"].get("description").is_none());
    let seen = &document["paths"]["/campaigns/{campaign_id}/progress"]["get"]["responses"]["204"];
    assert_eq!(seen["description"], "The end was seen already.");
    assert!(seen.get("content").is_none());
}

#[test]
fn every_operation_says_what_it_does_what_it_needs_and_what_it_answers() {
    let document = super::openapi();
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = BTreeSet::new();
    for (name, operation) in operations(&document) {
        let summary = operation["summary"].as_str().unwrap_or_default();
        assert!(!summary.is_empty(), "{name} has no summary");
        assert!(
            ids.insert(operation["operationId"].as_str().unwrap()),
            "{name}: its id is taken"
        );
        let statuses = operation["responses"].as_object().unwrap();
        assert!(statuses.contains_key("200"), "{name}");
        if operation.get("security").is_some() {
            assert!(statuses.contains_key("401"), "{name}");
            assert!(
                operation["description"].as_str().unwrap().contains("Needs"),
                "{name}"
            );
        }
        for (status, response) in statuses {
            let response = followed(&document, response);
            for (kind, body) in response["content"].as_object().into_iter().flatten() {
                if kind.ends_with("json") {
                    assert!(
                        body.get("example").is_some(),
                        "{name} {status} has no example"
                    );
                }
            }
        }
    }
}

/// A reference to a schema that is not there makes the whole document useless.
#[test]
fn every_reference_leads_somewhere() {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(to)) = map.get("$ref") {
                    found.push(to.clone());
                }
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = super::openapi();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for to in found {
        let pointer = to.trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{to}");
    }
}

#[test]
fn an_answer_looks_as_its_row_does() {
    let document = super::openapi();
    let contact = &document["components"]["schemas"]["ContactRow"];
    assert_eq!(contact["properties"]["contact_id"]["type"], "integer");
    assert!(contact["properties"].get("version").is_none());
    let create = &document["paths"]["/contacts"]["post"];
    let body = &create["requestBody"]["content"]["application/json"];
    assert_eq!(
        body["schema"]["required"],
        serde_json::json!(["first_name", "phone"])
    );
    assert_eq!(body["example"]["phone"], "+15550100");
}

/// The fields of an example at any depth, by name.
fn fields<'v>(example: &'v Value, found: &mut Vec<(&'v str, &'v Value)>) {
    match example {
        Value::Object(map) => {
            for (name, value) in map {
                found.push((name, value));
                fields(value, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| fields(value, found)),
        _ => {}
    }
}

#[test]
fn no_example_grants_a_role_or_sets_a_password() {
    let document = super::openapi();
    let nobody = UserProfile::default();
    let mut seen = 0;
    for (name, operation) in operations(&document) {
        let content = operation["requestBody"]["content"].as_object();
        let mut found = Vec::new();
        for body in content.into_iter().flat_map(|content| content.values()) {
            fields(&body["example"], &mut found);
        }
        for (field, value) in found {
            if field.starts_with("role") {
                assert_eq!(value, "user", "{name}: {field}");
                seen += 1;
            }
            if field.contains("pass") && !value.is_null() {
                let password = SecretString::from(value.as_str().unwrap());
                let refused = PasswordPolicy::Basic.check("passwd", &password, &nobody);
                assert!(refused.is_err(), "{name}: {field}");
                seen += 1;
            }
        }
    }
    assert!(seen >= 2, "{seen} fields");
}

#[test]
fn a_misspelling_is_accepted_and_not_shown() {
    let document = super::openapi();
    let body = &document["paths"]["/authenticate"]["post"]["requestBody"];
    let body = &body["content"]["application/json"];
    let fields = body["schema"]["properties"].as_object().unwrap();
    let names: BTreeSet<&str> = fields.keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(["email", "password", "username"]));
    assert!(!document.to_string().contains("passowrd"));
}

#[test]
fn the_page_says_what_to_log_in_with() {
    let document = super::openapi();
    let schemes = &document["components"]["securitySchemes"];
    let said = |name: &str| schemes[name]["description"].as_str().unwrap();
    assert!(said("basic").contains("email address"));
    assert!(said("bearer").contains("POST /authenticate"));
}

#[test]
fn what_is_about_the_installation_has_one_tag() {
    let document = super::openapi();
    let tags = document["tags"].as_array().unwrap();
    let names: BTreeSet<&str> = tags
        .iter()
        .map(|tag| tag["name"].as_str().unwrap())
        .collect();
    for path in [
        "/",
        "/docs",
        "/healthz",
        "/metrics",
        "/openapi.json",
        "/readyz",
    ] {
        let tag = &document["paths"][path]["get"]["tags"];
        assert_eq!(*tag, serde_json::json!(["system"]), "{path}");
        assert!(!names.contains(path.trim_start_matches('/')), "{path}");
    }
    assert!(names.contains("system") && names.contains("contacts"));
}
