//! `cdr/…` of document 004.

use std::{ops::Range, str::FromStr};

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use domain::{Id, access::Tenant, values::Line};
use futures::{StreamExt as _, TryStreamExt as _};
use projections::pbx::cdrs::{CdrFilter, CdrRow, history};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{documented, must_see, required};
use crate::{
    Error, Result,
    answer::Answer,
    authorization::{List, Reader},
    extract::{Fields, Form, FromFields, Given},
    openapi::Routes,
    pbx::cdrs::Cdr,
};

/// The form of days.
const DAY: &str = "%Y-%m-%d";
/// The length of a day, so that the year has four digits.
const DAY_LENGTH: usize = 10;
/// The form of times, which are in UTC.
const TIME: &str = "%Y-%m-%d %H:%M:%S";

/// A call.
#[derive(Serialize, ToSchema)]
struct DocumentedCdr {
    accountcode: String,
    start: String,
    answer: String,
    end: String,
    clid: String,
    realsrc: String,
    src: String,
    dst: String,
    firstdst: String,
    lastdst: String,
    wherelanded: String,
    duration: String,
    billsec: String,
    disposition: String,
    cc_cost: String,
    uniqueid: String,
    linkedid: String,
    userfield: String,
}

impl From<CdrRow> for DocumentedCdr {
    fn from(row: CdrRow) -> Self {
        let time = |at: DateTime<Utc>| at.format(TIME).to_string();
        Self {
            accountcode: row.accountcode.unwrap_or_default(),
            start: time(row.started_at),
            answer: row.answered_at.map(time).unwrap_or_default(),
            end: time(row.ended_at),
            clid: row.clid.unwrap_or_default(),
            realsrc: row.realsrc.unwrap_or_default(),
            src: row.src.unwrap_or_default(),
            dst: row.dst.unwrap_or_default(),
            firstdst: row.firstdst.unwrap_or_default(),
            lastdst: row.lastdst.unwrap_or_default(),
            wherelanded: row.wherelanded.unwrap_or_default(),
            duration: row.duration.to_string(),
            billsec: row.billsec.to_string(),
            disposition: row.disposition,
            cc_cost: row.cc_cost.to_string(),
            uniqueid: row.cdr_id.to_string(),
            linkedid: row.transmission_id.to_string(),
            userfield: row.userfield.unwrap_or_default(),
        }
    }
}

pub(super) fn routes() -> Routes {
    Routes::new().post(
        "/cdr/getCallHistory",
        call_history,
        documented("Lists the calls of some days")
            .note(
                "Those of a tenant that began from the first of these days to the end of the last \
                 one, in UTC and in the order in which they began. `tenant_code` may be left out \
                 by a caller who reaches one tenant only. `disposition` is ANSWERED, NO ANSWER, \
                 BUSY or FAILED.",
            )
            .requires(&["start_date_ymd", "end_date_ymd"])
            .example(json!({"start_date_ymd": "2026-11-01", "end_date_ymd": "2026-11-30"}))
            .array_of::<DocumentedCdr>(),
    )
}

async fn call_history(cdrs: Reader<Cdr, List>, Form(asked): Form<CallHistory>) -> Result<Answer> {
    let started = asked.times()?;
    let tenant = tenant_of(&cdrs, asked.tenant_code)?;
    let filter = CdrFilter {
        started: Some(started),
        ..asked.filter
    };
    let rows = history(cdrs.pool(), tenant, filter, &cdrs.scope());
    let rows = rows.map_ok(DocumentedCdr::from).map_err(Error::from);
    Answer::stream(rows.boxed()).await
}

/// The tenant with this code. Without a code, the only one that the caller reaches.
fn tenant_of(cdrs: &Reader<Cdr, List>, code: Option<Line>) -> Result<Id<Tenant>> {
    let caller = cdrs.caller();
    let Some(code) = code else {
        return required("tenant_code", caller.only_tenant::<Cdr, List>());
    };
    let tenant = caller.access_cache().tenant_coded(code.as_str());
    must_see(cdrs, tenant.ok_or(Error::NotFound)?)
}

