//! `WEEKTIME`: hours of the week.

use chrono::{
    DateTime, Datelike as _, NaiveDate, NaiveDateTime, Offset as _, TimeDelta, TimeZone as _,
    Timelike as _, Utc,
};
use chrono_tz::Tz;

use super::{param, params};
use crate::{delivery::hours::ClockTime, pbx::ConditionDetails, values::InvalidValue};

const DAY_NAMES: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// Hours of the week, from the parameters of a `WEEKTIME`. What they mean is inferred, since no
/// document says it:
///
/// | parameter | meaning | if empty |
/// |---|---|---|
/// | `param1` | the time from which it is true, `HH:MM` | with `param2`: all day |
/// | `param2` | the time until which, not itself included | with `param1`: all day |
/// | `param3` | days, as `mon-fri`, `mon,wed` or `1-5`; 1 is Monday, 7 Sunday | every day |
/// | `param4` to `param12` | holidays, on which it is false: `YYYY-MM-DD`, or `MM-DD` for every year, several with commas between them | none |
///
/// Hours whose end is not later than their beginning go on past midnight, and belong as a whole to
/// the day on which they begin: `22:00`, `06:00`, `fri` is true on Saturday at 2, unless Friday is a
/// holiday.
///
/// Times are those of clocks in `timezone` (none: UTC). An hour that clocks skip does not occur,
/// one that they repeat occurs twice.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct WeekTime {
    zone: Tz,
    /// In minutes since midnight.
    hours: Option<(u32, u32)>,
    /// A bit for each day; the lowest is Monday.
    days: u8,
    holidays: Vec<Holiday>,
}

/// A day of a year, or of every year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Holiday {
    year: Option<i32>,
    month: u32,
    day: u32,
}

impl WeekTime {
    pub(super) fn read(details: &ConditionDetails) -> Result<Self, String> {
        if params(details).next().is_none() {
            return Err("its parameters must name hours, days or holidays".to_owned());
        }
        let zone = match &details.timezone {
            None => Tz::UTC,
            Some(zone) => zone
                .as_str()
                .parse()
                .map_err(|_| "timezone must be a time zone with known clocks".to_owned())?,
        };
        Ok(Self {
            zone,
            hours: hours(details)?,
            days: param(details, 3).map_or(Ok(0b111_1111), |text| {
                days(text).ok_or_else(|| "param3 must be days such as mon-fri".to_owned())
            })?,
            holidays: holidays(details)?,
        })
    }

    /// True if the hours include this moment.
    pub(super) fn includes(&self, at: DateTime<Utc>) -> bool {
        let day = self.local(at).and_then(|local| self.day(local));
        day.is_some_and(|day| {
            let bit = 1 << day.weekday().num_days_from_monday();
            self.days & bit != 0 && !self.holidays.iter().any(|it| it.is_on(day))
        })
    }

    /// The time of the zone's clocks. Every moment has one, even if not every time has a moment.
    fn local(&self, at: DateTime<Utc>) -> Option<NaiveDateTime> {
        let at = at.naive_utc();
        let offset = self.zone.offset_from_utc_datetime(&at).fix();
        at.checked_add_signed(TimeDelta::seconds(offset.local_minus_utc().into()))
    }

    /// The day on which the hours began that this time is in.
    fn day(&self, local: NaiveDateTime) -> Option<NaiveDate> {
        let minute = local.hour() * 60 + local.minute();
        let today = local.date();
        match self.hours {
            None => Some(today),
            Some((from, until)) if from < until => (from..until).contains(&minute).then_some(today),
            Some((from, _)) if minute >= from => Some(today),
            Some((_, until)) if minute < until => today.pred_opt(),
            Some(_) => None,
        }
    }
}

impl Holiday {
    fn read(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.trim().split('-').collect();
        let (year, month, day) = match parts.as_slice() {
            [year, month, day] => (Some(number(year, 4)?), number(month, 2)?, number(day, 2)?),
            [month, day] => (None, number(month, 2)?, number(day, 2)?),
            _ => return None,
        };
        let year = year.map(i32::try_from).transpose().ok()?;
        // For every year: 29 February is a day of some.
        NaiveDate::from_ymd_opt(year.unwrap_or(2000), month, day)?;
        Some(Self { year, month, day })
    }

    fn is_on(self, date: NaiveDate) -> bool {
        let is_year = self.year.is_none_or(|year| year == date.year());
        is_year && (self.month, self.day) == (date.month(), date.day())
    }
}

/// The number that is written with so many digits.
fn number(text: &str, digits: usize) -> Option<u32> {
    let is_number = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

fn hours(details: &ConditionDetails) -> Result<Option<(u32, u32)>, String> {
    let time = |number: usize| {
        let read = |text: &str| text.parse::<ClockTime>();
        let time = param(details, number).map(read).transpose();
        let minutes = time.map(|time| time.map(|time| u32::from(time.minutes())));
        minutes.map_err(|wrong: InvalidValue| format!("param{number} {wrong}"))
    };
    match (time(1)?, time(2)?) {
        (Some(from), Some(until)) => Ok(Some((from, until))),
        (None, None) => Ok(None),
        (Some(_), None) => Err("param2 must be a time, as param1 is".to_owned()),
        (None, Some(_)) => Err("param1 must be a time, as param2 is".to_owned()),
    }
}

/// The days of a list such as `mon-fri,7`; ranges may pass the end of the week.
fn days(text: &str) -> Option<u8> {
    text.split(',').try_fold(0, |days, part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        let count = (last + 7 - first) % 7 + 1;
        let range = (first..first + count).map(|day| 1_u8 << (day % 7));
        Some(range.fold(days, |days, bit| days | bit))
    })
}

/// The day of this name or number, 0 for Monday.
fn day(text: &str) -> Option<usize> {
    let text = text.trim().to_ascii_lowercase();
    if let Some(number) = number(&text, 1) {
        let day = number.checked_sub(1).filter(|day| *day < 7)?;
        return usize::try_from(day).ok();
    }
    let is_named = |name: &&str| text == **name || text == name[..3];
    DAY_NAMES.iter().position(is_named)
}

fn holidays(details: &ConditionDetails) -> Result<Vec<Holiday>, String> {
    let dates = params(details).skip_while(|(number, _)| *number < 4);
    let listed = dates.flat_map(|(number, text)| text.split(',').map(move |date| (number, date)));
    let read = |(number, date): (usize, &str)| {
        Holiday::read(date).ok_or_else(|| {
            let date = date.trim();
            format!("param{number} must be dates such as 2026-12-25 or 12-25; {date} is none")
        })
    };
    listed.map(read).collect()
}
