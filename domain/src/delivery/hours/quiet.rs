//! Which hours are quiet, and when they end.

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
/// In no zone do clocks change twice within this many seconds, so that equal offsets
/// this far apart mean that nothing changed between.
const STEADY: i64 = DAY / 2;
/// How often clocks may change before something opens. They did so once in any week
/// that ever was.
const CHANGES: usize = 64;

/// When nobody is bothered: from one time of day to another, past midnight if the first
/// is the later one, and on whole days of the week. What clocks show counts, so an hour
/// that they show twice is quiet twice. Something is open in every week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Said", into = "Said")]
pub struct QuietHours {
    daily: Option<(ClockTime, ClockTime)>,
    days: Option<Part>,
    /// The same days, a bit for each; the lowest is Sunday.
    mask: u8,
}

/// As it is written down.
#[derive(Clone, Serialize, Deserialize)]
struct Said {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<ClockTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<ClockTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    days: Option<Part>,
}

impl From<QuietHours> for Said {
    fn from(quiet: QuietHours) -> Self {
        Self {
            from: quiet.from(),
            to: quiet.to(),
            days: quiet.days,
        }
    }
}

impl TryFrom<Said> for QuietHours {
    type Error = String;

    fn try_from(said: Said) -> Result<Self, String> {
        let quiet = Self::said(said.from, said.to, said.days);
        let quiet = quiet.map_err(|refusal| refusal.to_string())?;
        quiet.ok_or_else(|| "no hour is quiet".to_owned())
    }
}

impl QuietHours {
    /// What a client says; nothing if nothing is said. Days are a weekday's part, 1 is
    /// Sunday.
    ///
    /// # Errors
    /// When one end of the hours is missing, both are the same, or no day is left.
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

    /// From when on it is quiet.
    pub fn from(&self) -> Option<ClockTime> {
        self.daily.map(|(from, _)| from)
    }

    /// The first minute that is not quiet any more.
    pub fn to(&self) -> Option<ClockTime> {
        self.daily.map(|(_, to)| to)
    }

    /// The days of the week that are quiet as a whole.
    pub fn days(&self) -> Option<&Part> {
        self.days.as_ref()
    }

    /// If it is quiet at this moment where these clocks are.
    pub fn is_quiet(&self, at: DateTime<Utc>, zone: Zone) -> bool {
        let at = at.timestamp();
        self.quiet_until(at + zone.offset(at)).is_some()
    }

    /// This moment, or the first after it that is not quiet.
    pub fn opens(&self, at: DateTime<Utc>, zone: Zone) -> DateTime<Utc> {
        let mut now = at.timestamp();
        for _ in 0..CHANGES {
            let offset = zone.offset(now);
            let Some(open) = self.opens_on_clocks(now + offset) else {
                break;
            };
            let open = open - offset;
            // Either clocks run on until then, or it is asked again when they change.
            match first_change(zone, now, open) {
                None => {
                    now = open;
                    break;
                }
                Some(change) => now = change,
            }
        }
        match now == at.timestamp() {
            true => at,
            false => DateTime::from_timestamp(now, 0).unwrap_or(DateTime::<Utc>::MAX_UTC),
        }
    }

    /// When clocks that run evenly show the first time that is not quiet; nothing if
    /// they do now. Clocks are counted in seconds as if they were UTC's.
    fn opens_on_clocks(&self, clock: i64) -> Option<i64> {
        let first = self.quiet_until(clock)?;
        let then = std::iter::successors(Some(first), |clock| self.quiet_until(*clock));
        then.last()
    }

    /// Until what clocks show at least, if it is quiet when they show this.
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

/// The first second after `from`, not after `to`, in which clocks are another way ahead
/// of UTC than the second before.
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

/// The second of the change that lies between.
fn change_between(zone: Zone, mut before: i64, mut after: i64) -> i64 {
    let offset = zone.offset(before);
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        match zone.offset(middle) == offset {
            true => before = middle,
            false => after = middle,
        }
    }
    after
}
