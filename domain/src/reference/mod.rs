//! Tables that are shipped, not kept: countries and time zones, which other things point
//! to by number, so that a row's number never changes and no row goes away; and the
//! codes that telephone numbers begin with.

mod calling_codes;
mod countries;
mod timezones;

pub use calling_codes::{CallingCode, calling_code};
pub use countries::{Country, countries, country};
pub use timezones::{TimeZone, Zone, timezone, timezone_named, timezones};
