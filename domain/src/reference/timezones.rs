//! Time zones of the IANA database, numbered once and for all. A zone that the
//! database adds is appended to `timezones.tsv` under the next number.

use std::{collections::HashMap, str::FromStr, sync::LazyLock};

use serde::{Deserialize, Serialize};

use crate::values::InvalidValue;

/// A time zone of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone {
    /// The number in the list.
    pub id: i32,
    /// The name, such as `Europe/Vienna`.
    pub name: &'static str,
}

static ZONES: LazyLock<Vec<Zone>> = LazyLock::new(|| {
    include_str!("timezones.tsv")
        .lines()
        .filter_map(row)
        .collect()
});
static BY_NAME: LazyLock<HashMap<String, &'static Zone>> = LazyLock::new(|| {
    let named = |zone: &'static Zone| (zone.name.to_ascii_lowercase(), zone);
    timezones().iter().map(named).collect()
});

/// All time zones, in the order of their numbers.
pub fn timezones() -> &'static [Zone] {
    &ZONES
}

/// The time zone with this number.
pub fn timezone(id: i32) -> Option<&'static Zone> {
    let at = ZONES.binary_search_by_key(&id, |zone| zone.id);
    at.ok().map(|at| &ZONES[at])
}

/// The time zone of this name, in any case.
pub fn timezone_named(name: &str) -> Option<&'static Zone> {
    BY_NAME.get(&name.to_ascii_lowercase()).copied()
}

fn row(line: &'static str) -> Option<Zone> {
    let (id, name) = line.split_once('\t')?;
    let id = id.parse().ok()?;
    Some(Zone { id, name })
}

/// The name of a time zone in the list, as the IANA database spells it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TimeZone(String);

impl TimeZone {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number in the list.
    pub fn id(&self) -> Option<i32> {
        timezone_named(&self.0).map(|zone| zone.id)
    }
}

impl From<&Zone> for TimeZone {
    fn from(zone: &Zone) -> Self {
        Self(zone.name.to_owned())
    }
}

impl FromStr for TimeZone {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const UNKNOWN: InvalidValue =
            InvalidValue::Form("must be a time zone such as Europe/Vienna; GET /timezones has all");
        timezone_named(text.trim()).map(Self::from).ok_or(UNKNOWN)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_list_has_every_zone_of_the_database_once() {
        let names: BTreeSet<_> = timezones().iter().map(|zone| zone.name).collect();
        assert_eq!(names.len(), include_str!("timezones.tsv").lines().count());
        assert!(timezones().windows(2).all(|pair| pair[0].id < pair[1].id));
        let known: BTreeSet<_> = chrono_tz::TZ_VARIANTS.iter().map(|tz| tz.name()).collect();
        let missing: Vec<_> = known.difference(&names).collect();
        assert!(missing.is_empty(), "append {missing:?} to timezones.tsv");
    }

    #[test]
    fn numbers_stay_what_they_are() {
        for (id, name) in [
            (1, "Africa/Abidjan"),
            (180, "America/Panama"),
            (593, "UTC"),
            (597, "Zulu"),
        ] {
            assert_eq!(timezone(id).map(|zone| zone.name), Some(name));
        }
        assert_eq!(timezone(0), None);
    }

    #[test]
    fn a_name_is_known_whatever_its_case() {
        let zone: TimeZone = " europe/vienna ".parse().unwrap();
        assert_eq!(zone.as_str(), "Europe/Vienna");
        assert_eq!(zone.id(), timezone_named("Europe/Vienna").map(|it| it.id));
        for wrong in ["", "Europe", "Mars/Olympus", "+02:00"] {
            assert!(wrong.parse::<TimeZone>().is_err(), "{wrong:?}");
        }
    }
}
