//! The quiet hours and the calculation of their end.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::ClockTime;
use crate::{
    Refusal,
    delivery::schedule::{Part, Unit, Zone},
};

const MINUTE: i64 = 60;
const DAY: i64 = 86_400;
const WEEK: u32 = 7;
/// An interval, in seconds, in which the UTC offset of no zone changes twice: equal offsets this
/// far apart mean that there was no change in between.
const STEADY: i64 = DAY / 2;
/// The limit of offset changes in the search for the end of the quiet hours. No week in the time
/// zone database has more than one.
const CHANGES: usize = 64;

/// Quiet hours: from one time of day to another, past midnight if the first is the later one, and
/// on whole days of the week. They apply to local time, so an hour that occurs twice when clocks go
/// back is quiet twice. Every week has some time that is not quiet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "QuietHoursWire", into = "QuietHoursWire")]
pub struct QuietHours {
    daily: Option<(ClockTime, ClockTime)>,
    days: Option<Part>,
    /// The days as a bit mask; the lowest bit is Sunday.
    mask: u8,
}

/// The serialised form of [`QuietHours`].
#[derive(Clone, Serialize, Deserialize)]
struct QuietHoursWire {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<ClockTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<ClockTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    days: Option<Part>,
}

impl From<QuietHours> for QuietHoursWire {
    fn from(quiet: QuietHours) -> Self {
        Self {
            from: quiet.from(),
            to: quiet.to(),
            days: quiet.days,
        }
    }
}

impl TryFrom<QuietHoursWire> for QuietHours {
    type Error = String;

    fn try_from(said: QuietHoursWire) -> Result<Self, String> {
        let quiet = Self::said(said.from, said.to, said.days);
        let quiet = quiet.map_err(|refusal| refusal.to_string())?;
        quiet.ok_or_else(|| "no hour is quiet".to_owned())
    }
}

impl QuietHours {
    /// The quiet hours from a client's fields; `None` if all are absent. `days` is a [`Part`] of
    /// weekdays, in which 1 is Sunday.
    ///
    /// # Errors
    /// One end of the hours is missing, both are equal, or all days of the week are quiet.
    pub fn said(
        from: Option<ClockTime>,
        to: Option<ClockTime>,
        days: Option<Part>,
    ) -> Result<Option<Self>, Refusal> {
        let daily = match (from, to) {
            (None, None) => None,
            (Some(_), None) => {
                return Err(Refusal::invalid("quiet_to", "is required with quiet_from"));
            }
            (None, Some(_)) => {
                return Err(Refusal::invalid("quiet_from", "is required with quiet_to"));
            }
            (Some(from), Some(to)) if from == to => {
                return Err(Refusal::invalid("quiet_to", "is the same as quiet_from"));
            }
            (Some(from), Some(to)) => Some((from, to)),
        };
        let numbers = days.iter().flat_map(|days| days.numbers(Unit::Weekday));
        let mask = numbers.fold(0_u8, |mask, day| mask | 1 << (day - 1));
        if mask.count_ones() == WEEK {
            return Err(Refusal::invalid("quiet_days", "leave no day of the week"));
        }
        let said = daily.is_some() || mask != 0;
        Ok(said.then_some(Self { daily, days, mask }))
    }

    /// The time of day at which the quiet hours begin.
    pub fn from(&self) -> Option<ClockTime> {
        self.daily.map(|(from, _)| from)
    }

    /// The time of day at which the quiet hours end: the first minute that is not quiet.
    pub fn to(&self) -> Option<ClockTime> {
        self.daily.map(|(_, to)| to)
    }

    /// The days of the week that are quiet as a whole.
    pub fn days(&self) -> Option<&Part> {
        self.days.as_ref()
    }

    /// True if this moment is quiet in this zone.
    pub fn is_quiet(&self, at: DateTime<Utc>, zone: Zone) -> bool {
        let at = at.timestamp();
        self.quiet_until(at + zone.offset(at)).is_some()
    }

    /// This moment if it is not quiet, else the first one after it.
    pub fn opens(&self, at: DateTime<Utc>, zone: Zone) -> DateTime<Utc> {
        let mut now = at.timestamp();
        for _ in 0..CHANGES {
            let offset = zone.offset(now);
            let Some(open) = self.opens_on_clocks(now + offset) else {
                break;
            };
            let open = open - offset;
            // If the UTC offset changes before that time, the calculation starts again at the
            // change.
            match first_change(zone, now, open) {
                None => {
                    now = open;
                    break;
                }
                Some(change) => now = change,
            }
        }
        if now == at.timestamp() {
            at
        } else {
            DateTime::from_timestamp(now, 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
        }
    }

    /// The first local time after `clock` that is not quiet, if the UTC offset does not change;
    /// `None` if `clock` is not quiet. Local times are counted in seconds as if they were UTC.
    fn opens_on_clocks(&self, clock: i64) -> Option<i64> {
        let first = self.quiet_until(clock)?;
        let then = std::iter::successors(Some(first), |clock| self.quiet_until(*clock));
        then.last()
    }

    /// A local time until which it stays quiet at least, if it is quiet at local time `clock`.
    fn quiet_until(&self, clock: i64) -> Option<i64> {
        let (day, second) = (clock.div_euclid(DAY), clock.rem_euclid(DAY));
        let until = |second: i64| Some(day * DAY + second);
        // The first of January 1970 was a Thursday.
        let weekday = (day + 4).rem_euclid(i64::from(WEEK));
        if self.mask >> weekday & 1 == 1 {
            return until(DAY);
        }
        let (from, to) = self.daily?;
        let [from, to] = [from, to].map(|time| i64::from(time.minutes()) * MINUTE);
        match (from <= second, second < to) {
            (true, true) => until(to),
            (true, false) if to < from => until(DAY),
            (false, true) if to < from => until(to),
            _ => None,
        }
    }
}

/// The first second after `from`, up to `to`, in which the zone's UTC offset differs from that of
/// the second before.
fn first_change(zone: Zone, from: i64, to: i64) -> Option<i64> {
    let mut before = from;
    while before < to {
        let after = (before + STEADY).min(to);
        if zone.offset(before) != zone.offset(after) {
            return Some(change_between(zone, before, after));
        }
        before = after;
    }
    None
}

/// The second of the offset change between `before` and `after`, by bisection.
fn change_between(zone: Zone, mut before: i64, mut after: i64) -> i64 {
    let offset = zone.offset(before);
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        if zone.offset(middle) == offset {
            before = middle
        } else {
            after = middle
        }
    }
    after
}
