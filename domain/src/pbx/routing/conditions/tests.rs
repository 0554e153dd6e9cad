//! Conditions: examples, and `WEEKTIME` against a naive reading on random clocks.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use crate::pbx::routing::{
    Table,
    tests::{condition, config, line, moment},
};

/// The answer of a condition for the caller +1 514 634-9955.
fn is_true(details: &ConditionDetails, at: &str) -> bool {
    let mut table = Table::default();
    table.set_condition(1, details);
    let answer = answer(&table, 1, Some("+1 514 634-9955"), moment(at));
    assert_eq!(answer.flaw, None);
    answer.is_true
}

fn in_zone(mut details: ConditionDetails, zone: &str) -> ConditionDetails {
    details.timezone = Some(zone.parse().unwrap());
    details
}

/// The reason for which a condition is not understood beside conditions 1 to 9, which are.
fn problem_of(word: &str, params: &[&str]) -> Option<String> {
    const ID: i64 = 100;
    let (asked, other) = (condition(word, params), condition("CALLERID", &["1"]));
    let others = (1..10).map(|id| (id, &other));
    condition_problems(others.chain([(ID, &asked)])).remove(&ID)
}

#[test]
fn a_caller_is_known_by_digits_whatever_the_notation() {
    for param in ["15146349955", "+1 (514) 634-9955", "0015146349955"] {
        let details = condition("CALLERID", &["", param]);
        assert!(is_true(&details, "2026-12-01T12:00:00Z"), "{param}");
    }
    let other = condition("callerid", &["5146349955", "1514634995"]);
    assert!(!is_true(&other, "2026-12-01T12:00:00Z"));
}

#[test]
fn a_caller_is_known_by_the_first_digits_before_an_asterisk() {
    for (param, expected) in [("+1514*", true), ("*", true), ("1515*", false)] {
        let details = condition("CALLERID", &[param]);
        assert_eq!(is_true(&details, "2026-12-01T12:00:00Z"), expected);
    }
}

#[test]
fn a_caller_who_withholds_the_number_is_known_by_none() {
    let mut table = Table::default();
    table.set_condition(1, &condition("CALLERID", &["*"]));
    for from in [None, Some("anonymous")] {
        assert!(!answer(&table, 1, from, DateTime::UNIX_EPOCH).is_true);
    }
}

#[test]
fn hours_include_their_beginning_and_not_their_end() {
    let open = condition("WEEKTIME", &["09:00", "17:00", "mon-fri"]);
    for (at, expected) in [
        ("2026-12-01T08:59:59Z", false),
        ("2026-12-01T09:00:00Z", true),
        ("2026-12-01T16:59:59Z", true),
        ("2026-12-01T17:00:00Z", false),
        ("2026-12-05T12:00:00Z", false),
    ] {
        assert_eq!(is_true(&open, at), expected, "{at}");
    }
}

#[test]
fn hours_past_midnight_belong_to_the_day_on_which_they_begin() {
    let night = condition("WEEKTIME", &["22:00", "06:00", "fri", "2026-12-11"]);
    for (at, expected) in [
        ("2026-12-04T05:00:00Z", false),
        ("2026-12-04T22:00:00Z", true),
        ("2026-12-05T02:00:00Z", true),
        ("2026-12-05T06:00:00Z", false),
        ("2026-12-05T22:00:00Z", false),
        ("2026-12-11T23:00:00Z", false),
        ("2026-12-12T02:00:00Z", false),
    ] {
        assert_eq!(is_true(&night, at), expected, "{at}");
    }
}

#[test]
fn hours_without_times_are_all_day_and_without_days_every_day() {
    let weekend = condition("WEEKTIME", &["", "", "6-7"]);
    assert!(is_true(&weekend, "2026-12-05T00:00:00Z"));
    assert!(!is_true(&weekend, "2026-12-07T00:00:00Z"));
    let morning = condition("WEEKTIME", &["08:00", "12:00"]);
    assert!(is_true(&morning, "2026-12-06T08:00:00Z"));
    let whole = condition("WEEKTIME", &["00:00", "00:00"]);
    assert!(is_true(&whole, "2026-12-06T23:59:59Z"));
}

