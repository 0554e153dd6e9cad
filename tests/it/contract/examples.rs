//! The examples of the original documents, extracted as data (`tests/contract/ictcore.json`), and
//! those of our own description.

use serde_json::{Map, Value, json};

use super::routes::{self, Route};

const TABLE: &str = include_str!("../../contract/ictcore.json");

/// Replacements for placeholders of values, by area and field. Fields that refer to an aggregate
/// get the id of an existing one.
const PLACEHOLDERS: [(&str, &str, &str); 10] = [
    ("/messages/texts", "type", "plain"),
    ("", "email", "ada@example.com"),
    ("", "direction", "outbound"),
    ("/providers", "host", "127.0.0.1"),
    ("/providers", "type", "sandbox"),
    ("/providers", "settings", "{}"),
    ("/providers", "gateway_flag", "128"),
    ("/providers", "service_flag", "15"),
    ("/transmissions", "service_flag", "8"),
    ("/users", "country_id", "826"),
];

/// Fields with unique values, for which the documents use the same value repeatedly.
const UNIQUE: [&str; 2] = ["username", "name"];

/// The documented example of a route.
#[derive(Debug, Clone)]
pub struct Example {
    pub method: String,
    pub path: String,
    pub request: Option<Value>,
    pub schema: Option<Value>,
}

/// Every operation of the document.
pub fn all() -> Vec<Example> {
    let rows: Vec<Value> = serde_json::from_str(TABLE).unwrap();
    let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    rows.iter()
        .map(|row| Example {
            method: text(row, "method"),
            path: text(row, "path"),
            request: row.get("request").map(healed),
            schema: row.get("response_schema").map(healed),
        })
        .collect()
}

/// The value with its broken keys repaired: some contain the sentence after them, `1 (number) -
/// …`. The field is their beginning, and the sentence names its type.
fn healed(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let healed = |(key, value): (&String, &Value)| match key.split_once(':') {
                Some((field, said)) if said.contains("(number)") => {
                    let number = match value {
                        Value::Object(_) => json!({"type": "number"}),
                        _ => json!(1),
                    };
                    (field.to_owned(), number)
                }
                _ => (key.clone(), self::healed(value)),
            };
            map.iter().map(healed).collect::<Map<_, _>>().into()
        }
        Value::Array(values) => values.iter().map(healed).collect(),
        other => other.clone(),
    }
}

/// The example in the original documents for this route.
pub fn documented(method: &str, path: &str) -> Option<Example> {
    let shape = routes::shape(path);
    let mut all = all().into_iter();
    all.find(|it| it.method == method && routes::shape(&it.path) == shape)
}

/// The example in our own description, which is as served at `/openapi.json`, for this route.
pub fn described(description: &Value, route: Route) -> Option<Example> {
    let operation = routes::described(description, route)?;
    let body = &operation["requestBody"]["content"]["application/json"];
    Some(Example {
        method: route.method.to_owned(),
        path: route.path.to_owned(),
        request: Some(body.get("example")?.clone()),
        schema: None,
    })
}

impl Example {
    /// The fields that refer to aggregates, with the kinds of these.
    pub fn references(&self) -> Vec<(String, &'static str)> {
        let kinds = routes::referred();
        let fields = self.request.as_ref().and_then(Value::as_object);
        let fields = fields.into_iter().flat_map(|fields| fields.keys());
        let kind = |field: &str| match field {
            "parent_id" => Some("program"),
            field => {
                let kind = field.strip_suffix("_id")?;
                kinds.get(kind).copied()
            }
        };
        fields
            .filter_map(|field| Some((field.clone(), kind(field)?)))
            .collect()
    }

    /// The body with every placeholder replaced; `ids` gives the ids for references.
    pub fn body(&self, ids: &dyn Fn(&str) -> Option<i64>, unique: &str) -> Option<Value> {
        let mut body = self.request.clone()?;
        let fields = body.as_object_mut()?;
        for (field, value) in fields.iter_mut() {
            if let Some((_, _, instead)) = PLACEHOLDERS.iter().find(|(area, name, _)| {
                name == field && (area.is_empty() || self.path.contains(area))
            }) {
                *value = same_type(value, instead);
            }
            if UNIQUE.contains(&field.as_str()) {
                *value = json!(unique);
            }
            if self.path.starts_with("/tenants") && field == "code" {
                *value = json!(unique);
            }
            if self.path.ends_with("/extensions") && field == "number" {
                *value = json!((1000 + crate::harness::unique()).to_string());
            }
            if self.path.starts_with("/users") && field == "email" {
                *value = json!(format!("{unique}@example.com"));
            }
            if let Some(id) = ids(field) {
                *value = json!(id);
            }
        }
        Some(body)
    }
}

fn same_type(value: &Value, instead: &str) -> Value {
    match value {
        Value::Number(_) => instead
            .parse::<i64>()
            .map_or(json!(instead), |it| json!(it)),
        _ => json!(instead),
    }
}
