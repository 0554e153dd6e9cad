//! Fields that hold lists.

use std::{fmt::Display, str::FromStr};

use domain::Patch;
use serde_json::Value;

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
}