#[test]
fn days_are_names_or_numbers_alone_or_in_ranges() {
    for (text, numbers) in [
        ("mon-fri", "12345"),
        ("1-5", "12345"),
        ("mon,wed", "13"),
        ("Sat-Mon", "167"),
        (" sunday , 2-3 ", "237"),
        ("5-5", "5"),
    ] {
        let details = condition("WEEKTIME", &["", "", text]);
        // 30 November 2026 was a Monday.
        let monday = moment("2026-11-30T12:00:00Z");
        let days = (0..7).filter(|day| {
            let at = monday + Days::new(*day);
            is_true(&details, &at.to_rfc3339())
        });
        let found: String = days.map(|day| (day + 1).to_string()).collect();
        assert_eq!(found, numbers, "{text}");
    }
}

#[test]
fn holidays_are_days_of_one_year_or_of_every_year() {
    let holidays = "2026-12-24, 12-25";
    let open = condition("WEEKTIME", &["", "", "", holidays, "", "02-29"]);
    for (at, expected) in [
        ("2026-12-24T12:00:00Z", false),
        ("2027-12-24T12:00:00Z", true),
        ("2026-12-25T12:00:00Z", false),
        ("2027-12-25T12:00:00Z", false),
        ("2028-02-29T12:00:00Z", false),
        ("2028-03-01T12:00:00Z", true),
    ] {
        assert_eq!(is_true(&open, at), expected, "{at}");
    }
}

#[test]
fn hours_are_those_of_the_clocks_in_the_zone() {
    let open = in_zone(condition("WEEKTIME", &["09:00", "17:00"]), "Europe/Vienna");
    assert!(is_true(&open, "2026-12-01T08:00:00Z"));
    assert!(is_true(&open, "2026-07-01T07:00:00Z"));
    assert!(!is_true(&open, "2026-07-01T06:59:59Z"));
}

#[test]
fn an_hour_that_clocks_skip_does_not_occur_and_one_they_repeat_does_twice() {
    let two = in_zone(condition("WEEKTIME", &["02:00", "03:00"]), "Europe/Vienna");
    let hours = |day: &str, hours: std::ops::Range<u32>| {
        let at = |hour| format!("{day}T{hour:02}:30:00Z");
        hours.filter(|hour| is_true(&two, &at(*hour))).count()
    };
    assert_eq!(hours("2026-03-29", 0..24), 0);
    assert_eq!(hours("2026-10-25", 0..24), 2);
    assert_eq!(hours("2026-12-01", 0..24), 1);
}

#[test]
fn the_ends_of_time_are_no_trouble() {
    let open = in_zone(condition("WEEKTIME", &["22:00", "06:00"]), "Asia/Kolkata");
    let mut table = Table::default();
    table.set_condition(1, &open);
    for at in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
        answer(&table, 1, None, at);
    }
}

#[test]
fn all_any_and_not_ask_other_conditions() {
    let mut table = Table::default();
    table.set_condition(1, &condition("CALLERID", &["1"]));
    table.set_condition(2, &condition("CALLERID", &["2"]));
    for (word, one, both) in [
        ("ALL", false, false),
        ("ANY", true, true),
        ("NOT", false, false),
    ] {
        table.set_condition(3, &condition(word, &["1", "2"]));
        table.set_condition(4, &condition(word, &["1"]));
        let is_true = |id| answer(&table, id, Some("1"), DateTime::UNIX_EPOCH).is_true;
        assert_eq!(is_true(3), one, "{word}");
        assert_eq!(is_true(4), both || word == "ALL", "{word}");
        let nobody = answer(&table, 3, Some("3"), DateTime::UNIX_EPOCH);
        assert_eq!(nobody.is_true, word == "NOT", "{word}");
    }
}

