//! `/statistics`.

use axum::{extract::FromRequestParts, http::request::Parts};
use domain::{
    delivery::{Campaign, Transmission},
    people::{Contact, Group},
};
use projections::statistics::{Selection, Statistics, statistics};
use utoipa::openapi::{ObjectBuilder, schema::Type};

use crate::{
    App, Error, Result,
    answer::Answer,
    authorization::{Read, Reader, Statistic},
    extract::query_pairs,
    openapi::{Describe, Routes, Sketch, op},
};

pub(super) fn routes() -> Routes {
    Routes::new().get(
        "/statistics",
        read,
        op("Counts campaigns, groups, contacts, transmissions and attempts")
            .note(
                "Within the tenants where the permission is held: everybody's with the kind's \
                 admin permission, otherwise one's own.",
            )
            .json::<Statistics>(),
    )
}

async fn read(numbers: Reader<Statistic, Read>, asked: StatisticsQuery) -> Result<Answer> {
    let caller = numbers.caller();
    let selected = Selection {
        campaigns: caller.scope_where::<Campaign, Statistic, Read>(),
        groups: caller.scope_where::<Group, Statistic, Read>(),
        contacts: caller.scope_where::<Contact, Statistic, Read>(),
        transmissions: caller.scope_where::<Transmission, Statistic, Read>(),
        user: asked.user,
        services: asked.services,
        since: asked.since,
    };
    Answer::from_value(&statistics(numbers.pool(), &selected).await?)
}

/// The request for statistics.
#[derive(Debug, Default, PartialEq, Eq)]
struct StatisticsQuery {
    /// The earliest creation, in unix seconds; `from` is another name of the parameter.
    since: Option<i64>,
    user: Option<i64>,
    services: Option<i32>,
}

impl StatisticsQuery {
    fn read(pairs: Vec<(String, String)>) -> Result<Self> {
        let mut asked = Self::default();
        for (name, value) in pairs {
            let number = value.trim().parse::<i64>();
            let number = number.map_err(|_| Error::invalid(name.clone(), "must be a whole number"));
            match name.as_str() {
                // Both are lower bounds: the later one holds.
                "since" | "from" => asked.since = asked.since.max(Some(number?)),
                "user_id" => asked.user = Some(number?),
                "service_flag" => {
                    let services = i32::try_from(number?);
                    let services = services.map_err(|_| Error::invalid(name, "is too large"))?;
                    asked.services = Some(services);
                }
                _ => {
                    let known =
                        "is not a filter here; those are since, from, user_id, service_flag";
                    return Err(Error::invalid(name, known));
                }
            }
        }
        Ok(asked)
    }
}

impl FromRequestParts<App> for StatisticsQuery {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self> {
        Self::read(query_pairs(parts)?)
    }
}

impl Describe for StatisticsQuery {
    fn describe(sketch: &mut Sketch) {
        let number = || ObjectBuilder::new().schema_type(Type::Integer);
        for (name, said) in [
            (
                "since",
                "Only what was created at this unix second or later.",
            ),
            ("from", "As `since`."),
            ("user_id", "Only what belongs to this user."),
            (
                "service_flag",
                "Of what has a service, only these: a bitmask.",
            ),
        ] {
            sketch.query(name, said, number());
        }
        sketch.refuses(&[412]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(pairs: &[(&str, &str)]) -> Result<StatisticsQuery> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        StatisticsQuery::read(pairs.iter().map(owned).collect())
    }

    #[test]
    fn from_and_since_are_one_bound() {
        for pairs in [
            [("since", "7"), ("from", "9")],
            [("from", "9"), ("since", "7")],
        ] {
            assert_eq!(asked(&pairs).unwrap().since, Some(9));
        }
    }

    #[test]
    fn an_unknown_filter_is_named() {
        for (name, value) in [
            ("group_id", "1"),
            ("since", "yesterday"),
            ("service_flag", "5000000000"),
        ] {
            let Err(Error::Invalid(errors)) = asked(&[(name, value)]) else {
                panic!("{name}")
            };
            assert_eq!(errors[0].field, name);
        }
    }
}
