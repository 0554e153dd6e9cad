//! Static tables: countries and time zones, which other data refers to by number, so that a row's
//! number never changes and no row is removed; and the calling codes of telephone numbers.

mod calling_codes;
mod countries;
mod timezones;

pub use calling_codes::{CallingCode, calling_code};
pub use countries::{Country, countries, country};
pub use timezones::{TimeZone, Zone, timezone, timezone_named, timezones};
