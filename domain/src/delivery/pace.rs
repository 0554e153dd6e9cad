//! The pace of a campaign.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::Refusal;

/// Transmissions per second, 0.001 to 1,000,000, as an integer in units of 10⁻¹²: exact, so that
/// every reader gets the same number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Pace(i64);

/// The unit of `cpm` in the API.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PaceUnit {
    /// Transmissions per second, as documented.
    #[default]
    Second,
    /// Transmissions per minute, as in the original system.
    Minute,
}

impl PaceUnit {
    /// The length of the unit in seconds.
    pub const fn seconds(self) -> u32 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
        }
    }
}

impl FromStr for PaceUnit {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "second" => Ok(Self::Second),
            "minute" => Ok(Self::Minute),
            _ => Err(()),
        }
    }
}

const UNITS: f64 = 1e12;
/// The slowest and the fastest pace, in units of 10⁻¹² per second.
const SLOWEST: i64 = 1_000_000_000;
const FASTEST: i64 = 1_000_000_000_000_000_000;
/// The greatest relative difference at which `cpm` and `delay` count as equal.
const TOLERANCE: f64 = 1e-6;

impl Pace {
    /// The pace given by `cpm` or by `delay` (milliseconds from one transmission to the next);
    /// `None` if both are absent.
    ///
    /// # Errors
    /// The pace is out of range, or the two fields contradict each other.
    pub fn said(
        cpm: Option<f64>,
        delay: Option<f64>,
        unit: PaceUnit,
    ) -> Result<Option<Self>, Refusal> {
        let cpm = cpm.map(|cpm| Self::checked("cpm", cpm / f64::from(unit.seconds())));
        let delay = delay.map(|delay| Self::checked("delay", 1_000.0 / delay));
        let (cpm, delay) = (cpm.transpose()?, delay.transpose()?);
        if let (Some(by_cpm), Some(by_delay)) = (cpm, delay) {
            let (one, other) = (by_cpm.0 as f64, by_delay.0 as f64);
            if (one - other).abs() > TOLERANCE * one.max(other) {
                let milliseconds = 1_000.0 / by_cpm.per_second();
                let said = format!("contradicts cpm, which makes {milliseconds} milliseconds");
                return Err(Refusal::invalid("delay", said));
            }
        }
        Ok(cpm.or(delay))
    }

    /// Transmissions per second.
    pub fn per_second(self) -> f64 {
        self.0 as f64 / UNITS
    }

    fn checked(field: &'static str, rate: f64) -> Result<Self, Refusal> {
        let units = (rate * UNITS).round();
        // NaN and the infinities are not in the range.
        if (SLOWEST as f64..=FASTEST as f64).contains(&units) {
            Ok(Self(units as i64))
        } else {
            Err(Refusal::invalid(
                field,
                "must come to 0.001 to 1,000,000 transmissions per second",
            ))
        }
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = format!("{:013}", self.0);
        let (seconds, rest) = whole.split_at(whole.len() - 12);
        write!(f, "{seconds}.{rest}")
    }
}

impl FromStr for Pace {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (whole, rest) = text.split_once('.').ok_or("has no decimal point")?;
        let exact = (rest.len() == 12).then(|| format!("{whole}{rest}").parse().ok());
        exact.flatten().map(Self).ok_or("is no pace")
    }
}

impl Serialize for Pace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Pace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(
        cpm: Option<f64>,
        delay: Option<f64>,
        unit: PaceUnit,
    ) -> Result<Option<String>, String> {
        let pace = Pace::said(cpm, delay, unit);
        pace.map(|pace| pace.map(|pace| pace.to_string()))
            .map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn a_pause_of_two_milliseconds_is_five_hundred_a_second() {
        let second = PaceUnit::Second;
        assert_eq!(
            said(None, Some(2.0), second),
            Ok(Some("500.000000000000".into()))
        );
        assert_eq!(
            said(Some(500.0), None, second),
            said(None, Some(2.0), second)
        );
        assert_eq!(
            said(Some(500.0), Some(2.0), second),
            said(None, Some(2.0), second)
        );
        assert_eq!(
            said(None, Some(3.0), second),
            Ok(Some("333.333333333333".into()))
        );
        assert_eq!(said(None, None, second), Ok(None));
    }

    #[test]
    fn a_minute_has_sixty_seconds() {
        let minute = said(Some(30.0), None, PaceUnit::Minute);
        assert_eq!(minute, Ok(Some("0.500000000000".into())));
        assert_eq!(said(Some(30.0), Some(2_000.0), PaceUnit::Minute), minute);
    }

    #[test]
    fn a_contradiction_is_refused() {
        let refused = said(Some(2.0), Some(2.0), PaceUnit::Second).unwrap_err();
        let said = "delay: contradicts cpm, which makes 500 milliseconds";
        assert_eq!(refused, said);
    }

    #[test]
    fn too_slow_and_too_fast_are_refused() {
        let second = PaceUnit::Second;
        for cpm in [0.0, -1.0, 0.0009, 1_000_001.0, f64::NAN, f64::INFINITY] {
            assert!(said(Some(cpm), None, second).is_err(), "{cpm}");
        }
        for delay in [0.0, -1.0, 0.0009, 1_000_001.0, f64::NAN] {
            assert!(said(None, Some(delay), second).is_err(), "{delay}");
        }
        for cpm in [0.001, 1_000_000.0] {
            assert!(said(Some(cpm), None, second).is_ok(), "{cpm}");
        }
    }

    #[test]
    fn it_reads_as_it_was_written() {
        for cpm in [0.001, 2.0, 1_000_000.0 / 7.0] {
            let pace = Pace::said(Some(cpm), None, PaceUnit::Second)
                .unwrap()
                .unwrap();
            assert_eq!(pace.to_string().parse(), Ok(pace));
        }
        assert!("2".parse::<Pace>().is_err() && "2.5".parse::<Pace>().is_err());
    }
}
