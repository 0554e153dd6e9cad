//! Tables that are shipped, not kept: countries and time zones. Other things point to
//! them by number, so a row's number never changes and no row goes away.

mod countries;
mod timezones;

pub use countries::{Country, countries, country};
pub use timezones::{TimeZone, Zone, timezone, timezone_named, timezones};
