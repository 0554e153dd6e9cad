//! JSON without duplicate names (of two values it is unclear which one counts), and with a bound on
//! the memory that it takes.

use std::{cell::Cell, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The most values in a body. Each takes many times its written size in memory.
const MOST_VALUES: usize = 1 << 18;

/// Reads a JSON value without duplicate names, at most 128 levels deep.
pub(crate) fn parse(text: &[u8]) -> Result<Value, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_slice(text);
    let left = Cell::new(MOST_VALUES);
    let value = Reader { left: &left }.deserialize(&mut json)?;
    json.end()?;
    Ok(value)
}

/// True for the error of JSON with more levels than are read.
pub(crate) fn is_too_deep(error: &serde_json::Error) -> bool {
    error.to_string().starts_with("recursion limit exceeded")
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    /// The number of values that may still come.
    left: &'a Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let left = self.left.get().checked_sub(1);
        self.left.set(left.ok_or_else(|| D::Error::custom(MANY))?);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            if map.contains_key(&name) {
                return Err(A::Error::custom(Duplicate(&name)));
            }
            let value = entries.next_value_seed(self)?;
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

const MANY: &str = "too many values";

/// True if the error is that there are too many values.
pub(crate) fn is_too_many(error: &serde_json::Error) -> bool {
    error.to_string().starts_with(MANY)
}

/// A duplicate name, in words in which [`duplicate`] finds it again.
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

/// The duplicate name, if the error is about one.
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
    fn too_many_levels_are_told_from_what_is_no_json() {
        let deep = "[".repeat(200);
        assert!(is_too_deep(&parse(deep.as_bytes()).unwrap_err()));
        assert!(!is_too_deep(&parse(b"[1").unwrap_err()));
    }

    #[test]
    fn a_name_that_stands_twice_is_found_at_any_depth() {
        for text in [r#"{"a":1,"a":2}"#, r#"{"b":[{"a":1,"c":{},"a":null}]}"#] {
            let error = parse(text.as_bytes()).unwrap_err();
            assert_eq!(duplicate(&error).as_deref(), Some("a"), "{text}");
        }
        let error = parse(b"{").unwrap_err();
        assert_eq!(duplicate(&error), None);
    }

    #[test]
    fn a_tower_of_brackets_is_refused() {
        let tower = "[".repeat(100_000);
        assert!(parse(tower.as_bytes()).is_err());
    }

    #[test]
    fn values_read_as_they_stand() {
        let text = r#"{"a":[1,-2,1.5,"x",null,true],"b":{}}"#;
        let value = parse(text.as_bytes()).unwrap();
        assert_eq!(value.to_string(), text);
        assert!(parse(b"{} {}").is_err());
    }

    #[test]
    fn more_values_than_memory_is_meant_for_are_refused() {
        let list = |length: usize| format!("[{}0]", "0,".repeat(length - 1)).into_bytes();
        assert!(parse(&list(MOST_VALUES - 1)).is_ok());
        let error = parse(&list(MOST_VALUES)).unwrap_err();
        assert!(is_too_many(&error) && duplicate(&error).is_none());
    }
}
