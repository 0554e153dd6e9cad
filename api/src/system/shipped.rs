//! Lists in memory, with the query parameters of other lists: filters by field, `sort`, `limit` and
//! `cursor`.

use std::{cmp::Ordering, marker::PhantomData, ops::RangeInclusive};

use axum::{extract::FromRequestParts, http::request::Parts};
use serde::Serialize;
use utoipa::{
    ToSchema,
    openapi::{ObjectBuilder, schema::Type},
};

use crate::{
    App, Error, Result,
    answer::{Answer, next_page},
    extract::query_pairs,
    openapi::{Describe, Sketch, component},
};

/// Bounds on the rows of a page.
const PAGE: RangeInclusive<i64> = 1..=1_000;

/// A row of a list that is in memory.
pub(super) trait Row: Serialize + ToSchema + Send + 'static {
    /// The fields by which rows are filtered and sorted.
    const FIELDS: &'static [(&'static str, Get<Self>)];
}

/// A field of a row, with the rule by which a filter matches it.
pub(super) enum Get<R: ?Sized> {
    /// A number: equal.
    Number(fn(&R) -> i64),
    /// A word: equal, but for upper and lower case.
    Word(fn(&R) -> &'static str),
    /// Text: contained, but for upper and lower case.
    Text(fn(&R) -> &'static str),
}

impl<R> Get<R> {
    fn compare(&self, one: &R, other: &R) -> Ordering {
        match self {
            Self::Number(get) => get(one).cmp(&get(other)),
            Self::Word(get) | Self::Text(get) => get(one).cmp(get(other)),
        }
    }
}

/// The request for such a list, as the query string makes it.
pub(super) struct Shipped<R> {
    path: String,
    pairs: Vec<(String, String)>,
    rows: PhantomData<fn() -> R>,
}

impl<R: Row> FromRequestParts<App> for Shipped<R> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self> {
        Ok(Self {
            path: parts.uri.path().to_owned(),
            pairs: query_pairs(parts)?,
            rows: PhantomData,
        })
    }
}

impl<R: Row> Describe for Shipped<R> {
    fn describe(sketch: &mut Sketch) {
        let of = |kind| ObjectBuilder::new().schema_type(kind);
        for (name, get) in R::FIELDS {
            match get {
                Get::Number(_) => {
                    sketch.query(name, "Only the row with this number.", of(Type::Integer))
                }
                Get::Word(_) => sketch.query(
                    name,
                    "Only the row with this word, in any case of letters.",
                    of(Type::String),
                ),
                Get::Text(_) => {
                    sketch.query(name, "Only rows that contain this text.", of(Type::String))
                }
            }
        }
        let limit = of(Type::Integer).minimum(Some(1)).maximum(Some(1_000));
        sketch.query(
            "limit",
            "The number of rows of a page; without it all.",
            limit,
        );
        let cursor = of(Type::Integer).minimum(Some(0));
        let said = "The beginning of the page, from the `Link` of the one before.";
        sketch.query("cursor", said, cursor);
        let fields = R::FIELDS
            .iter()
            .flat_map(|(name, _)| [(*name).to_owned(), format!("-{name}")]);
        let sort = of(Type::String).enum_values(Some(fields));
        let said = "The field to sort by; `-` in front reverses the order.";
        sketch.query("sort", said, sort);
        sketch.listed = Some(component::<R>(&mut sketch.components));
        sketch.refuses(&[412]);
    }
}

impl<R: Row> Shipped<R> {
    /// The part of these rows that the request asks for, as the answer.
    pub fn answer(self, mut rows: Vec<R>) -> Result<Answer> {
        let (mut limit, mut cursor) = (None, 0);
        for (name, value) in &self.pairs {
            match name.as_str() {
                "limit" => limit = Some(within(name, value, PAGE)?),
                "cursor" => cursor = within(name, value, 0..=i64::MAX)?,
                "sort" => sort(&mut rows, value)?,
                _ => narrow(&mut rows, name, value)?,
            }
        }
        let total = rows.len();
        let cursor = usize::try_from(cursor).map_or(total, |cursor| cursor.min(total));
        rows.drain(..cursor);
        let Some(limit) = limit.and_then(|limit| usize::try_from(limit).ok()) else {
            return Answer::from_value(&rows);
        };
        rows.truncate(limit);
        let reached = cursor + rows.len();
        let next = (reached < total).then(|| {
            let cursor = wide(reached).to_string();
            next_page(&self.path, &self.pairs, &cursor)
        });
        Ok(Answer::from_value(&rows)?.page(wide(total), next))
    }
}

fn wide(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn narrow<R: Row>(rows: &mut Vec<R>, name: &str, wanted: &str) -> Result<()> {
    let Some((_, get)) = R::FIELDS.iter().find(|(field, _)| *field == name) else {
        let message = format!("is not a filter of this list; those are {}", names::<R>());
        return Err(Error::invalid(name.to_owned(), message));
    };
    let folded = wanted.trim().to_lowercase();
    match get {
        Get::Number(get) => {
            let wrong = |_| Error::invalid(name.to_owned(), "must be a whole number");
            let number: i64 = folded.parse().map_err(wrong)?;
            rows.retain(|row| get(row) == number);
        }
        Get::Word(get) => rows.retain(|row| get(row).to_lowercase() == folded),
        Get::Text(get) => rows.retain(|row| get(row).to_lowercase().contains(&folded)),
    }
    Ok(())
}

fn sort<R: Row>(rows: &mut [R], by: &str) -> Result<()> {
    let (name, descending) = match by.strip_prefix('-') {
        Some(name) => (name, true),
        None => (by, false),
    };
    let Some((_, get)) = R::FIELDS.iter().find(|(field, _)| *field == name) else {
        let message = format!("must be one of {}", names::<R>());
        return Err(Error::invalid("sort", message));
    };
    rows.sort_by(|one, other| {
        if descending {
            get.compare(other, one)
        } else {
            get.compare(one, other)
        }
    });
    Ok(())
}

fn within(name: &str, value: &str, range: RangeInclusive<i64>) -> Result<i64> {
    let number = value.trim().parse().ok();
    let fits = number.filter(|number| range.contains(number));
    fits.ok_or_else(|| {
        let message = format!("must be {} to {}", range.start(), range.end());
        Error::invalid(name.to_owned(), message)
    })
}

fn names<R: Row>() -> String {
    let names: Vec<_> = R::FIELDS.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}
