//! The fields of a JSON object, one by one.

use std::{fmt::Display, ops::RangeInclusive, str::FromStr};

use domain::{Id, Patch, values::PhoneNumber};
use secrecy::SecretString;
use serde_json::{Map, Value};
use utoipa::openapi::{RefOr, schema::Schema};

use super::{schemas, strict};
use crate::{Error, Result, error::Invalid, openapi::Field};

/// The most bytes of a secret. A longer one would only serve to keep the hashing busy.
const SECRET_BYTES: usize = 1024;

/// The fields of an object. Reading a field takes it out and, where it is wrong, notes an error; so
/// all wrong fields are answered at once.
#[derive(Debug)]
pub(crate) struct Fields {
    map: Map<String, Value>,
    errors: Vec<Invalid>,
    /// The fields that were asked for, when only a description is wanted.
    described: Option<Vec<Field>>,
}

/// Reading of a [`Patch`] where clearing means the same as leaving out.
pub(crate) trait Given<T> {
    /// The value, if there is one.
    fn given(self) -> Option<T>;
}

impl<T> Given<T> for Patch<T> {
    fn given(self) -> Option<T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }
}

impl Fields {
    pub fn new(map: Map<String, Value>) -> Self {
        Self {
            map,
            errors: Vec::new(),
            described: None,
        }
    }

    /// No object: notes the fields that are asked for, instead.
    pub fn describing() -> Self {
        Self {
            described: Some(Vec::new()),
            ..Self::new(Map::new())
        }
    }

    /// The fields that were asked for.
    pub fn described(self) -> Vec<Field> {
        self.described.unwrap_or_default()
    }

    /// Notes an error in a field.
    pub fn refuse(&mut self, field: impl Into<std::borrow::Cow<'static, str>>, why: impl Display) {
        self.errors.push(Invalid {
            field: field.into(),
            message: why.to_string(),
        });
    }

    /// The value of a field that must have one; notes an error where there is neither a value nor an
    /// error already.
    pub fn required<T>(&mut self, field: &'static str, read: Patch<T>) -> Option<T> {
        let value = read.given();
        if value.is_none() && self.errors.iter().all(|error| error.field != field) {
            self.refuse(field, "is required");
        }
        value
    }

    /// The value that was read, unless there were errors.
    pub fn finish<T>(self, value: T) -> Result<T> {
        if self.errors.is_empty() {
            Ok(value)
        } else {
            Err(Error::Invalid(self.errors))
        }
    }

    /// Text that `T` can parse. Blank clears the field.
    pub fn text<T: FromStr<Err: Display>>(&mut self, field: &'static str) -> Patch<T> {
        self.note(field, schemas::text);
        self.parse(field, |value| match value {
            Value::String(text) => some_text(text),
            _ => Err("must be a string".to_owned()),
        })
    }

    /// Text that `T` can parse, or a whole number, which some documents have instead.
    pub fn text_or_number<T: FromStr<Err: Display>>(&mut self, field: &'static str) -> Patch<T> {
        self.note(field, schemas::text_or_number);
        self.parse(field, |value| some_text(&text_or_number(value)?))
    }

    /// A phone number, as a string or as a number.
    pub fn phone(&mut self, field: &'static str) -> Patch<PhoneNumber> {
        self.note(field, schemas::text_or_number);
        self.parse(field, |value| match value.as_i64() {
            Some(number) if number < 0 => Err("must not be negative".to_owned()),
            _ => some_text(&text_or_number(value)?),
        })
    }

    /// A secret, as it stands. An empty one clears the field.
    pub fn secret(&mut self, field: &'static str) -> Patch<SecretString> {
        self.note(field, schemas::secret);
        self.parse(field, |value| {
            let text = text_or_number(value)?;
            if text.len() > SECRET_BYTES {
                return Err(format!("must have at most {SECRET_BYTES} bytes"));
            }
            Ok((!text.is_empty()).then(|| SecretString::from(text)))
        })
    }

    /// A password that is to be set, as it stands. An empty one clears the field.
    pub fn new_password(&mut self, field: &'static str) -> Patch<SecretString> {
        // The first description of a field stays.
        self.note(field, schemas::new_password);
        self.secret(field)
    }

    /// An id, as a number or a numeric string. Zero means none, as clients of the
    /// original write it.
    pub fn id<A>(&mut self, field: &'static str) -> Patch<Id<A>> {
        self.note(field, schemas::id);
        self.parse(field, |value| match whole(value)? {
            None | Some(0) => Ok(None),
            Some(id) if id > 0 => Ok(Some(Id::new(id))),
            Some(_) => Err("must be an id".to_owned()),
        })
    }

    /// A whole number within a range, as a number or a numeric string.
    pub fn number<N: TryFrom<i64>>(
        &mut self,
        field: &'static str,
        range: RangeInclusive<i64>,
    ) -> Patch<N> {
        self.note(field, || schemas::number(&range));
        self.parse(field, |value| {
            let Some(number) = whole(value)? else {
                return Ok(None);
            };
            let fits = Some(number).filter(|number| range.contains(number));
            match fits.and_then(|number| N::try_from(number).ok()) {
                Some(number) => Ok(Some(number)),
                None => Err(format!("must be from {} to {}", range.start(), range.end())),
            }
        })
    }

