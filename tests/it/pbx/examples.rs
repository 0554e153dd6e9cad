//! The examples of document 004, replayed: `tests/contract/pbx.json`.
//!
//! For each example there is a tenant with the records of its answer, and the answer has to be the
//! same text: the same fields in the same order, all of them strings, with the ids there are.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    contract::routes::{self, Route},
    harness::{Client, Server, USER_PASSWORD, unique_name},
};

const EXAMPLES: &str = include_str!("../../contract/pbx.json");

/// An operation as the document describes it.
#[derive(Deserialize)]
struct Example {
    method: String,
    path: String,
    /// The names of the parameters.
    parameters: Vec<String>,
    /// The value of the last parameter, where it is an object.
    example: Option<String>,
    /// The data of the answer, as text. The call history has no example.
    data: Option<String>,
}

fn examples() -> Vec<Example> {
    serde_json::from_str(EXAMPLES).unwrap()
}

/// The rows of an answer, in the order of the document.
fn rows(data: &str) -> Vec<Map<String, Value>> {
    match serde_json::from_str(data).unwrap() {
        Value::Array(rows) => rows
            .into_iter()
            .map(|row| row.as_object().unwrap().clone())
            .collect(),
        Value::String(number) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
            let names = ["ex_cidnum", "GetFMFCallerId"];
            vec![
                names
                    .map(|name| (name.to_owned(), json!(number)))
                    .into_iter()
                    .collect(),
            ]
        }
        _ => vec![Map::new()],
    }
}

/// A tenant of an installation with one phone model.
struct World<'a> {
    operator: &'a Client,
    tenant: i64,
    code: String,
    phone_model: i64,
}

impl World<'_> {
    /// Creates a record from a row with the document's names.
    async fn record(&self, kind: &str, number: usize, row: &Map<String, Value>) -> i64 {
        let value = |name: &str| row.get(name).filter(|it| **it != json!("")).cloned();
        let or = |name: &str, other: Value| value(name).unwrap_or(other);
        let (path, field, mut body) = match kind {
            "extension" => (
                "extensions",
                "extension_id",
                json!({
                    "name": or("ex_name", json!("Ada")),
                    "number": or("ex_number", json!((200 + number).to_string())),
                    "cid_number": value("ex_cidnum"), "cid_name": value("ex_cidname"),
                    "follow_me_caller_id": value("GetFMFCallerId"),
                }),
            ),
            "did" => (
                "dids",
                "did_id",
                json!({
                    "number": or("di_number", json!("15146001434")), "comment": value("di_comment"),
                    "recording": u8::from(value("di_recording") == Some(json!("yes"))),
                }),
            ),
            "hunt" => (
                "hunts",
                "hunt_id",
                json!({
                    "number": or("hu_number", json!("501")), "name": or("hu_name", json!("Team")),
                    "hunt_type": value("hu_type"), "ring_time": value("hu_ringtime"),
                }),
            ),
            "phone" => (
                "phones",
                "phone_id",
                json!({
                    "name": or("ph_name", json!("Desk")), "phone_model_id": self.phone_model,
                    "mac": or("ph_mac", json!("x")), "filename": value("ph_filename"),
                }),
            ),
            "voicemail" => (
                "voicemails",
                "voicemail_id",
                json!({"fullname": value("fullname"), "email": value("email")}),
            ),
            "condition" => {
                let mut body =
                    json!({"name": value("co_name"), "condition_type": value("co_type")});
                for number in 1..=12 {
                    if let Some(param) = value(&format!("co_param{number}")) {
                        body[format!("param{number}")] = param;
                    }
                }
                ("conditions", "condition_id", body)
            }
            "ivr" => ("ivrs", "ivr_id", json!({"name": value("iv_name")})),
            "custom" => (
                "customs",
                "custom_id",
                json!({"name": value("cu_name"), "number": "15145550100"}),
            ),
            "destination" => (
                "destinations",
                "destination_id",
                json!({
                    "source_type": value("de_type_src"), "source_id": 1, "target_id": 1,
                    "target_type": value("de_type_dst"),
                    "order": or("de_ord", json!("1")).as_str().unwrap().parse::<i64>().unwrap(),
                }),
            ),
            other => panic!("{other} has no rows"),
        };
        body["tenant_id"] = json!(self.tenant);
        let made = self.operator.post(&format!("/pbx/{path}"), body).await;
        made.id(field)
    }

    /// The data with the ids there are in the place of the document's.
    fn with_ids(&self, data: &str, ids: &[i64]) -> String {
        let mut text = data.to_owned();
        for (row, id) in rows(data).iter().zip(ids) {
            for name in [
                "de_id", "ex_id", "di_id", "hu_id", "ph_id", "uniqueid", "co_id", "iv_id",
            ] {
                if let Some(documented) = row.get(name) {
                    let (old, new) = (
                        format!("\"{name}\":{documented}"),
                        format!("\"{name}\":\"{id}\""),
                    );
                    text = text.replacen(&old, &new, 1);
                }
            }
            for (name, id) in [
                ("cu_id", *id),
                ("di_te_id", self.tenant),
                ("ph_te_id", self.tenant),
                ("ph_pm_id", self.phone_model),
            ] {
                if let Some(documented) = row.get(name) {
                    let (old, new) = (
                        format!("\"{name}\":{documented}"),
                        format!("\"{name}\":\"{id}\""),
                    );
                    text = text.replacen(&old, &new, 1);
                }
            }
        }
        text
    }
}