#[test]
fn not_of_a_condition_that_is_not_understood_is_true() {
    let mut table = Table::default();
    table.set_condition(1, &condition("MOON", &["full"]));
    table.set_condition(2, &condition("NOT", &["1"]));
    let answer = answer(&table, 2, None, DateTime::UNIX_EPOCH);
    assert!(answer.is_true);
    assert_eq!(answer.flaw.unwrap().condition, 1);
    assert_eq!(problem(&table, 2), None);
}

#[test]
fn a_condition_in_a_circle_is_false_even_if_it_is_a_not() {
    let mut table = Table::default();
    table.set_condition(1, &condition("NOT", &["2"]));
    table.set_condition(2, &condition("ALL", &["1"]));
    for id in [1, 2] {
        assert!(!answer(&table, id, None, DateTime::UNIX_EPOCH).is_true);
        assert!(problem(&table, id).unwrap().starts_with("it asks itself"));
    }
}

#[test]
fn conditions_are_understood_down_to_the_deepest_level_allowed() {
    let mut table = Table::default();
    for id in 1..=9 {
        let inner = (id + 1).to_string();
        table.set_condition(id, &condition("ALL", &[&inner]));
    }
    table.set_condition(9, &condition("CALLERID", &["1"]));
    let is_true = |id| answer(&table, id, Some("1"), DateTime::UNIX_EPOCH).is_true;
    assert!(!is_true(1));
    assert!(is_true(2));
    assert_eq!(problem(&table, 2), None);
}

#[test]
fn conditions_within_conditions_are_counted() {
    let mut table = Table::default();
    for id in 1..8 {
        let inner = (id + 1).to_string();
        table.set_condition(id, &condition("ALL", &[inner.as_str(); 12]));
    }
    table.set_condition(8, &condition("CALLERID", &["*"]));
    assert!(problem(&table, 1).is_some());
    assert!(problem(&table, 6).is_some());
    assert_eq!(problem(&table, 7), None);
}

#[test]
fn what_is_not_understood_is_said() {
    for (word, params, reason) in [
        (
            "MOON",
            &["full"][..],
            "condition_type must be CALLERID, WEEKTIME, ALL, ANY or NOT",
        ),
        ("CALLERID", &[], "param1 must be a telephone number"),
        (
            "CALLERID",
            &["1", "Chris"],
            "param2 must be a telephone number, or its first digits and *",
        ),
        (
            "WEEKTIME",
            &[],
            "its parameters must name hours, days or holidays",
        ),
        (
            "WEEKTIME",
            &["25:00", "26:00"],
            "param1 must be a time of day from 00:00 to 23:59",
        ),
        (
            "WEEKTIME",
            &["09:00"],
            "param2 must be a time, as param1 is",
        ),
        (
            "WEEKTIME",
            &["", "", "mon-"],
            "param3 must be days such as mon-fri",
        ),
        (
            "WEEKTIME",
            &["", "", "", "", "12-25,2026-02-30"],
            "param5 must be dates such as 2026-12-25 or 12-25; 2026-02-30 is none",
        ),
        ("ALL", &[], "param1 must be the id of a condition"),
        ("ANY", &["3", "x"], "param2 must be the id of a condition"),
        (
            "NOT",
            &["3", "10"],
            "its parameters name condition 10, which does not exist",
        ),
    ] {
        assert_eq!(problem_of(word, params).as_deref(), Some(reason));
    }
    for (word, params) in [
        ("CALLERID", &["15146349955"][..]),
        ("weektime", &["08:00", "12:00"]),
        ("All", &["1", "9"]),
    ] {
        assert_eq!(problem_of(word, params), None);
    }
}

#[test]
fn days_and_dates_that_are_none_are_refused() {
    for text in ["0", "8", "mo", "mon-fri-", "mon;tue", ",", "１"] {
        assert!(problem_of("WEEKTIME", &["", "", text]).is_some(), "{text}");
    }
    for text in ["02-30", "2025-02-29", "1-1", "12-25,", "26-12-25", "25.12."] {
        let params = ["", "", "", text];
        assert!(problem_of("WEEKTIME", &params).is_some(), "{text}");
    }
}