    /// A flag: true, false, 1, 0, "1" or "0".
    pub fn flag(&mut self, field: &'static str) -> Patch<bool> {
        self.note(field, schemas::flag);
        self.parse(field, |value| {
            let word = match value {
                Value::String(text) => text.trim().to_ascii_lowercase(),
                other => other.to_string(),
            };
            match word.as_str() {
                "" => Ok(None),
                "1" | "true" => Ok(Some(true)),
                "0" | "false" => Ok(Some(false)),
                _ => Err("must be true, false, 1 or 0".to_owned()),
            }
        })
    }

    /// The flag `active` of something new, which is inactive without it; `meaning` says what the
    /// flag is for.
    pub fn describe_active(&mut self, meaning: &'static str) {
        self.note("active", || {
            schemas::flag()
                .description(Some(format!("{meaning} Left out, it is 0.")))
                .default(Some(serde_json::json!(0)))
                .examples([serde_json::json!(1)])
        });
    }

    /// A word out of `words`, in any case.
    pub fn one_of<T>(
        &mut self,
        field: &'static str,
        words: &[&'static str],
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Patch<T> {
        self.note(field, || schemas::one_of(words));
        self.word(field, &listed(words), parse)
    }

    /// A word, in any case; `expected` describes the possible ones, where a list would not do.
    pub fn word<T>(
        &mut self,
        field: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Patch<T> {
        self.note(field, || schemas::text().description(Some(expected)));
        self.parse(field, |value| {
            let text = value.as_str().unwrap_or("?").trim().to_ascii_lowercase();
            if text.is_empty() {
                Ok(None)
            } else {
                parse(&text)
                    .map(Some)
                    .ok_or_else(|| format!("must be {expected}"))
            }
        })
    }

    /// Reads a field that is accepted and not described: a misspelling that clients have copied.
    pub fn undescribed<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let described = self.described.take();
        let read = read(self);
        self.described = described;
        read
    }

    /// The fields of an object within this one, if there is one.
    pub fn object(&mut self, field: &'static str) -> Option<Fields> {
        if self.described.is_some() {
            return Some(Self::describing());
        }
        let object = self.parse(field, |value| match value {
            Value::Object(map) => Ok(Some(Fields::new(map.clone()))),
            _ => Err("must be an object".to_owned()),
        });
        object.given()
    }

    /// As [`Fields::object`], of a form too, where the object is JSON in a text.
    pub fn object_in_text(&mut self, field: &'static str) -> Option<Fields> {
        if let Some(Value::String(text)) = self.map.get(field) {
            if text.trim().is_empty() {
                self.map.remove(field);
                return None;
            }
            match strict::parse(text.as_bytes()) {
                Ok(object @ Value::Object(_)) => {
                    self.map.insert(field.to_owned(), object);
                }
                _ => {
                    self.map.remove(field);
                    self.refuse(field, "must be a JSON object");
                    return None;
                }
            }
        }
        self.object(field)
    }

    /// Reads a value and leaves `field` in place for the next reader, since the field stands for
    /// both; unless it is wrong, which need not be reported twice.
    pub fn leaving<T>(&mut self, field: &'static str, read: impl FnOnce(&mut Self) -> T) -> T {
        let copy = self.map.get(field).cloned();
        let read = read(self);
        let wrong = self.errors.iter().any(|error| error.field == field);
        if let Some(value) = copy.filter(|_| !wrong) {
            self.map.insert(field.to_owned(), value);
        }
        read
    }

    /// Takes over the errors and the description of an object within this one.
    pub fn adopt(&mut self, field: &'static str, within: Fields) {
        self.errors.extend(within.errors);
        let Some(inner) = within.described else {
            return;
        };
        self.note(field, || {
            inner.into_iter().fold(schemas::object(), |object, field| {
                object.property(field.name, field.schema)
            })
        });
    }

    /// Describes a field that is read by [`Fields::parse`].
    pub fn note<S: Into<RefOr<Schema>>>(&mut self, name: &'static str, schema: impl FnOnce() -> S) {
        if let Some(described) = &mut self.described
            && described.iter().all(|field| field.name != name)
        {
            let schema = schema().into();
            described.push(Field { name, schema });
        }
    }

    /// Any field, by a rule of its own; `None` from the rule clears the field.
    pub fn parse<T>(
        &mut self,
        field: &'static str,
        parse: impl FnOnce(&Value) -> Result<Option<T>, String>,
    ) -> Patch<T> {
        self.note(field, schemas::anything);
        let read = match self.map.remove(field) {
            None => return Patch::Keep,
            Some(Value::Null) => return Patch::Clear,
            Some(value) => parse(&value),
        };
        match read {
            Ok(Some(value)) => Patch::Set(value),
            Ok(None) => Patch::Clear,
            Err(why) => {
                self.refuse(field, why);
                Patch::Keep
            }
        }
    }
}

fn some_text<T: FromStr<Err: Display>>(text: &str) -> Result<Option<T>, String> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    text.parse()
        .map(Some)
        .map_err(|error: T::Err| error.to_string())
}

/// The words of a list in a sentence: `a, b or c`.
fn listed(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [others @ .., last] => format!("{} or {last}", others.join(", ")),
    }
}

fn text_or_number(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Ok(number.to_string()),
        Value::Number(_) => Err("is too long for a number; write it as a string".to_owned()),
        _ => Err("must be a string or a number".to_owned()),
    }
}

fn whole(value: &Value) -> Result<Option<i64>, String> {
    let number = match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) if text.trim().is_empty() => return Ok(None),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number
        .map(Some)
        .ok_or_else(|| "must be a whole number".to_owned())
}

#[cfg(test)]
#[path = "fields_tests.rs"]
mod tests;