/// The kind of records that an operation is about.
fn kind(path: &str) -> &str {
    path.split('/').nth(1).unwrap()
}

/// Sends the request of an example and answers the text of its data.
async fn ask(client: &Client, example: &Example, fields: &[(String, String)]) -> String {
    let request = client.request(&example.method, &example.path);
    let request = if example.method == "GET" {
        request
    } else {
        request.form(fields)
    };
    let answer = client.send(request).await;
    assert_eq!(answer.status, 200, "{}: {}", example.path, answer.text());
    for absent in ["link", "x-total-count"] {
        assert_eq!(answer.header(absent), None, "{}", example.path);
    }
    let text = answer.text();
    let data = text.strip_prefix(r#"{"status":"success","data":"#);
    let data = data.and_then(|rest| rest.strip_suffix('}'));
    data.unwrap_or_else(|| panic!("{}: {text}", example.path))
        .to_owned()
}

#[test]
fn every_documented_operation_has_an_example() {
    let documented: BTreeSet<_> = examples()
        .into_iter()
        .map(|it| (it.method, it.path))
        .collect();
    let is_documented = |route: &Route| route.document == "004";
    let routes = routes::all().into_iter().filter(is_documented);
    let routes: BTreeSet<_> = routes
        .map(|route| (route.method.to_owned(), route.path.to_owned()))
        .collect();
    assert_eq!(documented, routes);
    assert_eq!(routes.len(), 29);
}

#[tokio::test]
async fn examples_are_answered_as_documented() {
    let server = Server::alone().await;
    let operator = server.admin().await;
    let phone_model = operator
        .post("/pbx/phone_models", json!({"name": "T46S"}))
        .await;
    let phone_model = phone_model.id("phone_model_id");
    for example in examples() {
        let (Some(data), false) = (&example.data, kind(&example.path) == "user") else {
            continue;
        };
        let code = ["UniglobeDorval", "EscapeGamesCanada"];
        let code = code.into_iter().find(|code| data.contains(code));
        let code = code.map_or_else(|| unique_name("tenant"), str::to_owned);
        let tenant = json!({"code": code, "name": "Uniglobe Dorval"});
        let tenant = operator.post("/tenants", tenant).await.id("tenant_id");
        let own = format!("/users/{}/tenants/{tenant}", operator.user_id);
        operator.put(&own, json!({})).await.ok();
        let world = World {
            operator: &operator,
            tenant,
            code,
            phone_model,
        };
        let mut ids = Vec::new();
        for (number, row) in rows(data).iter().enumerate() {
            let mut row = row.clone();
            if example.path == "/extension/user" {
                row = Map::from_iter([("ex_number".to_owned(), json!("251"))]);
            }
            ids.push(world.record(kind(&example.path), number, &row).await);
        }
        let fields = fields(&example, &world, ids[0]);
        let answered = ask(&operator, &example, &fields).await;
        let expected = match example.path.as_str() {
            // Each is generated.
            "/extension/user" | "/extension/usersecret" => {
                let secret = rows_or_text(&answered);
                assert!(secret.len() >= 20, "{answered}");
                data.replace(&rows_or_text(data), &secret)
            }
            "/phone/AddNewPhone" => {
                let answer: Value = serde_json::from_str(&answered).unwrap();
                data.replace("\"4\"", &answer["PhoneID"].to_string())
            }
            _ => world.with_ids(data, &ids),
        };
        assert_eq!(answered, expected, "{}", example.path);
        assert!(!world.code.is_empty());
    }
}

/// The secret in an answer.
fn rows_or_text(data: &str) -> String {
    let value: Value = serde_json::from_str(data).unwrap();
    let secret = value.as_str().or_else(|| value[0]["secret"].as_str());
    secret.unwrap().to_owned()
}

fn fields(example: &Example, world: &World<'_>, id: i64) -> Vec<(String, String)> {
    let value = |name: &str| match name {
        "tenant_id" => world.tenant.to_string(),
        name if name.ends_with("_id") => id.to_string(),
        _ => {
            let example = example.example.clone().unwrap();
            let tenant = format!("\"ph_te_id\":\"{}\"", world.tenant);
            let model = format!("\"ph_pm_id\":\"{}\"", world.phone_model);
            let example = example.replace("\"ph_te_id\":\"1\"", &tenant);
            example.replace("\"ph_pm_id\":\"1\"", &model)
        }
    };
    let names = example.parameters.iter();
    names.map(|name| (name.clone(), value(name))).collect()
}

#[tokio::test]
async fn examples_of_users_are_answered_as_documented() {
    let server = Server::alone().await;
    let operator = server.admin().await;
    let name = unique_name("advicewise");
    let user = json!({"username": name, "passwd": USER_PASSWORD, "active": 1, "role": "user"});
    let user = operator.post("/users", user).await.id("user_id");
    for example in examples() {
        let Some(data) = example
            .data
            .as_deref()
            .filter(|_| kind(&example.path) == "user")
        else {
            continue;
        };
        let fields = [
            ("user".to_owned(), name.clone()),
            ("user_id".to_owned(), user.to_string()),
            ("password".to_owned(), "another-9-long-words".to_owned()),
        ];
        let names = &example.parameters;
        let fields: Vec<_> = fields
            .into_iter()
            .filter(|(name, _)| names.contains(name))
            .collect();
        let answered = ask(&operator, &example, &fields).await;
        let home = operator.get("/tenants/1").await.ok();
        let home = home["name"]
            .as_str()
            .or(home["code"].as_str())
            .unwrap()
            .to_owned();
        let expected = match example.path.as_str() {
            "/user/login" => data.replace("579", &operator.user_id.to_string()),
            "/user/get" => format!(
                r#"[{{"us_id":"{}","us_username":"admin"}},{{"us_id":"{user}","us_username":"{name}"}}]"#,
                operator.user_id
            ),
            "/user/tenants" => data
                .replace("134", &user.to_string())
                .replace("\"80\"", "\"1\"")
                .replace("Advice Wise Solicitors", &home),
            _ => data.to_owned(),
        };
        assert_eq!(answered, expected, "{}", example.path);
    }
}