/// The naive reading: the day before and the day itself, their hours as a span of local time, and
/// holidays compared as text.
fn naive(details: &ConditionDetails, at: DateTime<Utc>) -> bool {
    let text = |number: usize| details.params[number - 1].as_ref().unwrap().as_str();
    let zone: chrono_tz::Tz = details.timezone.as_ref().unwrap().as_str().parse().unwrap();
    let local = at.with_timezone(&zone).naive_local();
    let time = |number| NaiveTime::parse_from_str(text(number), "%H:%M").unwrap();
    let day_begins = |day: NaiveDate| {
        let begin = day.and_time(time(1));
        let end = day.and_time(time(2));
        let end = if end > begin {
            end
        } else {
            end + TimeDelta::days(1)
        };
        let name = day.format("%a").to_string().to_lowercase();
        let is_holiday = text(4).split(',').any(|holiday| {
            holiday == day.format("%Y-%m-%d").to_string()
                || holiday == day.format("%m-%d").to_string()
        });
        begin <= local && local < end && text(3).split(',').any(|it| it == name) && !is_holiday
    };
    let today = local.date();
    day_begins(today) || day_begins(today - Days::new(1))
}

const ZONES: [&str; 6] = [
    "UTC",
    "Europe/Vienna",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Casablanca",
];
const FRAGMENTS: [&str; 18] = [
    "0", "1", "7", "12", "25", "2026", ":", ":00", ",", "-", "*", "+", " ", "mon", "sunday", "x",
    "１", "é",
];
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

fn week_time() -> impl Strategy<Value = ConditionDetails> {
    let time = || (0..24, select(vec![0, 15, 30, 59])).prop_map(|(h, m)| format!("{h:02}:{m:02}"));
    let days = vec(select(&DAYS[..]), 1..6).prop_map(|days| days.join(","));
    let date = (1..=12, 1..=28, any::<bool>()).prop_map(|(month, day, every_year)| {
        let date = format!("{month:02}-{day:02}");
        if every_year {
            date
        } else {
            format!("2026-{date}")
        }
    });
    let holidays = vec(date, 1..20).prop_map(|dates| dates.join(","));
    let zone = select(&ZONES[..]);
    (time(), time(), days, holidays, zone).prop_map(|(from, until, days, holidays, zone)| {
        let params = [&*from, &*until, &*days, &*holidays];
        in_zone(condition("WEEKTIME", &params), zone)
    })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn hours_of_the_week_are_what_a_naive_reading_says(
        details in week_time(),
        minutes in vec(0_i64..1_051_200, 8),
    ) {
        let mut table = Table::default();
        table.set_condition(1, &details);
        for minute in minutes {
            let at = moment("2026-01-01T00:00:00Z") + TimeDelta::minutes(minute);
            let answer = answer(&table, 1, None, at);
            prop_assert_eq!(answer.flaw, None);
            prop_assert_eq!(answer.is_true, naive(&details, at));
        }
    }

    #[test]
    fn any_text_is_either_understood_or_not(
        word in select(vec!["CALLERID", "WEEKTIME", "ALL", "ANY", "NOT", "MOON"]),
        params in vec(vec(select(&FRAGMENTS[..]), 0..6), 0..12),
        at in any::<i32>(),
    ) {
        let params: Vec<String> = params.iter().map(|parts| parts.concat()).collect();
        let params: Vec<&str> = params.iter().map(String::as_str).collect();
        let details = condition(word, &params);
        let mut table = Table::default();
        table.set_condition(1, &details);
        let at = DateTime::from_timestamp(at.into(), 0).unwrap();
        let answer = answer(&table, 1, line("123").as_ref().map(Line::as_str), at);
        prop_assert_eq!(problem(&table, 1), answer.flaw.map(|flaw| flaw.reason));
    }
}
