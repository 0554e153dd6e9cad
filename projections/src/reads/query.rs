//! The query string of a list: the filter of its view, the filters of all lists, and the page.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, Visitor},
};
use thiserror::Error;

use super::{By, Cursor, Sort, View};

/// The most rows of a page.
const LARGEST_PAGE: i64 = 1_000;

/// A query for a list of rows of type `V`.
pub struct Query<V: View> {
    /// The filter of the view.
    pub filter: V::Filter,
    /// The owner of the rows: `user_id`, or `created_by`.
    pub owner: Option<i64>,
    /// The tenant of the rows: `tenant_id`.
    pub tenant: Option<i64>,
    /// Selects rows created before this time; in unix seconds in the query string.
    pub before: Option<DateTime<Utc>>,
    /// Selects rows created at this time or after.
    pub after: Option<DateTime<Utc>>,
    /// The part of the list to read.
    pub page: Page,
}

/// The part of a list to read, and its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The most rows, 1 to 1,000; all rows without it.
    pub limit: Option<i64>,
    /// The cursor after which the page begins.
    pub cursor: Option<Cursor>,
    /// The sort order; the order of creation without it.
    pub sort: Option<Sort>,
}

/// An error in a query string.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{field}: {message}")]
pub struct BadQuery {
    /// The parameter.
    pub field: String,
    /// The description of the error, for people.
    pub message: String,
}

impl<V: View> Default for Query<V> {
    fn default() -> Self {
        Self {
            filter: V::Filter::default(),
            owner: None,
            tenant: None,
            before: None,
            after: None,
            page: Page::default(),
        }
    }
}

impl<V: View> Clone for Query<V> {
    fn clone(&self) -> Self {
        Self {
            filter: self.filter.clone(),
            page: self.page.clone(),
            ..*self
        }
    }
}

impl<V: View> Query<V> {
    /// A query with this filter only.
    pub fn by(filter: V::Filter) -> Self {
        Self {
            filter,
            ..Self::default()
        }
    }

    /// Parses the decoded pairs of a query string; an unknown parameter is an error and is never
    /// ignored.
    pub fn parse(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, BadQuery> {
        let mut query = Self::default();
        let (mut rest, mut cursor) = (Vec::new(), None);
        let mut seen = HashSet::new();
        for (name, value) in pairs {
            if !seen.insert(name.clone()) {
                let message = "is given twice".to_owned();
                return Err(BadQuery {
                    field: name,
                    message,
                });
            }
            match name.as_str() {
                "created_by" if V::OWNER.is_some() => query.owner = number(&name, &value)?,
                // If the view has no owner, a user_id is left to its own filter.
                "user_id" if V::OWNER.is_some() => query.owner = number(&name, &value)?,
                "tenant_id" if V::TENANT.is_some() => query.tenant = number(&name, &value)?,
                "before" => query.before = time(&name, &value)?,
                "after" => query.after = time(&name, &value)?,
                "limit" => query.page.limit = limit(&name, &value)?,
                "cursor" => cursor = Some(value),
                "sort" => query.page.sort = Some(sort::<V>(&value)?),
                _ => rest.push((name, value)),
            }
        }
        query.filter = V::Filter::deserialize(Pairs::new(rest))?;
        if let Some(cursor) = cursor {
            let read = Cursor::parse(&cursor, query.sort());
            query.page.cursor = Some(read.ok_or_else(|| BadQuery {
                field: "cursor".to_owned(),
                message: "is not one that this list, sorted so, has answered".to_owned(),
            })?);
        }
        Ok(query)
    }

    /// The sort order of the list; none is by position. A list that is filtered by the time of
    /// creation is sorted by it, so that one index serves both; that is the same order except
    /// where clocks differ.
    pub(super) fn sort(&self) -> Option<Sort> {
        let by_time = Sort::ascending(By::Time("t.created_at"));
        let timed = self.before.is_some() || self.after.is_some();
        self.page.sort.or(timed.then_some(by_time))
    }
}

fn number(field: &str, value: &str) -> Result<Option<i64>, BadQuery> {
    let number = value.trim().parse().map_err(|_| BadQuery {
        field: field.to_owned(),
        message: "must be a whole number".to_owned(),
    })?;
    Ok(Some(number))
}

fn time(field: &str, value: &str) -> Result<Option<DateTime<Utc>>, BadQuery> {
    let seconds = number(field, value)?.unwrap_or_default();
    // Clamped to the years that rows can have.
    let seconds = seconds.clamp(-62_135_596_800, 253_402_300_799);
    Ok(DateTime::from_timestamp(seconds, 0))
}

fn limit(field: &str, value: &str) -> Result<Option<i64>, BadQuery> {
    let limit = number(field, value)?;
    if limit.is_some_and(|limit| (1..=LARGEST_PAGE).contains(&limit)) {
        return Ok(limit);
    }
    Err(BadQuery {
        field: field.to_owned(),
        message: format!("must be 1 to {LARGEST_PAGE}"),
    })
}

fn sort<V: View>(value: &str) -> Result<Sort, BadQuery> {
    let (name, descending) = match value.strip_prefix('-') {
        Some(name) => (name, true),
        None => (value, false),
    };
    let known = V::SORTS.iter().find(|(field, _)| *field == name);
    let Some(&(_, by)) = known else {
        let names: Vec<_> = V::SORTS.iter().map(|(field, _)| *field).collect();
        return Err(BadQuery {
            field: "sort".to_owned(),
            message: format!("must be one of {}", names.join(", ")),
        });
    };
    Ok(Sort { by, descending })
}

impl serde::de::Error for BadQuery {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self {
            field: String::new(),
            message: message.to_string(),
        }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self {
            field: field.to_owned(),
            message: format!(
                "is not a filter of this list; those are {}",
                expected.join(", ")
            ),
        }
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self {
            field: field.to_owned(),
            message: "is given twice".to_owned(),
        }
    }
}

