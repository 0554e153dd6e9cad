//! An example for every body, made of its schema: what a field is called says what stands
//! in it.

use serde_json::{Map, Value, json};

/// How deep examples go; schemas may refer to themselves.
const DEPTH: usize = 6;

/// Adds an example to each body of each operation.
pub(super) fn add(document: &mut Value) {
    let schemas = document["components"]["schemas"].clone();
    let Some(paths) = document["paths"].as_object_mut() else {
        return;
    };
    let operations = paths.values_mut().filter_map(Value::as_object_mut);
    for operation in operations.flat_map(|item| item.values_mut()) {
        if let Some(content) = operation["requestBody"]["content"].as_object_mut() {
            add_to(content, &schemas);
        }
        let Some(responses) = operation["responses"].as_object_mut() else {
            continue;
        };
        for response in responses.values_mut() {
            if let Some(content) = response["content"].as_object_mut() {
                add_to(content, &schemas);
            }
        }
        tidy(operation);
    }
}

/// Indexing what is not there leaves a null in its place.
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

fn add_to(content: &mut Map<String, Value>, schemas: &Value) {
    for (kind, body) in content {
        if kind.ends_with("json") && body.get("example").is_none() {
            body["example"] = of(&body["schema"], "", schemas, DEPTH);
        }
    }
}

/// An example of a schema, for a field of this name.
fn of(schema: &Value, field: &str, schemas: &Value, depth: usize) -> Value {
    if let Some(example) = schema["examples"].as_array().and_then(|of| of.first()) {
        return example.clone();
    }
    if let Some(name) = schema["$ref"].as_str().and_then(|at| at.rsplit('/').next()) {
        return of(&schemas[name], field, schemas, depth);
    }
    if let Some(options) = schema["oneOf"].as_array() {
        let some = options.iter().find(|option| option["type"] != "null");
        return some.map_or(Value::Null, |option| of(option, field, schemas, depth));
    }
    let types = types(schema);
    if depth > 0 && (schema.get("properties").is_some() || types.contains(&"object")) {
        let Some(fields) = schema["properties"].as_object() else {
            return known(field).unwrap_or_else(|| json!({}));
        };
        let example = |(name, schema): (&String, &Value)| {
            (name.clone(), of(schema, name, schemas, depth - 1))
        };
        return fields.iter().map(example).collect::<Map<_, _>>().into();
    }
    if types.contains(&"array") {
        return match depth {
            0 => json!([]),
            _ => json!([of(&schema["items"], field, schemas, depth - 1)]),
        };
    }
    fitting(schema, &types, field)
}

fn fitting(schema: &Value, types: &[&str], field: &str) -> Value {
    if let Some(value) = known(field).filter(|value| fits(value, types)) {
        return value;
    }
    if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
        return first.clone();
    }
    if types.contains(&"integer") || types.contains(&"number") {
        return schema.get("minimum").cloned().unwrap_or_else(|| json!(1));
    }
    match types.first() {
        Some(&"boolean") => json!(true),
        Some(&"string") => json!("text"),
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

/// What stands in a field of this name.
fn known(field: &str) -> Option<Value> {
    Some(match field {
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
        "passwd" | "password" => json!("correct horse battery"),
        "company" => json!("Analytical Engines"),
        "name" => json!("Spring news"),
        "subject" => json!("Spring is here, [contact:first_name]"),
        "body" => json!("<p>Hello [contact:first_name]</p>"),
        "body_alt" => json!("Hello [contact:first_name]"),
        "data" => json!("Hello [contact:first_name]"),
        "title" => json!("Spring news to Ada"),
        "host" => json!("smtp.example.com"),
        "port" => json!(587),
        "prefix" => json!(""),
        "status" => json!("pending"),
        "direction" => json!("outbound"),
        "response" => json!(""),
        "timezone" => json!("Europe/London"),
        "last_run" | "time_spool" | "time_start" | "time_connect" | "time_end" => {
            json!(1_795_221_635)
        }
        "settings" => json!({}),
        "event_type" => json!("ContactCreated"),
        "aggregate_type" => json!("contact"),
        "token" | "access_token" => json!("eyJhbGciOi…"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_fits_its_schema() {
        let schema = json!({"type": "object", "properties": {
            "phone": {"type": ["string", "integer", "null"]},
            "contact_id": {"type": "integer", "minimum": 1},
            "rows": {"type": "array", "items": {"$ref": "#/components/schemas/Row"}},
        }});
        let schemas = json!({"Row": {"type": "object", "properties": {
            "active": {"type": "integer", "enum": [0, 1]}}}});
        assert_eq!(
            of(&schema, "", &schemas, DEPTH),
            json!({"phone": "+15550100", "contact_id": 1, "rows": [{"active": 0}]})
        );
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let schemas = json!({"Row": {"type": "object", "properties": {
            "child": {"$ref": "#/components/schemas/Row"}}}});
        let example = of(
            &json!({"$ref": "#/components/schemas/Row"}),
            "",
            &schemas,
            DEPTH,
        );
        assert!(example.to_string().len() < 100, "{example}");
    }
}
