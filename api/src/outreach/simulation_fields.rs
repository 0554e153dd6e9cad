//! The request fields of a simulation.

use std::collections::BTreeMap;

use domain::flow::{Given, Run};
use serde_json::{Map, Value};
use utoipa::openapi::{
    ObjectBuilder,
    schema::{SchemaType, Type},
};

use crate::extract::{Fields, FromFields, Given as _};

/// The most names of steps and applications: those of the longest flow.
const MOST_NAMES: usize = 128;
/// The most characters of a name, which is quoted in errors.
const NAME: usize = 32;
/// The most details of an answer.
const MOST_DETAILS: usize = 16;

/// The answers to the steps of a flow, by step number or by application.
#[derive(Debug)]
pub(super) struct SimulationRequest(pub BTreeMap<String, Vec<Given>>);

impl FromFields for SimulationRequest {
    const LIMIT: usize = 64 << 10;

    fn from_fields(fields: &mut Fields) -> Self {
        fields.note("answers", schema);
        let named = fields.parse("answers", |value| named(value).map(Some));
        let mut answers = BTreeMap::new();
        for (name, value) in named.given().into_iter().flatten() {
            match several(&value) {
                Ok(given) => drop(answers.insert(name, given)),
                Err(why) => fields.refuse(format!("answers.{name}"), why),
            }
        }
        Self(answers)
    }
}

fn schema() -> ObjectBuilder {
    let said = "Answers by step number (counted from 0) or application. An answer is a result \
                (`busy`, `failed`), a key that is pressed, `human` or `machine`, an end (`hangup`, \
                `hangup_local`, `cancelled`, `deadline`), or an object of `result` and details \
                (`{\"key\": \"1\"}`). Of a list each visit of the step gets the next one, and the \
                last stays.";
    let types = SchemaType::from_iter([Type::Object, Type::Null]);
    let object = ObjectBuilder::new().schema_type(types);
    object
        .description(Some(said))
        .max_properties(Some(MOST_NAMES))
}

/// The answers by their names.
fn named(value: &Value) -> Result<Map<String, Value>, String> {
    let Value::Object(map) = value else {
        return Err("must be an object".to_owned());
    };
    if map.len() > MOST_NAMES {
        return Err(format!("must have at most {MOST_NAMES} names"));
    }
    let is_plain = |name: &String| name.len() <= NAME && !name.contains(char::is_control);
    if !map.keys().all(is_plain) {
        return Err("has a name that is neither a step nor an application".to_owned());
    }
    Ok(map.clone())
}

/// One answer, or a list of them.
fn several(value: &Value) -> Result<Vec<Given>, String> {
    match value {
        Value::Array(list) if list.len() > Run::MOST_STEPS => {
            Err(format!("must have at most {} answers", Run::MOST_STEPS))
        }
        Value::Array(list) => list.iter().map(one).collect(),
        _ => Ok(vec![one(value)?]),
    }
}

fn one(value: &Value) -> Result<Given, String> {
    let Value::Object(map) = value else {
        let result = Some(word(value)?);
        let details = Vec::new();
        return Ok(Given { result, details });
    };
    if map.len() > MOST_DETAILS {
        return Err(format!("must have at most {MOST_DETAILS} details"));
    }
    let mut given = Given::default();
    for (name, value) in map {
        let value = word(value)?;
        match name.as_str() {
            "result" => given.result = Some(value),
            _ if name.len() > NAME || name.contains(char::is_control) => {
                return Err("has a detail that no application has".to_owned());
            }
            _ => given.details.push((name.clone(), value)),
        }
    }
    Ok(given)
}

/// A word, or a whole number that stands for its digits.
fn word(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) if number.is_u64() => Ok(number.to_string()),
        _ => Err("must be a result, a key, an object or a list of these".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Error, Result};

    fn read(body: Value) -> Result<BTreeMap<String, Vec<Given>>> {
        let Value::Object(map) = body else {
            panic!("an object")
        };
        let mut fields = Fields::new(map);
        let request = SimulationRequest::from_fields(&mut fields);
        fields.finish(request).map(|it| it.0)
    }

    #[test]
    fn answers_may_be_missing() {
        for body in [json!({}), json!({"answers": null}), json!({"answers": {}})] {
            assert_eq!(read(body), Ok(BTreeMap::new()));
        }
    }

    #[test]
    fn an_answer_is_a_word_a_number_an_object_or_a_list() {
        let body = json!({"answers": {"1": ["busy", 1, {"result": "success", "key": 2}]}});
        let given = &read(body).unwrap()["1"];
        let words: Vec<_> = given.iter().map(|it| it.result.as_deref()).collect();
        assert_eq!(words, [Some("busy"), Some("1"), Some("success")]);
        assert_eq!(given[2].details, [("key".to_owned(), "2".to_owned())]);
    }

    #[test]
    fn what_is_too_much_or_no_answer_is_refused_by_name() {
        let names: Map<_, _> = (0..=MOST_NAMES)
            .map(|at| (at.to_string(), json!("busy")))
            .collect();
        let details: Map<_, _> = (0..=MOST_DETAILS)
            .map(|at| (at.to_string(), json!("x")))
            .collect();
        for (answers, field) in [
            (json!([]), "answers"),
            (json!("busy"), "answers"),
            (json!(names), "answers"),
            (json!({"x".repeat(NAME + 1): "busy"}), "answers"),
            (json!({"a\u{0}": "busy"}), "answers"),
            (json!({"1": true}), "answers.1"),
            (json!({"1": -1}), "answers.1"),
            (json!({"1": null}), "answers.1"),
            (json!({"1": [["busy"]]}), "answers.1"),
            (json!({"1": vec!["busy"; Run::MOST_STEPS + 1]}), "answers.1"),
            (json!({"1": details}), "answers.1"),
            (json!({"1": {"key": {}}}), "answers.1"),
            (json!({"1": {"k".repeat(NAME + 1): "1"}}), "answers.1"),
        ] {
            let Err(Error::Invalid(errors)) = read(json!({ "answers": answers })) else {
                panic!("{field}")
            };
            let fields: Vec<_> = errors.iter().map(|error| error.field.as_ref()).collect();
            assert_eq!(fields, [field]);
        }
    }
}
