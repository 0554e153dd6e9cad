//! Marks of personal data, by which the event store encrypts it and can erase it.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use serde_json::Value;

/// The subject of personal data: an aggregate, written `contact/12`. The event store keeps one key
/// for each subject; deleting the key erases the subject from history (crypto-shredding).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Subject(String);

impl Subject {
    /// The subject for the aggregate of this type and id.
    pub fn new(aggregate_type: &str, id: i64) -> Self {
        Self(format!("{aggregate_type}/{id}"))
    }

    /// The subject as it is written in storage.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Subject {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// True if a client's own JSON has a name, at any depth, that begins with `$`. Such names are
/// reserved for marks: the store would take the value for personal data, and fail to decrypt it.
pub(crate) fn has_mark(name: &str, value: &Value) -> bool {
    name.starts_with('$')
        || match value {
            Value::Object(object) => object.iter().any(|(name, value)| has_mark(name, value)),
            Value::Array(values) => values.iter().any(|value| has_mark("", value)),
            _ => false,
        }
}

/// Personal data inside an event: readable while its subject's key exists, `None` once the subject
/// was erased.
///
/// The JSON form is `{"$of": subject, "$value": …}`; the store's codec replaces `$value` by
/// `$sealed` before the event is written, so this form never reaches the disk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Personal<T> {
    subject: Subject,
    value: Option<T>,
}

impl<T> Personal<T> {
    /// Personal data of this subject.
    pub fn new(subject: Subject, value: T) -> Self {
        Self {
            subject,
            value: Some(value),
        }
    }

    /// The subject of the data.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The data; `None` after an erasure.
    pub fn get(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// A part of the data, of the same subject.
    pub fn map<U>(self, part: impl FnOnce(T) -> U) -> Personal<U> {
        Personal {
            subject: self.subject,
            value: self.value.map(part),
        }
    }

    /// Consumes the mark and returns the data; `None` after an erasure.
    pub fn into_inner(self) -> Option<T> {
        self.value
    }
}

#[derive(Serialize, Deserialize)]
#[serde(bound(deserialize = "T: DeserializeOwned"))]
struct Wire<T> {
    #[serde(rename = "$of")]
    of: Subject,
    #[serde(
        rename = "$value",
        skip_serializing_if = "Option::is_none",
        default = "none"
    )]
    value: Option<T>,
}

fn none<T>() -> Option<T> {
    None
}

impl<T: Serialize> Serialize for Personal<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Wire {
            of: self.subject.clone(),
            value: self.value.as_ref(),
        }
        .serialize(serializer)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Personal<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Wire { of, value } = Wire::deserialize(deserializer)?;
        Ok(Self { subject: of, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_erased_value_reads_as_nothing() {
        let erased: Personal<String> = serde_json::from_str(r#"{"$of":"contact/1"}"#).unwrap();
        assert_eq!(erased.get(), None);
        assert_eq!(erased.subject().as_str(), "contact/1");
    }

    #[test]
    fn a_value_names_its_subject_in_json() {
        let value = Personal::new(Subject::new("contact", 7), "Ada".to_owned());
        let json = serde_json::to_string(&value).unwrap();
        assert_eq!(json, r#"{"$of":"contact/7","$value":"Ada"}"#);
        assert_eq!(
            serde_json::from_str::<Personal<String>>(&json).unwrap(),
            value
        );
    }

    #[test]
    fn a_mark_is_found_however_deep() {
        use serde_json::json;
        for marked in [
            json!({"$of": "contact/1", "$sealed": "AAAA"}),
            json!({"a": [{"b": {"$of": 1}}]}),
        ] {
            assert!(has_mark("", &marked), "{marked}");
        }
        assert!(!has_mark("tls", &json!({"a": ["$of", {"b$": null}]})));
    }
}
