//! `/countries`, `/timezones`, `/nodes`: the tables that numbers elsewhere refer to. For every user
//! who is logged in.

use dispatch::health::{self, Node};
use domain::reference;
use serde::Serialize;
use utoipa::ToSchema;

use super::shipped::{Get, Row, Shipped};
use crate::{
    Result,
    answer::Answer,
    authorization::Caller,
    openapi::{Routes, op},
};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/countries", countries, op("Lists countries"))
        .get("/timezones", timezones, op("Lists time zones"))
        .get(
            "/nodes",
            nodes,
            op("Lists the node numbers that running workers carry"),
        )
}

/// A country as clients see it.
#[derive(Serialize, ToSchema)]
struct CountryRow {
    /// The ISO 3166-1 numeric code.
    country_id: i32,
    name: &'static str,
    alpha2: &'static str,
    alpha3: &'static str,
}

impl Row for CountryRow {
    const FIELDS: &'static [(&'static str, Get<Self>)] = &[
        ("country_id", Get::Number(|row| row.country_id.into())),
        ("name", Get::Text(|row| row.name)),
        ("alpha2", Get::Word(|row| row.alpha2)),
        ("alpha3", Get::Word(|row| row.alpha3)),
    ];
}

/// A time zone as clients see it.
#[derive(Serialize, ToSchema)]
struct ZoneRow {
    timezone_id: i32,
    name: &'static str,
}

impl Row for ZoneRow {
    const FIELDS: &'static [(&'static str, Get<Self>)] = &[
        ("timezone_id", Get::Number(|row| row.timezone_id.into())),
        ("name", Get::Text(|row| row.name)),
    ];
}

impl Row for Node {
    const FIELDS: &'static [(&'static str, Get<Self>)] = &[
        ("node_id", Get::Number(|row| row.node_id.into())),
        ("workers", Get::Number(|row| row.workers)),
    ];
}

async fn countries(_: Caller, listing: Shipped<CountryRow>) -> Result<Answer> {
    let rows = reference::countries().iter().map(|country| CountryRow {
        country_id: country.id,
        name: country.name,
        alpha2: country.alpha2,
        alpha3: country.alpha3,
    });
    listing.answer(rows.collect())
}

async fn timezones(_: Caller, listing: Shipped<ZoneRow>) -> Result<Answer> {
    let rows = reference::timezones().iter().map(|zone| ZoneRow {
        timezone_id: zone.id,
        name: zone.name,
    });
    listing.answer(rows.collect())
}

async fn nodes(caller: Caller, listing: Shipped<Node>) -> Result<Answer> {
    listing.answer(health::nodes(caller.app().pool()).await?)
}
