//! The time of a schedule: the fields of the client and the plan made from them.

use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Timelike, Utc, format::ParseErrorKind};
use serde::{Deserialize, Serialize};

use super::{IfMissed, Part, Recurrence, Unit, Zone};
use crate::{Refusal, values::InvalidValue};

/// The last second of 2099, the last year of recurrences, in Unix seconds.
const LAST: i64 = 4_102_444_799;

/// A moment as written: with an offset from UTC, or in local time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Moment {
    Exact(DateTime<Utc>),
    Local(NaiveDateTime),
}

impl FromStr for Moment {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        const FORM: InvalidValue =
            InvalidValue::Form("must be like 2030-12-31 23:59:00 or 2030-12-31T23:59:00Z");
        const NEVER: InvalidValue = InvalidValue::Form("is on no calendar or clock");
        let text = text.trim();
        match DateTime::parse_from_rfc3339(text) {
            Ok(exact) if is_leap_second(&exact) => return Err(NEVER),
            Ok(exact) => return Ok(Self::Exact(exact.to_utc())),
            Err(error) if error.kind() == ParseErrorKind::OutOfRange => return Err(NEVER),
            Err(_) => {}
        }
        let text = text.replacen('T', " ", 1);
        let forms = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"];
        let read = forms.map(|form| NaiveDateTime::parse_from_str(&text, form));
        match read {
            [Ok(local), _] | [_, Ok(local)] if is_leap_second(&local) => Err(NEVER),
            [Ok(local), _] | [_, Ok(local)] => Ok(Self::Local(local)),
            [Err(seconds), Err(minutes)] => Err(match [seconds.kind(), minutes.kind()] {
                kinds if kinds.contains(&ParseErrorKind::OutOfRange) => NEVER,
                _ => FORM,
            }),
        }
    }
}

/// True for a second 60, which chrono accepts and schedules do not know.
fn is_leap_second(time: &impl Timelike) -> bool {
    time.nanosecond() >= 1_000_000_000
}

/// The time fields of a client: one of the first three, or any of `year` to `minute`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs)]
pub struct Timing {
    /// Unix seconds.
    pub timestamp: Option<i64>,
    pub datetime: Option<Moment>,
    /// Seconds from now.
    pub delay: Option<i64>,
    pub year: Option<Part>,
    pub month: Option<Part>,
    pub day: Option<Part>,
    pub weekday: Option<Part>,
    pub hour: Option<Part>,
    pub minute: Option<Part>,
    /// The time zone; UTC if absent.
    pub zone: Option<Zone>,
    /// The handling of missed runs; a single run can only be `run`.
    pub if_missed: Option<IfMissed>,
}

/// The time of a job: once, or repeatedly.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum When {
    Once { at: DateTime<Utc> },
    Every(Recurrence),
}

impl When {
    /// The first run after this moment.
    pub fn next_after(&self, at: DateTime<Utc>, zone: Zone) -> Option<DateTime<Utc>> {
        match self {
            Self::Once { at: once } => (*once > at).then_some(*once),
            Self::Every(recurrence) => recurrence.next_after(at, zone),
        }
    }
}

/// The plan made from a [`Timing`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// The time or recurrence.
    pub when: When,
    /// The time zone of the recurrence.
    pub zone: Zone,
    /// The handling of missed runs.
    #[serde(default)]
    pub if_missed: IfMissed,
    /// The next run.
    pub next_run: DateTime<Utc>,
}

impl Timing {
    /// The plan, made at the time `now`.
    ///
    /// # Errors
    /// No field is given, the fields contradict each other, or the time is past or never comes.
    pub fn plan(self, now: DateTime<Utc>) -> Result<Plan, Refusal> {
        let zone = self.zone.unwrap_or_default();
        let once = [
            ("timestamp", self.timestamp.is_some()),
            ("datetime", self.datetime.is_some()),
            ("delay", self.delay.is_some()),
        ];
        let mut once = once.iter().filter(|(_, said)| *said).map(|(name, _)| *name);
        match (once.next(), once.next()) {
            (Some(_), Some(second)) => Err(Refusal::invalid(second, "is a second way to say when")),
            (Some(first), None) if self.recurrence().is_some() => Err(Refusal::invalid(
                first,
                "goes with no year, month, day, weekday, hour, minute",
            )),
            (Some(_), None) if self.if_missed == Some(IfMissed::Skip) => Err(Refusal::invalid(
                "if_missed",
                "is run for what is to be once",
            )),
            (Some(field), None) => {
                let at = self.moment(now, zone).filter(|at| at.timestamp() <= LAST);
                let at = at.ok_or_else(|| Refusal::invalid(field, "is too far away"))?;
                if at.timestamp() < now.timestamp() {
                    return Err(Refusal::invalid(field, "is in the past"));
                }
                Ok(Plan {
                    when: When::Once { at },
                    zone,
                    if_missed: IfMissed::Run,
                    next_run: at,
                })
            }
            (None, _) => self.recurring(now, zone),
        }
    }

    fn moment(&self, now: DateTime<Utc>, zone: Zone) -> Option<DateTime<Utc>> {
        if let Some(seconds) = self.timestamp {
            return DateTime::from_timestamp(seconds, 0);
        }
        if let Some(seconds) = self.delay {
            return now.checked_add_signed(TimeDelta::try_seconds(seconds)?);
        }
        match self.datetime? {
            Moment::Exact(at) => Some(at),
            Moment::Local(local) => zone.moment(local),
        }
    }

    fn recurring(&self, now: DateTime<Utc>, zone: Zone) -> Result<Plan, Refusal> {
        let Some(recurrence) = self.recurrence() else {
            let ways = "is required, or datetime, delay, or some of year, month, day, weekday, \
                        hour, minute";
            return Err(Refusal::invalid("timestamp", ways));
        };
        let next_run = recurrence.next_after(now, zone).ok_or_else(|| {
            match recurrence.next_after(DateTime::UNIX_EPOCH, zone) {
                Some(_) => Refusal::invalid("year", "is over"),
                None => Refusal::invalid("day", "is a day that never comes"),
            }
        })?;
        Ok(Plan {
            when: When::Every(recurrence),
            zone,
            if_missed: self.if_missed.unwrap_or_default(),
            next_run,
        })
    }

    /// The recurrence of the given fields; `None` if there is none. An absent field matches every
    /// number if it is the weekday or not finer than the finest given field, else only its first:
    /// `hour` 9 alone means 9:00 every day, not every minute from then to 9:59.
    fn recurrence(&self) -> Option<Recurrence> {
        let fields = [
            (Unit::Year, &self.year, 0),
            (Unit::Month, &self.month, 1),
            (Unit::Day, &self.day, 2),
            (Unit::Weekday, &self.weekday, 2),
            (Unit::Hour, &self.hour, 3),
            (Unit::Minute, &self.minute, 4),
        ];
        let said = fields.iter().filter(|(_, part, _)| part.is_some());
        let finest = said.map(|(.., fineness)| *fineness).max()?;
        let [year, month, day, weekday, hour, minute] = fields.map(|(unit, part, fineness)| {
            part.clone().unwrap_or_else(|| match unit {
                Unit::Weekday => Part::any(),
                _ if fineness <= finest => Part::any(),
                _ => Part::first(unit),
            })
        });
        Some(Recurrence {
            year,
            month,
            day,
            weekday,
            hour,
            minute,
        })
    }
}

#[cfg(test)]
mod tests;
