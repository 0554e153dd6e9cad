//! Time zones, and local time in them.

use std::{fmt, str::FromStr};

use chrono::{
    DateTime, LocalResult, NaiveDateTime, Offset as _, TimeDelta, TimeZone as _, Timelike, Utc,
};
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{reference::TimeZone, values::InvalidValue};

/// The search limit for the end of a gap in local time. The longest gap of any zone is a whole day.
const LONGEST_GAP_MINUTES: usize = 25 * 60;

/// A time zone of the IANA database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Zone(Tz);

impl Zone {
    /// The name, `Europe/Vienna` for instance.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    pub(in crate::delivery) const fn tz(self) -> Tz {
        self.0
    }

    /// The offset from UTC in seconds, positive if ahead, at a moment in Unix seconds.
    pub(in crate::delivery) fn offset(self, at: i64) -> i64 {
        let at = DateTime::from_timestamp(at, 0).unwrap_or_default();
        let offset = self.0.offset_from_utc_datetime(&at.naive_utc());
        i64::from(offset.fix().local_minus_utc())
    }

    /// The moment of a local time: the first of two if the clocks go back, the first after the gap
    /// if they skip it.
    pub fn moment(self, local: NaiveDateTime) -> Option<DateTime<Utc>> {
        let minutes = std::iter::successors(Some(local), |local| {
            let next = local.checked_add_signed(TimeDelta::minutes(1))?;
            next.with_second(0)
        });
        let found = minutes.take(LONGEST_GAP_MINUTES).find_map(|local| {
            match self.0.from_local_datetime(&local) {
                LocalResult::Single(moment) | LocalResult::Ambiguous(moment, _) => Some(moment),
                LocalResult::None => None,
            }
        });
        found.map(|moment| moment.to_utc())
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self(Tz::UTC)
    }
}

impl Zone {
    /// The zone of this name; `None` if the time zone database of the build does not have it.
    pub fn from_listed(listed: &TimeZone) -> Option<Self> {
        listed.as_str().parse().ok().map(Self)
    }
}

impl FromStr for Zone {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        const UNKNOWN: InvalidValue = InvalidValue::Form("must be a time zone with known clocks");
        let listed: TimeZone = text.parse()?;
        Self::from_listed(&listed).ok_or(UNKNOWN)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map(Self).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(zone: &str, local: &str) -> String {
        let zone: Zone = zone.parse().unwrap();
        let local = NaiveDateTime::parse_from_str(local, "%Y-%m-%d %H:%M:%S").unwrap();
        zone.moment(local).unwrap().to_rfc3339()
    }

    #[test]
    fn a_time_that_clocks_skip_is_the_first_one_after() {
        let skipped = moment("Europe/Berlin", "2027-03-28 02:30:30");
        assert_eq!(skipped, "2027-03-28T01:00:00+00:00");
        let day_skipped = moment("Pacific/Apia", "2011-12-30 12:00:00");
        assert_eq!(day_skipped, "2011-12-30T10:00:00+00:00");
    }

    #[test]
    fn a_time_that_clocks_show_twice_is_the_first_one() {
        let twice = moment("Europe/Berlin", "2027-10-31 02:30:00");
        assert_eq!(twice, "2027-10-31T00:30:00+00:00");
    }

    #[test]
    fn a_zone_is_known_by_its_name() {
        for unknown in ["", "Mars/Olympus", "+01:00"] {
            assert!(unknown.parse::<Zone>().is_err(), "{unknown:?}");
        }
        let zone: Zone = "asia/karachi".parse().unwrap();
        let json = serde_json::to_string(&zone).unwrap();
        assert_eq!(json, "\"Asia/Karachi\"");
        assert_eq!(serde_json::from_str::<Zone>(&json).unwrap(), zone);
    }
}