/// The days, the tenant and the filter of a call history.
struct CallHistory {
    first: Option<Day>,
    last: Option<Day>,
    tenant_code: Option<Line>,
    filter: CdrFilter,
}

impl CallHistory {
    /// The times between which the calls began, the second one excluded.
    fn times(&self) -> Result<Range<DateTime<Utc>>> {
        let Day(first) = required("start_date_ymd", self.first)?;
        let Day(last) = required("end_date_ymd", self.last)?;
        if last < first {
            let message = "must not be before start_date_ymd";
            return Err(Error::invalid("end_date_ymd", message));
        }
        let midnight = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
        let after = last.checked_add_days(Days::new(1)).unwrap_or(last);
        Ok(midnight(first)..midnight(after))
    }
}

impl FromFields for CallHistory {
    fn from_fields(fields: &mut Fields) -> Self {
        let cost = fields.text_or_number::<Cost>("cost").given();
        Self {
            first: fields.text("start_date_ymd").given(),
            last: fields.text("end_date_ymd").given(),
            tenant_code: fields.text("tenant_code").given(),
            filter: CdrFilter {
                firstdst: fields
                    .text_or_number::<Line>("firstdst")
                    .given()
                    .map(String::from),
                disposition: fields.text("disposition").given(),
                cc_cost: cost.map(|cost| cost.0),
                ..CdrFilter::default()
            },
        }
    }
}

/// A day of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Day(NaiveDate);

impl FromStr for Day {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        // Parsing alone takes other widths too.
        let day = NaiveDate::parse_from_str(text, DAY).ok();
        let day = day.filter(|day| text.len() == DAY_LENGTH && day.format(DAY).to_string() == text);
        day.map(Self).ok_or("must be a day, as 2026-11-30")
    }
}

/// A cost that calls are looked for by. They cost whole amounts, so that none has one with a
/// fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cost(i64);

impl Cost {
    /// The cost of no call.
    const NONE: Self = Self(-1);
}

impl FromStr for Cost {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
            return Err("must be a number");
        }
        let is_whole = fraction.bytes().all(|byte| byte == b'0');
        let cost = whole.parse().ok().filter(|_| is_whole);
        Ok(cost.map_or(Self::NONE, Self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_one_of_the_calendar() {
        let day: Day = "2028-02-29".parse().unwrap();
        assert_eq!(day.0.to_string(), "2028-02-29");
        for wrong in [
            "2026-02-30",
            "2026-2-3",
            "-9999-01-01",
            "+12026-01-01",
            "today",
            "20261130",
            "2026-11-30T00:00",
        ] {
            assert!(wrong.parse::<Day>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_last_day_ends_with_the_next_one() {
        let day = |text: &str| text.parse().ok();
        let asked = |first, last| CallHistory {
            first: day(first),
            last: day(last),
            tenant_code: None,
            filter: CdrFilter::default(),
        };
        let times = asked("2026-11-30", "2026-11-30").times().unwrap();
        assert_eq!(times.start.to_string(), "2026-11-30 00:00:00 UTC");
        assert_eq!(times.end.to_string(), "2026-12-01 00:00:00 UTC");
        assert!(asked("2026-11-30", "2026-11-29").times().is_err());
        assert!(asked("", "2026-11-29").times().is_err());
    }

    #[test]
    fn a_cost_is_a_number() {
        for (text, cost) in [("60", 60), ("60.00", 60), ("0", 0), ("0.5", -1), (" 7 ", 7)] {
            assert_eq!(text.parse(), Ok(Cost(cost)), "{text}");
        }
        for wrong in ["", ".", "x", "-1", "1e3", "1.2.3"] {
            assert!(wrong.parse::<Cost>().is_err(), "{wrong}");
        }
    }
}
