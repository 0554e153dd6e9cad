//! Recurrences: fields as in cron, each a `*`, `n`, `a,b`, `a-b` or `*/n`. A moment matches if all
//! fields match. The next match is calculated by croner.

use std::{ops::RangeInclusive, str::FromStr};

use chrono::{DateTime, Utc};
use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use serde::{Deserialize, Serialize};

use super::Zone;
use crate::values::InvalidValue;

/// A field of a recurrence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Unit {
    Year,
    Month,
    Day,
    /// 1 is Sunday.
    Weekday,
    Hour,
    Minute,
}

impl Unit {
    /// The valid numbers of the field.
    pub const fn range(self) -> RangeInclusive<u32> {
        match self {
            Self::Year => 1970..=2099,
            Self::Month => 1..=12,
            Self::Day => 1..=31,
            Self::Weekday => 1..=7,
            Self::Hour => 0..=23,
            Self::Minute => 0..=59,
        }
    }

    /// The error of a number outside the range.
    const fn out_of_range(self) -> InvalidValue {
        InvalidValue::Form(match self {
            Self::Year => "has a number that is not from 1970 to 2099",
            Self::Month => "has a number that is not from 1 to 12",
            Self::Day => "has a number that is not from 1 to 31",
            Self::Weekday => "has a number that is not from 1 (Sunday) to 7",
            Self::Hour => "has a number that is not from 0 to 23",
            Self::Minute => "has a number that is not from 0 to 59",
        })
    }
}

/// The numbers of a field that match, as text in canonical form.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Part(String);

impl Part {
    /// Parses `*`, `n`, `a,b`, `a-b` or `*/n`.
    ///
    /// # Errors
    /// The text has none of these forms, or a number is out of range.
    pub fn parse(unit: Unit, text: &str) -> Result<Self, InvalidValue> {
        const FORM: InvalidValue = InvalidValue::Form("must be *, n, a,b, a-b or */n");
        let range = unit.range();
        let number = |text: &str| {
            let text = text.trim();
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            let number = digits.then(|| u32::from_str(text).ok()).flatten();
            number.ok_or(FORM)
        };
        let within = |number: u32| {
            range
                .contains(&number)
                .then_some(number)
                .ok_or(unit.out_of_range())
        };
        let text = text.trim();
        if text == "*" {
            return Ok(Self::any());
        }
        if let Some(step) = text.strip_prefix("*/") {
            let step = number(step)?;
            return if step > 0 && step <= *range.end() {
                Ok(Self(format!("*/{step}")))
            } else {
                Err(unit.out_of_range())
            };
        }
        let mut members = Vec::new();
        for member in text.split(',') {
            members.push(match member.split_once('-') {
                None => within(number(member)?)?.to_string(),
                Some((first, last)) => {
                    let (first, last) = (within(number(first)?)?, within(number(last)?)?);
                    if first > last {
                        return Err(InvalidValue::Form("has a range that ends before it begins"));
                    }
                    format!("{first}-{last}")
                }
            });
        }
        if members.len() > range.count() {
            Err(InvalidValue::Form("has more numbers than there are"))
        } else {
            Ok(Self(members.join(",")))
        }
    }

    /// The part that every number matches.
    pub fn any() -> Self {
        Self("*".to_owned())
    }

    /// The part that only the first number of the unit matches.
    pub fn first(unit: Unit) -> Self {
        Self(unit.range().start().to_string())
    }

    /// The part as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The numbers of the unit that match. A step counts from the first number of the unit.
    pub fn numbers(&self, unit: Unit) -> impl Iterator<Item = u32> {
        let range = unit.range();
        let first = *range.start();
        let step = self.0.strip_prefix("*/").and_then(|n| n.parse().ok());
        let every = if self.0 == "*" { Some(1) } else { step };
        range.filter(move |number| match every {
            Some(step) => (number - first).checked_rem(step) == Some(0),
            None => self.0.split(',').any(|member| among(member, *number)),
        })
    }

    /// The years for croner, which counts `*/n` of years from year 1: here `*/n` means the years
    /// divisible by n.
    fn of_years(&self) -> String {
        let range = Unit::Year.range();
        let step = self.0.strip_prefix("*/");
        let step: Option<u32> = step.and_then(|step| step.parse().ok());
        match step {
            Some(step) => {
                let years = range.filter(|year| year % step == 0);
                years.map(|y| y.to_string()).collect::<Vec<_>>().join(",")
            }
            None if self.0 == "*" => format!("{}-{}", range.start(), range.end()),
            None => self.0.clone(),
        }
    }
}

/// True if the member, `n` or `a-b`, contains this number.
fn among(member: &str, number: u32) -> bool {
    let (first, last) = member.split_once('-').unwrap_or((member, member));
    let (first, last) = (first.parse(), last.parse());
    first.is_ok_and(|first: u32| first <= number) && last.is_ok_and(|last: u32| number <= last)
}

/// A recurrence: every minute that matches all fields.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Recurrence {
    pub year: Part,
    pub month: Part,
    pub day: Part,
    pub weekday: Part,
    pub hour: Part,
    pub minute: Part,
}

impl Recurrence {
    /// The first match after this moment; `None` if there is none. If the hour is `*` or `*/n`,
    /// hours count as they pass: a match in an hour that occurs twice runs twice, a match in a
    /// skipped hour never runs. If hours are named, each runs once a day: in the first of two equal
    /// hours, and right after the gap if it is skipped.
    pub fn next_after(&self, at: DateTime<Utc>, zone: Zone) -> Option<DateTime<Utc>> {
        let cron = self.cron()?;
        let local = at.with_timezone(&zone.tz());
        if self.hour.as_str().starts_with('*') {
            let next = cron.find_next_occurrence(&local, false).ok()?;
            return Some(next.to_utc());
        }
        // The search runs in local time, as if it had no gaps, and each match is then looked up in
        // the zone. Within a repeated hour that moment may be over already.
        let mut shown = local.naive_local().and_utc();
        loop {
            shown = cron.find_next_occurrence(&shown, false).ok()?;
            let next = zone.moment(shown.naive_utc())?;
            if next > at {
                return Some(next);
            }
        }
    }

    fn cron(&self) -> Option<Cron> {
        let years = self.year.of_years();
        // No year in the range is divisible by the step.
        if years.is_empty() {
            return None;
        }
        let Self {
            month,
            day,
            weekday,
            hour,
            minute,
            ..
        } = self;
        let [minute, hour, day, month, weekday] =
            [minute, hour, day, month, weekday].map(Part::as_str);
        let pattern = format!("0 {minute} {hour} {day} {month} {weekday} {years}");
        let parser = CronParser::builder()
            .seconds(Seconds::Required)
            .year(Year::Required)
            .dom_and_dow(true)
            .alternative_weekdays(true)
            .build();
        parser.parse(&pattern).ok()
    }
}

#[cfg(test)]
mod tests;
