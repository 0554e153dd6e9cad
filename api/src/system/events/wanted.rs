//! The filters of the list of events.

use axum::{extract::FromRequestParts, http::request::Parts};
use chrono::{DateTime, Utc};
use eventstore::Position;
use sqlx::{PgPool, Postgres, QueryBuilder};
use utoipa::openapi::{ObjectBuilder, schema::Type};

use crate::{
    App, Error, Result,
    extract::query_pairs,
    openapi::{Describe, Sketch},
};

/// The most events of a page.
const LARGEST_PAGE: i64 = 1_000;
const FILTERS: &str = "position, aggregate_type, aggregate_id, sequence, event_type, user_id, \
    request_id, after_position, before, after and limit";

/// The filters of the list of events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    position: Option<i64>,
    aggregate_type: Option<String>,
    aggregate_id: Option<i64>,
    sequence: Option<i64>,
    event_type: Option<String>,
    user_id: Option<i64>,
    request_id: Option<String>,
    before: Option<DateTime<Utc>>,
    after: Option<DateTime<Utc>>,
    pub after_position: Position,
    pub limit: Option<i64>,
    pairs: Vec<(String, String)>,
}

impl Describe for Wanted {
    fn describe(sketch: &mut Sketch) {
        let number = || {
            ObjectBuilder::new()
                .schema_type(Type::Integer)
                .minimum(Some(0))
        };
        let text = || ObjectBuilder::new().schema_type(Type::String);
        for (name, said) in [
            ("position", "The event at this position."),
            ("aggregate_id", "Of the thing with this id."),
            (
                "sequence",
                "The event with this number in its aggregate's history.",
            ),
            ("user_id", "Caused by this user."),
            (
                "after_position",
                "Where a page begins, as the `Link` of the one before says.",
            ),
            ("before", "Before this time, unix seconds."),
            ("after", "After this time, unix seconds."),
        ] {
            sketch.query(name, said, number());
        }
        for (name, said) in [
            ("aggregate_type", "Of things of this kind."),
            ("event_type", "Of this type."),
            ("request_id", "Caused by the request with this id."),
        ] {
            sketch.query(name, said, text());
        }
        let limit = number().minimum(Some(1)).maximum(Some(LARGEST_PAGE));
        sketch.query("limit", "How many a page has.", limit);
        sketch.refuses(&[412]);
    }
}

impl Wanted {
    fn parse(pairs: Vec<(String, String)>) -> Result<Self> {
        let mut wanted = Self::default();
        for (name, value) in &pairs {
            let text = || Some(value.clone());
            match name.as_str() {
                "position" => wanted.position = Some(number(name, value)?),
                "aggregate_type" => wanted.aggregate_type = text(),
                "aggregate_id" => wanted.aggregate_id = Some(number(name, value)?),
                "sequence" => wanted.sequence = Some(number(name, value)?),
                "event_type" => wanted.event_type = text(),
                "user_id" => wanted.user_id = Some(number(name, value)?),
                "request_id" => wanted.request_id = text(),
                "before" => wanted.before = Some(time(name, value)?),
                "after" => wanted.after = Some(time(name, value)?),
                // The cursor of a list, by the name that it has everywhere else.
                "after_position" | "cursor" => wanted.after_position = number(name, value)?,
                "limit" => wanted.limit = Some(limit(name, value)?),
                _ => {
                    let said = format!("is not a filter of this list; those are {FILTERS}");
                    return Err(Error::invalid(name.clone(), said));
                }
            }
        }
        wanted.pairs = pairs;
        Ok(wanted)
    }

    /// The positions of the events that match, at most `limit` of them.
    pub async fn positions(&self, pool: &PgPool, limit: i64) -> Result<Vec<Position>> {
        let mut sql = QueryBuilder::new("select position from events where true");
        self.narrow(&mut sql);
        sql.push(" and position > ").push_bind(self.after_position);
        sql.push(" order by position limit ").push_bind(limit);
        Ok(sql
            .build_query_scalar()
            .persistent(false)
            .fetch_all(pool)
            .await?)
    }

    /// The number of events that match, on all pages.
    pub async fn count(&self, pool: &PgPool) -> Result<i64> {
        let mut sql = QueryBuilder::new("select count(*) from events where true");
        self.narrow(&mut sql);
        Ok(sql
            .build_query_scalar()
            .persistent(false)
            .fetch_one(pool)
            .await?)
    }

    fn narrow(&self, sql: &mut QueryBuilder<'_, Postgres>) {
        let texts = [
            ("aggregate_type", self.aggregate_type.clone()),
            ("aggregate_id", self.aggregate_id.map(|id| id.to_string())),
            ("event_type", self.event_type.clone()),
            (
                "metadata->>'user_id'",
                self.user_id.map(|id| id.to_string()),
            ),
            ("metadata->>'request_id'", self.request_id.clone()),
        ];
        for (column, value) in texts {
            if let Some(value) = value {
                sql.push(format!(" and {column} = ")).push_bind(value);
            }
        }
        for (column, value) in [("position", self.position), ("sequence", self.sequence)] {
            if let Some(value) = value {
                sql.push(format!(" and {column} = ")).push_bind(value);
            }
        }
        for (operator, value) in [("<", self.before), (">=", self.after)] {
            if let Some(value) = value {
                sql.push(format!(" and occurred_at {operator} "))
                    .push_bind(value);
            }
        }
    }

    /// The link to the page after this position.
    pub fn next_page(&self, last: Position) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let kept = |(name, _): &&(String, String)| name != "after_position" && name != "cursor";
        query.extend_pairs(self.pairs.iter().filter(kept));
        query.append_pair("after_position", &last.to_string());
        format!("/events?{}", query.finish())
    }
}

impl FromRequestParts<App> for Wanted {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self> {
        Self::parse(query_pairs(parts)?)
    }
}

fn number(name: &str, value: &str) -> Result<i64> {
    let wrong = |_| Error::invalid(name.to_owned(), "must be a whole number");
    value.trim().parse().map_err(wrong)
}

fn time(name: &str, value: &str) -> Result<DateTime<Utc>> {
    // Clamped to the years 1 to 9999, which Postgres can store: no event is beyond them.
    let seconds = number(name, value)?.clamp(-62_135_596_800, 253_402_300_799);
    DateTime::from_timestamp(seconds, 0)
        .ok_or_else(|| Error::invalid(name.to_owned(), "must be unix seconds"))
}

fn limit(name: &str, value: &str) -> Result<i64> {
    let limit = number(name, value)?;
    if (1..=LARGEST_PAGE).contains(&limit) {
        return Ok(limit);
    }
    Err(Error::invalid(
        name.to_owned(),
        format!("must be 1 to {LARGEST_PAGE}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<Wanted> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Wanted::parse(pairs.iter().map(owned).collect())
    }

    #[test]
    fn an_unknown_filter_is_named() {
        let Err(Error::Invalid(errors)) = parse(&[("passwd", "x")]) else {
            panic!("412")
        };
        assert_eq!(errors[0].field, "passwd");
        for pair in [
            ("limit", "0"),
            ("limit", "1001"),
            ("user_id", "x"),
            ("before", "now"),
        ] {
            assert!(parse(&[pair]).is_err(), "{pair:?}");
        }
    }

    #[test]
    fn the_next_page_goes_on_after_the_last() {
        let wanted = parse(&[
            ("event_type", "UserCreated"),
            ("limit", "1"),
            ("cursor", "3"),
        ]);
        let next = wanted.unwrap().next_page(9);
        assert_eq!(
            next,
            "/events?event_type=UserCreated&limit=1&after_position=9"
        );
    }
}