/// Deserializes pairs of text as a map, and names the pair that is wrong in an error.
struct Pairs {
    rest: std::vec::IntoIter<(String, String)>,
    current: Option<(String, String)>,
}

impl Pairs {
    fn new(pairs: Vec<(String, String)>) -> Self {
        Self {
            rest: pairs.into_iter(),
            current: None,
        }
    }
}

impl<'de> Deserializer<'de> for Pairs {
    type Error = BadQuery;

    fn deserialize_any<R: Visitor<'de>>(self, visitor: R) -> Result<R::Value, BadQuery> {
        visitor.visit_map(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        option unit unit_struct newtype_struct seq tuple tuple_struct map struct enum
        identifier ignored_any
    }
}

impl<'de> MapAccess<'de> for Pairs {
    type Error = BadQuery;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, BadQuery> {
        self.current = self.rest.next();
        let Some((name, _)) = &self.current else {
            return Ok(None);
        };
        seed.deserialize(name.as_str().into_deserializer())
            .map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, BadQuery> {
        let (field, value) = self.current.take().unwrap_or_default();
        if value.contains('\0') {
            // Postgres stores no text with a NUL.
            let message = "must not contain NUL".to_owned();
            return Err(BadQuery { field, message });
        }
        seed.deserialize(Lenient(value))
            .map_err(|error| BadQuery { field, ..error })
    }
}

/// Deserializes a text value, also as a number or a flag where that is expected.
struct Lenient(String);

impl Lenient {
    fn number(&self) -> Result<i64, BadQuery> {
        let number = self.0.trim().parse();
        number.map_err(|_| BadQuery::custom("must be a whole number"))
    }
}

impl<'de> Deserializer<'de> for Lenient {
    type Error = BadQuery;

    fn deserialize_any<R: Visitor<'de>>(self, visitor: R) -> Result<R::Value, BadQuery> {
        visitor.visit_string(self.0)
    }

    fn deserialize_option<R: Visitor<'de>>(self, visitor: R) -> Result<R::Value, BadQuery> {
        visitor.visit_some(self)
    }

    fn deserialize_bool<R: Visitor<'de>>(self, visitor: R) -> Result<R::Value, BadQuery> {
        match self.0.trim() {
            "1" | "true" => visitor.visit_bool(true),
            "0" | "false" => visitor.visit_bool(false),
            _ => Err(BadQuery::custom("must be 1 or 0")),
        }
    }

    fn deserialize_i32<R: Visitor<'de>>(self, visitor: R) -> Result<R::Value, BadQuery> {
        let number = self.number()?.try_into();
        visitor.visit_i32(number.map_err(|_| BadQuery::custom("is too large"))?)
    }

    fn deserialize_i64<R: Visitor<'de>>(self, visitor: R) -> Result<R::Value, BadQuery> {
        visitor.visit_i64(self.number()?)
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::contacts::ContactRow;

    fn parse(pairs: &[(&str, &str)]) -> Result<Query<ContactRow>, BadQuery> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Query::parse(pairs.iter().map(owned))
    }

    #[test]
    fn numbers_come_as_text() {
        let query = parse(&[
            ("contact_id", "7"),
            ("limit", "10"),
            ("after", "1700000000"),
        ]);
        let query = query.unwrap();
        assert_eq!(query.filter.contact_id, Some(7));
        assert_eq!(query.page.limit, Some(10));
        assert_eq!(query.after.map(|at| at.timestamp()), Some(1_700_000_000));
    }

    #[test]
    fn an_unknown_filter_is_named() {
        let error = parse(&[("passwd", "x")]).err().unwrap();
        assert_eq!(error.field, "passwd");
    }

    #[test]
    fn a_word_where_a_number_belongs_is_named() {
        for pair in [
            ("contact_id", "x"),
            ("limit", "0"),
            ("limit", "1001"),
            ("before", ""),
        ] {
            let error = parse(&[pair]).err().unwrap();
            assert_eq!(error.field, pair.0);
        }
    }

    #[test]
    fn only_known_fields_sort() {
        assert!(parse(&[("sort", "-first_name")]).is_ok());
        let error = parse(&[("sort", "1; drop table")]).err().unwrap();
        assert_eq!(error.field, "sort");
    }
}
