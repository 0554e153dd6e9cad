//! Examples for all bodies that have none of their own, made of their schemas: the name of a field
//! decides on its value.
//!
//! Pages send the example of a request as it stands, so a request that is sent unchanged must do no
//! harm: the only role in an example is `user`, and a password that is to be set is null, which is
//! refused.

use serde_json::{Map, Value, json};

use crate::authorization::TENANT_ID;

/// The greatest depth of an example; schemas may refer to themselves.
const DEPTH: usize = 6;

/// A password in an example: shorter than any that can be set.
pub(crate) const PASSWORD: &str = "secret";

/// Adds an example to each body of each operation.
pub(super) fn add(document: &mut Value) {
    let schemas = document["components"]["schemas"].clone();
    let requests = Examples::new(&schemas, true);
    let answers = Examples::new(&schemas, false);
    let Some(paths) = document["paths"].as_object_mut() else {
        return;
    };
    let operations = paths.values_mut().filter_map(Value::as_object_mut);
    for operation in operations.flat_map(|item| item.values_mut()) {
        if let Some(content) = operation["requestBody"]["content"].as_object_mut() {
            requests.add_to(content);
        }
        let Some(responses) = operation["responses"].as_object_mut() else {
            continue;
        };
        for response in responses.values_mut() {
            if let Some(content) = response["content"].as_object_mut() {
                answers.add_to(content);
            }
        }
        tidy(operation);
    }
}

/// Removes the nulls that indexing leaves in the place of missing values.
fn tidy(operation: &mut Value) {
    let Some(operation) = operation.as_object_mut() else {
        return;
    };
    operation.retain(|_, value| match value {
        Value::Object(map) => !map.values().all(Value::is_null),
        value => !value.is_null(),
    });
    if let Some(responses) = operation
        .get_mut("responses")
        .and_then(Value::as_object_mut)
    {
        for response in responses.values_mut().filter_map(Value::as_object_mut) {
            response.retain(|_, value| !value.is_null());
        }
    }
}

/// Makes examples of schemas.
struct Examples<'a> {
    schemas: &'a Value,
    /// True for bodies of requests, false for bodies of answers.
    sent: bool,
}

impl<'a> Examples<'a> {
    fn new(schemas: &'a Value, sent: bool) -> Self {
        Self { schemas, sent }
    }

    fn add_to(&self, content: &mut Map<String, Value>) {
        for (kind, body) in content {
            if kind.ends_with("json") && body.get("example").is_none() {
                body["example"] = self.example(&body["schema"], "", DEPTH);
            }
        }
    }

    /// An example of a schema, for a field of this name.
    fn example(&self, schema: &Value, field: &str, depth: usize) -> Value {
        if let Some(example) = schema["examples"].as_array().and_then(|of| of.first()) {
            return example.clone();
        }
        if let Some(name) = schema["$ref"].as_str().and_then(|at| at.rsplit('/').next()) {
            return self.example(&self.schemas[name], field, depth);
        }
        if let Some(options) = schema["oneOf"].as_array() {
            let some = options.iter().find(|option| option["type"] != "null");
            return some.map_or(Value::Null, |option| self.example(option, field, depth));
        }
        if let Some(parts) = schema["allOf"].as_array() {
            let parts = parts.iter().map(|part| self.example(part, field, depth));
            let fields = parts.filter_map(|part| part.as_object().cloned()).flatten();
            return fields.collect::<Map<_, _>>().into();
        }
        let types = types(schema);
        if depth > 0 && (schema.get("properties").is_some() || types.contains(&"object")) {
            return self.object(schema, field, depth);
        }
        if types.contains(&"array") {
            return match depth {
                0 => json!([]),
                _ => json!([self.example(&schema["items"], field, depth - 1)]),
            };
        }
        fitting(schema, &types, field)
    }

    fn object(&self, schema: &Value, field: &str, depth: usize) -> Value {
        let Some(fields) = schema["properties"].as_object() else {
            return known(field).unwrap_or_else(|| json!({}));
        };
        let required = schema["required"].as_array();
        let is_required =
            |name: &String| required.is_some_and(|names| names.iter().any(|one| one == name));
        let shown = fields.iter().filter(|(name, schema)| {
            // Where it has a default, a new thing is of little use without it.
            let is_kept = *name == "active" && schema.get("default").is_none();
            let chosen = is_kept || *name == TENANT_ID || is_secret(schema);
            !(self.sent && chosen) || is_required(name)
        });
        let example = |(name, schema): (&String, &Value)| {
            (name.clone(), self.example(schema, name, depth - 1))
        };
        shown.map(example).collect::<Map<_, _>>().into()
    }
}

/// True for a field that is never answered, such as a password.
fn is_secret(schema: &Value) -> bool {
    schema["writeOnly"] == true
}

fn fitting(schema: &Value, types: &[&str], field: &str) -> Value {
    if is_secret(schema) {
        return match schema.get("minLength") {
            Some(_) => Value::Null,
            None => json!(PASSWORD),
        };
    }
    let words = schema["enum"].as_array();
    let is_allowed = |value: &Value| words.is_none_or(|words| words.contains(value));
    if let Some(value) = known(field).filter(|value| fits(value, types) && is_allowed(value)) {
        return value;
    }
    if let Some(first) = words.and_then(|words| words.first()) {
        return first.clone();
    }
    let is_number = types.contains(&"integer") || types.contains(&"number");
    if let Some(minimum) = schema.get("minimum").filter(|_| is_number) {
        return match minimum.as_i64() {
            Some(..0) => json!(0),
            _ => minimum.clone(),
        };
    }
    match types.first() {
        Some(&"boolean") => json!(true),
        Some(&"string") => json!("text"),
        _ if is_number => json!(1),
        _ => known(field).unwrap_or(Value::Null),
    }
}

