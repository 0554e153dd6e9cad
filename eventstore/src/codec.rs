//! Converts events to their stored form and back: JSON, with personal data sealed.
//!
//! Personal data appears in an event's JSON as `{"$of": subject, "$value": …}`
//! and in the log as `{"$of": subject, "$sealed": …}`. Sealed data is bound to its
//! place (type, id, sequence), so that it cannot be moved to another event.
//! Without its subject's key it reads as `{"$of": subject}`, erased.

use std::collections::{HashMap, HashSet};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use domain::Subject;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{StoreError, keys::SubjectKey};

const OF: &str = "$of";
const VALUE: &str = "$value";
const SEALED: &str = "$sealed";

/// A place in the log that sealed data is bound to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub aggregate_type: &'a str,
    pub aggregate_id: &'a str,
    pub sequence: u64,
}

impl Place<'_> {
    fn context(&self, subject: &str) -> String {
        let Self {
            aggregate_type,
            aggregate_id,
            sequence,
        } = self;
        format!("{subject}|{aggregate_type}/{aggregate_id}/{sequence}")
    }
}

/// An event or a state as JSON, and the subjects of the personal data in it.
#[derive(Debug)]
pub(crate) struct Encoded {
    json: Json,
    pub subjects: HashSet<Subject>,
}

#[derive(Debug)]
enum Json {
    Plain(String),
    WithPersonal(Value),
}

impl Encoded {
    pub fn encode(value: &impl Serialize) -> serde_json::Result<Self> {
        let text = serde_json::to_string(value)?;
        // A quote inside a string is escaped, so this finds keys only.
        if !text.contains("\"$of\"") {
            return Ok(Self {
                json: Json::Plain(text),
                subjects: HashSet::new(),
            });
        }
        let value = serde_json::from_str(&text)?;
        let mut subjects = HashSet::new();
        collect_subjects(&value, &mut subjects);
        Ok(Self {
            json: Json::WithPersonal(value),
            subjects,
        })
    }

    /// The text to store. Data of a subject that has no key any more is dropped.
    pub fn seal(
        self,
        place: Place<'_>,
        keys: &HashMap<Subject, SubjectKey>,
    ) -> Result<String, StoreError> {
        match self.json {
            Json::Plain(text) => Ok(text),
            Json::WithPersonal(mut value) => {
                seal(&mut value, place, keys)?;
                Ok(value.to_string())
            }
        }
    }
}

fn subject_of(object: &Map<String, Value>) -> Option<Subject> {
    let subject = object.get(OF)?.as_str()?;
    Some(Subject::from(subject.to_owned()))
}

/// Adds every subject that is named in a payload, sealed or not.
pub(crate) fn collect_subjects(value: &Value, into: &mut HashSet<Subject>) {
    match value {
        Value::Object(object) => {
            into.extend(subject_of(object));
            object
                .values()
                .for_each(|value| collect_subjects(value, into));
        }
        Value::Array(values) => values
            .iter()
            .for_each(|value| collect_subjects(value, into)),
        _ => {}
    }
}

fn seal(
    value: &mut Value,
    place: Place<'_>,
    keys: &HashMap<Subject, SubjectKey>,
) -> Result<(), StoreError> {
    match value {
        Value::Object(object) => {
            for value in object.values_mut() {
                seal(value, place, keys)?;
            }
            let Some(subject) = subject_of(object) else {
                return Ok(());
            };
            let Some(plain) = object.remove(VALUE) else {
                return Ok(());
            };
            if let Some(key) = keys.get(&subject) {
                let context = place.context(subject.as_str());
                let sealed = key.seal_bytes(&context, plain.to_string().as_bytes())?;
                object.insert(SEALED.into(), STANDARD_NO_PAD.encode(sealed).into());
            }
            Ok(())
        }
        Value::Array(values) => values
            .iter_mut()
            .try_for_each(|value| seal(value, place, keys)),
        _ => Ok(()),
    }
}

/// Opens the sealed data in a stored payload; drops it where the subject has no key.
pub(crate) fn unseal(
    value: &mut Value,
    place: Place<'_>,
    keys: &HashMap<Subject, SubjectKey>,
) -> Result<(), StoreError> {
    match value {
        Value::Object(object) => {
            if let Some(subject) = subject_of(object)
                && let Some(Value::String(sealed)) = object.remove(SEALED)
                && let Some(key) = keys.get(&subject)
            {
                let bytes = STANDARD_NO_PAD.decode(sealed).map_err(|_| NOT_SEALED)?;
                let plain = key.open_bytes(&place.context(subject.as_str()), &bytes)?;
                let plain = serde_json::from_slice(&plain).map_err(|_| NOT_SEALED)?;
                object.insert(VALUE.into(), plain);
            }
            for value in object.values_mut() {
                unseal(value, place, keys)?;
            }
            Ok(())
        }
        Value::Array(values) => values
            .iter_mut()
            .try_for_each(|value| unseal(value, place, keys)),
        _ => Ok(()),
    }
}

const NOT_SEALED: StoreError = StoreError::Vault("sealed data in the log is damaged");

/// Replaces the personal markers by the data that they hold, for people to read; erased data
/// becomes `null`.
pub fn readable(value: Value) -> Value {
    match value {
        Value::Object(mut object) if object.contains_key(OF) => {
            object.remove(VALUE).map_or(Value::Null, readable)
        }
        Value::Object(object) => {
            let fields = object.into_iter();
            Value::Object(
                fields
                    .map(|(name, value)| (name, readable(value)))
                    .collect(),
            )
        }
        Value::Array(values) => values.into_iter().map(readable).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::Personal;
    use serde_json::json;

    use super::*;
    use crate::Vault;

    const PLACE: Place<'_> = Place {
        aggregate_type: "contact",
        aggregate_id: "1",
        sequence: 1,
    };

    fn ada() -> Subject {
        Subject::new("contact", 1)
    }

    fn keys() -> HashMap<Subject, SubjectKey> {
        HashMap::from([(ada(), Arc::new(Vault::under(&[7; 32])))])
    }

    fn stored() -> Value {
        let event = json!({"created": {"profile": Personal::new(ada(), "Ada Lovelace")}});
        let encoded = Encoded::encode(&event).unwrap();
        assert_eq!(encoded.subjects, HashSet::from([ada()]));
        let text = encoded.seal(PLACE, &keys()).unwrap();
        assert!(!text.contains("Lovelace"));
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn what_is_sealed_reads_back_with_its_key() {
        let mut value = stored();
        unseal(&mut value, PLACE, &keys()).unwrap();
        assert_eq!(
            readable(value),
            json!({"created": {"profile": "Ada Lovelace"}})
        );
    }

    #[test]
    fn without_its_key_it_reads_as_nothing() {
        let mut value = stored();
        unseal(&mut value, PLACE, &HashMap::new()).unwrap();
        assert_eq!(readable(value), json!({"created": {"profile": null}}));
    }

    #[test]
    fn it_cannot_be_moved_to_another_event() {
        let elsewhere = Place {
            sequence: 2,
            ..PLACE
        };
        assert!(unseal(&mut stored(), elsewhere, &keys()).is_err());
    }

    #[test]
    fn data_of_an_erased_subject_is_dropped_not_stored() {
        let event = json!({"words": Personal::new(ada(), "Ada said no")});
        let text = Encoded::encode(&event)
            .unwrap()
            .seal(PLACE, &HashMap::new())
            .unwrap();
        assert_eq!(text, r#"{"words":{"$of":"contact/1"}}"#);
    }
}
