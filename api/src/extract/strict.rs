//! JSON in which no name stands twice: of two values nobody could say which counts.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// A JSON value without duplicate names, at most 128 levels deep.
pub(crate) struct Strict(pub Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Strict;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Strict, E> {
        Ok(Strict(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Strict, E> {
        Ok(Strict(
            Number::from_f64(value).map_or(Value::Null, Value::Number),
        ))
    }

    fn visit_str<E>(self, value: &str) -> Result<Strict, E> {
        Ok(Strict(Value::String(value.to_owned())))
    }

    fn visit_string<E>(self, value: String) -> Result<Strict, E> {
        Ok(Strict(Value::String(value)))
    }

    fn visit_unit<E>(self) -> Result<Strict, E> {
        Ok(Strict(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Strict, A::Error> {
        let mut values = Vec::new();
        while let Some(Strict(value)) = items.next_element()? {
            values.push(value);
        }
        Ok(Strict(Value::Array(values)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Strict, A::Error> {
        let mut map = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            if map.contains_key(&name) {
                return Err(A::Error::custom(Duplicate(&name)));
            }
            let Strict(value) = entries.next_value()?;
            map.insert(name, value);
        }
        Ok(Strict(Value::Object(map)))
    }
}

/// Said so that [`duplicate`] finds the name again.
struct Duplicate<'a>(&'a str);

const SAID: &str = "stands twice: ";

impl fmt::Display for Duplicate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name: String = self
            .0
            .chars()
            .filter(|c| !c.is_control())
            .take(64)
            .collect();
        write!(f, "{SAID}{name}")
    }
}

/// The name that stood twice, if that was the trouble.
pub(crate) fn duplicate(error: &serde_json::Error) -> Option<String> {
    let said = error.to_string();
    let name = said.strip_prefix(SAID)?;
    let end = name.rfind(" at line ").unwrap_or(name.len());
    name.get(..end).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_stands_twice_is_found_at_any_depth() {
        for text in [r#"{"a":1,"a":2}"#, r#"{"b":[{"a":1,"c":{},"a":null}]}"#] {
            let error = serde_json::from_str::<Strict>(text).err().unwrap();
            assert_eq!(duplicate(&error).as_deref(), Some("a"), "{text}");
        }
        let error = serde_json::from_str::<Strict>("{").err().unwrap();
        assert_eq!(duplicate(&error), None);
    }

    #[test]
    fn a_tower_of_brackets_is_refused() {
        let tower = "[".repeat(100_000);
        assert!(serde_json::from_str::<Strict>(&tower).is_err());
    }

    #[test]
    fn values_read_as_they_stand() {
        let text = r#"{"a":[1,-2,1.5,"x",null,true],"b":{}}"#;
        let Strict(value) = serde_json::from_str(text).unwrap();
        assert_eq!(value.to_string(), text);
    }
}
