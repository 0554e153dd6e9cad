use chrono::{Datelike, TimeDelta, Timelike};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::*;

const UNITS: [Unit; 6] = [
    Unit::Year,
    Unit::Month,
    Unit::Day,
    Unit::Weekday,
    Unit::Hour,
    Unit::Minute,
];

/// A recurrence of these fields: year, month, day, weekday, hour, minute.
fn every(fields: [&str; 6]) -> Recurrence {
    let mut parts = UNITS
        .into_iter()
        .zip(fields)
        .map(|(unit, text)| Part::parse(unit, text).unwrap());
    let mut next = || parts.next().unwrap();
    Recurrence {
        year: next(),
        month: next(),
        day: next(),
        weekday: next(),
        hour: next(),
        minute: next(),
    }
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn next(fields: [&str; 6], after: &str, zone: &str) -> Option<String> {
    let next = every(fields).next_after(at(after), zone.parse().unwrap());
    next.map(|next| next.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
}

#[test]
fn a_field_is_read_leniently_and_kept_canonically() {
    for (text, kept) in [
        ("*", "*"),
        (" 7 ", "7"),
        ("07", "7"),
        ("1, 5", "1,5"),
        ("1-5", "1-5"),
        ("1-5,9", "1-5,9"),
        ("*/15", "*/15"),
    ] {
        assert_eq!(Part::parse(Unit::Minute, text).unwrap().as_str(), kept);
    }
}

#[test]
fn what_is_no_field_is_refused() {
    for text in [
        "",
        "60",
        "-1",
        "5-3",
        "*/0",
        "*/60",
        "1-",
        "a",
        "1/2",
        "?",
        "L",
        "MON",
        "1 2",
        "5#2",
        "99999999999",
        "*,1",
        "1,,2",
    ] {
        assert!(Part::parse(Unit::Minute, text).is_err(), "{text:?}");
    }
    let over_and_over = vec!["5"; 61].join(",");
    assert!(Part::parse(Unit::Minute, &over_and_over).is_err());
    for (unit, text) in [
        (Unit::Weekday, "0"),
        (Unit::Weekday, "8"),
        (Unit::Day, "32"),
        (Unit::Month, "0"),
        (Unit::Year, "2100"),
    ] {
        assert!(Part::parse(unit, text).is_err(), "{unit:?} {text:?}");
    }
}

#[test]
fn the_first_weekday_is_sunday() {
    let sunday = next(
        ["*", "*", "*", "1", "9", "0"],
        "2027-01-01T00:00:00Z",
        "UTC",
    );
    assert_eq!(sunday.as_deref(), Some("2027-01-03T09:00:00Z"));
}

#[test]
fn day_and_weekday_both_have_to_fit() {
    let friday = next(
        ["*", "*", "13", "6", "0", "0"],
        "2027-01-01T00:00:00Z",
        "UTC",
    );
    assert_eq!(friday.as_deref(), Some("2027-08-13T00:00:00Z"));
}

#[test]
fn a_date_that_never_comes_never_comes() {
    let long_ago = "1970-01-01T00:00:00Z";
    assert_eq!(
        next(["*", "2", "30,31", "*", "*", "*"], long_ago, "UTC"),
        None
    );
    assert_eq!(
        next(["2027", "2", "29", "*", "0", "0"], long_ago, "UTC"),
        None
    );
    let leap = next(
        ["*", "2", "29", "*", "0", "0"],
        "2027-01-01T00:00:00Z",
        "UTC",
    );
    assert_eq!(leap.as_deref(), Some("2028-02-29T00:00:00Z"));
}

#[test]
fn a_year_that_is_over_does_not_come_again() {
    assert_eq!(
        next(
            ["2026", "*", "*", "*", "*", "*"],
            "2027-01-01T00:00:00Z",
            "UTC"
        ),
        None
    );
}

#[test]
fn every_second_year_is_an_even_one() {
    let even = next(
        ["*/2", "1", "1", "*", "0", "0"],
        "2027-01-01T00:00:00Z",
        "UTC",
    );
    assert_eq!(even.as_deref(), Some("2028-01-01T00:00:00Z"));
}

#[test]
fn a_run_in_the_skipped_hour_comes_right_after_it() {
    let daily = ["*", "*", "*", "*", "2", "30"];
    let skipped = next(daily, "2027-03-27T12:00:00Z", "Europe/Berlin");
    assert_eq!(skipped.as_deref(), Some("2027-03-28T01:00:00Z"));
    let after = next(daily, "2027-03-28T01:00:00Z", "Europe/Berlin");
    assert_eq!(after.as_deref(), Some("2027-03-29T00:30:00Z"));
}

#[test]
fn a_run_in_the_repeated_hour_comes_once() {
    let daily = ["*", "*", "*", "*", "2", "30"];
    let first = next(daily, "2027-10-30T12:00:00Z", "Europe/Berlin");
    assert_eq!(first.as_deref(), Some("2027-10-31T00:30:00Z"));
    let then = next(daily, "2027-10-31T00:30:00Z", "Europe/Berlin");
    assert_eq!(then.as_deref(), Some("2027-11-01T01:30:00Z"));
}

#[test]
fn several_hours_that_are_named_are_each_meant_once() {
    let twice = ["*", "*", "*", "*", "2,14", "0,30"];
    let from = |after: &str| {
        let mut at = at(after);
        let zone = "Europe/Berlin".parse().unwrap();
        let times = (0..3).map(|_| {
            at = every(twice).next_after(at, zone).unwrap();
            at.format("%dT%H:%M").to_string()
        });
        times.collect::<Vec<_>>()
    };
    // Both skipped times run right after the gap, which is one moment.
    assert_eq!(
        from("2027-03-27T20:00:00Z"),
        ["28T01:00", "28T12:00", "28T12:30"]
    );
    assert_eq!(
        from("2027-10-30T20:00:00Z"),
        ["31T00:00", "31T00:30", "31T13:00"]
    );
    // The search begins in the second of the two equal hours.
    assert_eq!(
        from("2027-10-31T01:10:00Z"),
        ["31T13:00", "31T13:30", "01T01:00"]
    );
}

#[test]
fn half_hours_go_on_through_the_repeated_hour() {
    let half_hours = ["*", "*", "*", "*", "*", "*/30"];
    let mut at = at("2027-10-30T23:10:00Z");
    for _ in 0..8 {
        let next = every(half_hours)
            .next_after(at, "Europe/Berlin".parse().unwrap())
            .unwrap();
        assert!(next - at <= TimeDelta::minutes(30), "{at} then {next}");
        at = next;
    }
}

/// True if a part contains this number, by a second, simple reading of its text.
fn names(part: &Part, unit: Unit, number: u32) -> bool {
    if part.as_str() == "*" {
        return true;
    }
    if let Some(step) = part.as_str().strip_prefix("*/") {
        let from = if unit == Unit::Year {
            0
        } else {
            *unit.range().start()
        };
        return (number - from).is_multiple_of(step.parse::<u32>().unwrap());
    }
    part.as_str().split(',').any(|member| {
        let (first, last) = member.split_once('-').unwrap_or((member, member));
        (first.parse().unwrap()..=last.parse().unwrap()).contains(&number)
    })
}

fn fits(recurrence: &Recurrence, at: DateTime<Utc>) -> bool {
    names(&recurrence.year, Unit::Year, at.year() as u32)
        && names(&recurrence.month, Unit::Month, at.month())
        && names(&recurrence.day, Unit::Day, at.day())
        && names(
            &recurrence.weekday,
            Unit::Weekday,
            at.weekday().num_days_from_sunday() + 1,
        )
        && names(&recurrence.hour, Unit::Hour, at.hour())
        && names(&recurrence.minute, Unit::Minute, at.minute())
}

fn any_text(rng: &mut StdRng, unit: Unit) -> String {
    let range = match unit {
        Unit::Year => 2027..=2028,
        unit => unit.range(),
    };
    let mut number = || rng.random_range(range.clone());
    let (one, other) = (number(), number());
    match rng.random_range(0..6) {
        0 => one.to_string(),
        1 => format!("{one},{other}"),
        2 => format!("{}-{}", one.min(other), one.max(other)),
        3 if unit != Unit::Year => format!("*/{}", one.max(1)),
        _ => "*".to_owned(),
    }
}

/// In UTC, which has no offset changes: the next match is the first in a minute-by-minute search.
#[test]
fn the_next_moment_is_the_first_that_fits() {
    let mut rng = StdRng::seed_from_u64(13);
    let start = at("2027-06-15T11:37:20Z");
    for _ in 0..100 {
        let texts = UNITS.map(|unit| any_text(&mut rng, unit));
        let recurrence = every(texts.each_ref().map(String::as_str));
        let minute = at("2027-06-15T11:37:00Z");
        let expected = (1..20_000)
            .map(|minutes| minute + TimeDelta::minutes(minutes))
            .find(|at| fits(&recurrence, *at));
        let next = recurrence.next_after(start, Zone::default());
        match expected {
            Some(expected) => assert_eq!(next, Some(expected), "{texts:?}"),
            None => assert!(
                next.is_none_or(
                    |next| next >= minute + TimeDelta::minutes(20_000) && fits(&recurrence, next)
                ),
                "{texts:?}: {next:?}"
            ),
        }
    }
}

/// In a zone with offset changes: there is always a next match, and it is later than the one
/// before.
#[test]
fn the_next_is_always_later() {
    let mut rng = StdRng::seed_from_u64(7);
    let zones = [
        "Europe/Berlin",
        "America/Sao_Paulo",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
    ];
    for round in 0..100 {
        let texts = UNITS.map(|unit| any_text(&mut rng, unit));
        let recurrence = every(texts.each_ref().map(String::as_str));
        let zone = zones[round % zones.len()].parse().unwrap();
        let mut at = at("2027-03-26T22:00:00Z");
        for _ in 0..50 {
            let Some(next) = recurrence.next_after(at, zone) else {
                break;
            };
            assert!(next > at, "{texts:?} {zone}: {at} then {next}");
            at = next;
        }
    }
}
