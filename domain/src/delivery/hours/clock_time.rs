//! Times of day.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::values::InvalidValue;

/// A time of day to the minute, 00:00 to 23:59, kept as minutes since midnight.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ClockTime(u16);

impl ClockTime {
    /// Minutes since midnight.
    pub const fn minutes(self) -> u16 {
        self.0
    }
}

impl FromStr for ClockTime {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        const FORM: InvalidValue = InvalidValue::Form("must be a time of day from 00:00 to 23:59");
        let number = |text: &str, limit: u16| {
            let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
            let number = digits.then(|| text.parse::<u16>().ok()).flatten();
            number.filter(|number| *number < limit).ok_or(FORM)
        };
        let (hour, minute) = text.trim().split_once(':').ok_or(FORM)?;
        Ok(Self(number(hour, 24)? * 60 + number(minute, 60)?))
    }
}

impl fmt::Display for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl Serialize for ClockTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ClockTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_reads_as_it_is_written() {
        for text in ["00:00", "08:05", "23:59"] {
            assert_eq!(text.parse::<ClockTime>().unwrap().to_string(), text);
        }
        let time: ClockTime = serde_json::from_str("\"21:30\"").unwrap();
        assert_eq!(time.minutes(), 21 * 60 + 30);
        assert_eq!(serde_json::to_string(&time).unwrap(), "\"21:30\"");
    }

    #[test]
    fn what_no_clock_shows_is_refused() {
        for text in [
            "", "9:00", "24:00", "12:60", "12", "12:00:00", "+1:00", "１2:00", "-1:30",
        ] {
            assert!(text.parse::<ClockTime>().is_err(), "{text:?}");
        }
    }
}