fn types(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn fits(value: &Value, types: &[&str]) -> bool {
    types.is_empty()
        || types.contains(match value {
            Value::String(_) => &"string",
            Value::Number(number) if number.is_f64() => &"number",
            Value::Number(_) => &"integer",
            Value::Bool(_) => &"boolean",
            Value::Array(_) => &"array",
            Value::Object(_) => &"object",
            Value::Null => &"null",
        })
}

/// The value of a field of this name.
fn known(field: &str) -> Option<Value> {
    Some(match field {
        TENANT_ID => json!(2),
        "first_name" => json!("Ada"),
        "last_name" => json!("Lovelace"),
        "phone" | "contact_phone" => json!("+15550100"),
        "account_phone" => json!("+15550199"),
        "email" | "contact_email" => json!("ada@example.com"),
        "account_email" => json!("office@example.com"),
        "address" => json!("12 St James's Square"),
        "custom1" | "custom2" | "custom3" => json!("blue"),
        "description" => json!("Met at the fair"),
        "username" => json!("ada"),
        "role" => json!("user"),
        "force" => json!(false),
        "company" => json!("Analytical Engines"),
        "name" => json!("Spring news"),
        "subject" => json!("Spring is here, [contact:first_name]"),
        "body" => json!("<p>Hello [contact:first_name]</p>"),
        "body_alt" => json!("Hello [contact:first_name]"),
        "data" => json!("Hello [contact:first_name]"),
        "title" => json!("Spring news to Ada"),
        "host" => json!("smtp.example.com"),
        "numbers" => json!("+15550100"),
        "mail_domains" => json!("example.com"),
        "port" => json!(587),
        "prefix" => json!(""),
        "status" => json!("pending"),
        "direction" => json!("outbound"),
        "response" => json!(""),
        "timezone" => json!("Europe/London"),
        "language" => json!("en"),
        "quiet_from" => json!("21:00"),
        "quiet_to" => json!("08:00"),
        "if_missed" => json!("run"),
        "last_run" | "time_spool" | "time_start" | "time_connect" | "time_end" => {
            json!(1_795_221_635)
        }
        "settings" => json!({}),
        "number" | "mailbox" => json!("600"),
        "fullname" => json!("Ada Lovelace"),
        "hunt_type" => json!("Ring All"),
        "condition_type" => json!("WEEKTIME"),
        "source_type" => json!("HUNTLIST"),
        "target_type" => json!("EXT"),
        "custom_type" => json!("forward"),
        "mac" => json!("00:15:65:12:ab:cd"),
        "vendor" => json!("Yealink"),
        "caller_id" | "cid_number" | "follow_me_caller_id" => json!("+15550100"),
        "currency" => json!("EUR"),
        "event_type" => json!("ContactCreated"),
        "aggregate_type" => json!("contact"),
        "token" | "access_token" => json!("eyJhbGciOi…"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(schema: &Value, schemas: &Value) -> Value {
        Examples::new(schemas, false).example(schema, "", DEPTH)
    }

    fn sent(schema: &Value) -> Value {
        Examples::new(&json!({}), true).example(schema, "", DEPTH)
    }

    #[test]
    fn an_example_fits_its_schema() {
        let schema = json!({"type": "object", "properties": {
            "phone": {"type": ["string", "integer", "null"]},
            "contact_id": {"type": "integer", "minimum": 1},
            "delay": {"type": ["integer", "string"], "minimum": -9},
            "status": {"type": "string", "enum": ["completed", "failed"]},
            "rows": {"type": "array", "items": {"$ref": "#/components/schemas/Row"}},
        }});
        let schemas = json!({"Row": {"type": "object", "properties": {
            "active": {"type": "integer", "enum": [0, 1]}}}});
        assert_eq!(
            answered(&schema, &schemas),
            json!({"phone": "+15550100", "contact_id": 1, "delay": 0,
                "status": "completed", "rows": [{"active": 0}]})
        );
    }

    #[test]
    fn an_example_of_several_schemas_has_the_fields_of_all() {
        let schemas = json!({"Row": {"type": "object", "properties": {
            "contact_id": {"type": "integer", "minimum": 1}}}});
        let schema = json!({"allOf": [{"$ref": "#/components/schemas/Row"},
            {"type": "object", "properties": {"phone": {"type": "string"}}}]});
        let example = answered(&schema, &schemas);
        assert_eq!(example, json!({"contact_id": 1, "phone": "+15550100"}));
    }

    #[test]
    fn a_request_leaves_out_secrets_that_it_need_not_have() {
        let secret = json!({"type": ["string", "null"], "writeOnly": true});
        let mut chosen = secret.clone();
        chosen["minLength"] = json!(8);
        let schema = json!({"type": "object", "required": ["passwd", "password"], "properties": {
            "username": {"type": "string"}, "passwd": chosen, "password": secret, "pin": secret,
            "active": {"type": "boolean"}, "role": {"type": ["string", "integer"]}}});
        let expected =
            json!({"username": "ada", "passwd": null, "password": PASSWORD, "role": "user"});
        assert_eq!(sent(&schema), expected);
    }

    #[test]
    fn what_is_created_inactive_by_default_is_activated_in_its_example() {
        let active = json!({"type": "integer", "default": 0, "examples": [1]});
        let schema = json!({"type": "object", "properties": {"active": active}});
        assert_eq!(sent(&schema), json!({"active": 1}));
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let schemas = json!({"Row": {"type": "object", "properties": {
            "child": {"$ref": "#/components/schemas/Row"}}}});
        let example = answered(&json!({"$ref": "#/components/schemas/Row"}), &schemas);
        assert!(example.to_string().len() < 100, "{example}");
    }
}
