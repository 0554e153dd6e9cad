//! An event's payload as an auditor may read it: personal data in plain while its
//! subject's key exists, secrets never.

use domain::Event;
use serde_json::{Map, Value, json};

/// The fields that hold secrets, sealed; beside [`ALL_SECRET`] no other part of an event does.
const SECRETS: [&str; 5] = ["password", "passwd", "passwd_pin", "pin", "http_password"];
/// The object in a provider's events whose values are all secrets.
const ALL_SECRET: &str = "secrets";

/// The payload of an event, without its secrets.
pub(super) fn readable(event: &Event) -> Value {
    // A payload that was read from JSON can be written as JSON.
    plain(event.payload().unwrap_or_default())
}

fn plain(value: Value) -> Value {
    match value {
        // Personal data: the value, or null once it was erased.
        Value::Object(mut map) if map.contains_key("$of") => {
            plain(map.remove("$value").unwrap_or_default())
        }
        Value::Object(map) => {
            let entries = map.into_iter().map(|(name, value)| {
                let secret = value.is_string() && SECRETS.contains(&name.as_str());
                let value = match value {
                    _ if secret => json!("[sealed]"),
                    Value::Object(secrets) if name == ALL_SECRET => hidden(&secrets),
                    value => plain(value),
                };
                (name, value)
            });
            Value::Object(entries.collect())
        }
        Value::Array(values) => values.into_iter().map(plain).collect(),
        value => value,
    }
}

fn hidden(secrets: &Map<String, Value>) -> Value {
    let names = secrets.keys().cloned();
    names.map(|name| (name, json!("[sealed]"))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use domain::{
        Id, Personal,
        access::{User, UserEvent, UserProfile},
        values::Sealed,
    };

    use super::*;

    fn created(profile: Personal<UserProfile>) -> Value {
        readable(&Event::User(UserEvent::UserCreated {
            id: Id::new(1),
            active: true,
            profile,
            password: Sealed::new("the hash".into()),
            roles: BTreeSet::new(),
            tenant_id: domain::FIRST_TENANT,
        }))
    }

    #[test]
    fn a_name_is_readable_and_a_password_is_not() {
        let profile = UserProfile {
            username: "ada".parse().ok(),
            ..UserProfile::default()
        };
        let payload = created(Personal::new(Id::<User>::new(1).subject(), profile));
        let event = &payload["UserCreated"];
        assert_eq!(event["profile"]["username"], "ada");
        assert_eq!(event["password"], "[sealed]");
        assert!(!payload.to_string().contains("hash"));
    }

    #[test]
    fn what_was_erased_reads_as_nothing() {
        let erased = serde_json::from_str(r#"{"$of":"user/1"}"#).unwrap();
        assert_eq!(created(erased)["UserCreated"]["profile"], Value::Null);
    }
}
