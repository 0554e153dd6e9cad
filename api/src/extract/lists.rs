//! Fields that hold lists.

use std::{fmt::Display, str::FromStr};

use domain::Patch;
use serde_json::Value;
use utoipa::openapi::ArrayBuilder;

use super::{fields::Fields, schemas};

/// The most entries of a list.
const MAX_ENTRIES: usize = 1_000;

impl Fields {
    /// A list of texts that `T` can parse.
    pub fn texts<T: FromStr<Err: Display>>(&mut self, field: &'static str) -> Patch<Vec<T>> {
        self.note(field, schemas::texts);
        self.parse(field, |value| {
            let Value::Array(entries) = value else {
                return Err("must be a list".to_owned());
            };
            if entries.len() > MAX_ENTRIES {
                return Err(format!("must have at most {MAX_ENTRIES} entries"));
            }
            let texts = entries.iter().map(|entry| match entry {
                Value::String(text) => text.parse().map_err(|error: T::Err| error.to_string()),
                _ => Err("must be a list of strings".to_owned()),
            });
            texts.collect::<Result<_, _>>().map(Some)
        })
    }

    /// A list of at most `most` objects, whose fields `read` takes.
    pub fn objects<T>(
        &mut self,
        field: &'static str,
        most: usize,
        read: impl Fn(&mut Fields) -> T,
    ) -> Patch<Vec<T>> {
        self.note(field, || {
            let mut entry = Fields::describing();
            read(&mut entry);
            let fields = entry.described().into_iter();
            let entry = fields.fold(schemas::entry(), |object, field| {
                object.property(field.name, field.schema)
            });
            ArrayBuilder::new().items(entry).max_items(Some(most))
        });
        self.parse(field, |value| {
            let Value::Array(entries) = value else {
                return Err("must be a list".to_owned());
            };
            if entries.len() > most {
                return Err(format!("must have at most {most} entries"));
            }
            let entries = (1..).zip(entries).map(|(number, entry)| {
                let Value::Object(entry) = entry else {
                    return Err("must be a list of objects".to_owned());
                };
                let mut fields = Fields::new(entry.clone());
                let value = read(&mut fields);
                let read = fields.finish(value);
                read.map_err(|error| format!("entry {number}: {error}"))
            });
            entries.collect::<Result<_, _>>().map(Some)
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Error, extract::Given as _};

    fn pages(value: Value) -> Result<Vec<i64>, String> {
        let Value::Object(map) = json!({"pages": value}) else {
            panic!("an object")
        };
        let mut fields = Fields::new(map);
        let read = fields.objects("pages", 2, |fields| fields.number("page", 1..=9).given());
        match fields.finish(read.given().unwrap_or_default()) {
            Ok(pages) => Ok(pages.into_iter().flatten().collect()),
            Err(Error::Invalid(errors)) => Err(errors[0].message.clone()),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn a_wrong_entry_of_a_list_is_named_by_its_number() {
        assert_eq!(pages(json!([{"page": 1}, {"page": "2"}])), Ok(vec![1, 2]));
        let wrong = pages(json!([{"page": 1}, {"page": 10}]));
        let named = "entry 2: page: must be from 1 to 9";
        assert_eq!(wrong, Err(named.to_owned()));
    }

    #[test]
    fn a_list_of_objects_has_nothing_else_and_not_too_many() {
        for (value, reason) in [
            (json!({}), "must be a list"),
            (json!([1]), "must be a list of objects"),
            (json!([{}, {}, {}]), "must have at most 2 entries"),
        ] {
            assert_eq!(pages(value), Err(reason.to_owned()));
        }
    }
}
