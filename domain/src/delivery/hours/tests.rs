//! Parsing of quiet hours, and their end compared with a minute-by-minute search, over ten years in
//! all zones.

use chrono::{Datelike, TimeDelta, TimeZone as _, Timelike};
use rand::{Rng, RngExt};

use super::*;
use crate::{
    Refusal,
    delivery::{
        schedule::{Part, Unit},
        simulated::{random, random_zone},
    },
    reference::timezones,
};

fn quiet(from: &str, to: &str, days: &str) -> QuietHours {
    said(from, to, days).unwrap().unwrap()
}

fn said(from: &str, to: &str, days: &str) -> Result<Option<QuietHours>, Refusal> {
    let days = (!days.is_empty()).then(|| Part::parse(Unit::Weekday, days).unwrap());
    QuietHours::said(from.parse().ok(), to.parse().ok(), days)
}

fn moment(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn opens(quiet: &QuietHours, zone: &str, at: &str) -> String {
    let opens = quiet.opens(moment(at), zone.parse().unwrap());
    opens.format("%Y-%m-%dT%H:%M:%S%.fZ").to_string()
}

#[test]
fn nothing_said_is_nothing_quiet() {
    assert_eq!(said("", "", ""), Ok(None));
}

#[test]
fn hours_that_have_no_end_or_leave_nothing_are_refused() {
    let cases = [
        ("21:00", "", "", "quiet_to"),
        ("", "08:00", "", "quiet_from"),
        ("21:00", "21:00", "", "quiet_to"),
        ("", "", "*", "quiet_days"),
        ("21:00", "08:00", "1-7", "quiet_days"),
        ("", "", "*/1", "quiet_days"),
    ];
    for (from, to, days, expected) in cases {
        match said(from, to, days) {
            Err(Refusal::Invalid { field, .. }) => assert_eq!(field, expected),
            other => panic!("{from} {to} {days}: {other:?}"),
        }
    }
}

#[test]
fn they_read_as_they_are_written() {
    let hours = Hours {
        quiet: quiet("21:00", "08:00", "1,7"),
        zone: "Europe/Vienna".parse().unwrap(),
    };
    let json = serde_json::to_value(&hours).unwrap();
    let expected = serde_json::json!({
        "quiet": {"from": "21:00", "to": "08:00", "days": "1,7"},
        "zone": "Europe/Vienna",
    });
    assert_eq!(json, expected);
    assert_eq!(serde_json::from_value::<Hours>(json).unwrap(), hours);
    for wrong in ["{}", r#"{"from":"21:00"}"#, r#"{"days":"1-7"}"#] {
        assert!(
            serde_json::from_str::<QuietHours>(wrong).is_err(),
            "{wrong}"
        );
    }
}

#[test]
fn a_night_ends_in_the_morning_and_begins_in_the_evening() {
    let night = quiet("21:00", "08:00", "");
    let open = |at| opens(&night, "Asia/Karachi", at);
    assert_eq!(open("2027-01-15T15:59:59.5Z"), "2027-01-15T15:59:59.500Z");
    assert_eq!(open("2027-01-15T16:00:00Z"), "2027-01-16T03:00:00Z");
    assert_eq!(open("2027-01-16T02:59:59.5Z"), "2027-01-16T03:00:00Z");
    assert_eq!(open("2027-01-16T03:00:00Z"), "2027-01-16T03:00:00Z");
}

#[test]
fn a_weekend_is_left_on_monday_morning() {
    let quiet = quiet("21:00", "08:00", "1,7");
    // Friday night to Monday morning.
    let monday = opens(&quiet, "Europe/Vienna", "2027-01-15T20:30:00Z");
    assert_eq!(monday, "2027-01-18T07:00:00Z");
}

#[test]
fn clocks_that_go_back_make_a_quiet_night_longer() {
    let night = quiet("21:00", "08:00", "");
    let open = opens(&night, "Europe/Vienna", "2027-10-30T20:00:00Z");
    assert_eq!(open, "2027-10-31T07:00:00Z");
    // The clocks go back from 03:00 to 02:00, so the quiet time from 02:00 to 02:30 occurs twice.
    let twice = quiet("02:00", "02:30", "");
    let open = |at| opens(&twice, "Europe/Vienna", at);
    assert_eq!(open("2027-10-31T00:10:00Z"), "2027-10-31T00:30:00Z");
    assert_eq!(open("2027-10-31T00:45:00Z"), "2027-10-31T00:45:00Z");
    assert_eq!(open("2027-10-31T01:00:00Z"), "2027-10-31T01:30:00Z");
}

#[test]
fn clocks_that_go_back_may_end_the_quiet_for_an_hour() {
    let late = quiet("02:30", "08:00", "");
    let open = |at| opens(&late, "Europe/Vienna", at);
    // The time from 02:30 to 03:00 is not quiet, then it is 02:00 again.
    assert_eq!(open("2027-10-31T00:45:00Z"), "2027-10-31T01:00:00Z");
    assert_eq!(open("2027-10-31T01:29:59Z"), "2027-10-31T01:29:59Z");
    assert_eq!(open("2027-10-31T01:30:00Z"), "2027-10-31T07:00:00Z");
}

#[test]
fn clocks_that_go_ahead_may_skip_what_was_open_or_end_what_was_quiet() {
    // Quiet hours until 02:30 end at 03:00 in the night in which the clocks skip that time.
    let early = quiet("01:00", "02:30", "");
    let open = opens(&early, "Europe/Vienna", "2027-03-28T00:15:00Z");
    assert_eq!(open, "2027-03-28T01:00:00Z");
    // Only the hour from 02:00 to 03:00 is not quiet, and that night does not have it.
    let hour = quiet("03:00", "02:00", "");
    let open = opens(&hour, "Europe/Vienna", "2027-03-27T12:00:00Z");
    assert_eq!(open, "2027-03-29T00:00:00Z");
}

#[test]
fn the_ends_of_time_are_no_trouble() {
    let quiet = quiet("21:00", "08:00", "1-6");
    let zone = "Europe/Vienna".parse().unwrap();
    for at in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
        assert!(quiet.opens(at, zone) >= at);
    }
}

/// The local time as a minute of the week from Sunday 00:00, calculated with chrono alone.
fn minute_of_week(at: DateTime<Utc>, tz: chrono_tz::Tz) -> u32 {
    let local = tz.from_utc_datetime(&at.naive_utc());
    let day = local.weekday().num_days_from_sunday();
    day * 24 * 60 + local.hour() * 60 + local.minute()
}

/// Quiet hours as a table with one entry for each minute of the week.
fn table(from: u32, to: u32, days: &[u32]) -> Vec<bool> {
    let day = 24 * 60;
    let mut table = vec![false; 7 * day as usize];
    for minute in 0..7 * day {
        let of_day = minute % day;
        let daily = if from < to {
            from <= of_day && of_day < to
        } else {
            from != to && (of_day >= from || of_day < to)
        };
        table[minute as usize] = daily || days.contains(&(minute / day + 1));
    }
    table
}

/// Random quiet hours and their table; with `night`, they begin and end in the hours in which
/// clocks are changed.
fn random_hours(random: &mut impl Rng, night: bool) -> (QuietHours, Vec<bool>) {
    loop {
        let ends = random.random_range(0..5) > 0;
        let coarse = random.random_range(0..2) > 0;
        let mut end = || match (night, coarse) {
            (true, _) => (22 * 60 + random.random_range(0..36) * 10) % (24 * 60),
            (false, true) => random.random_range(0..24) * 60,
            (false, false) => random.random_range(0..24 * 60),
        };
        let (from, to) = if ends { (end(), end()) } else { (0, 0) };
        let days: Vec<u32> = (1..=7).filter(|_| random.random_range(0..8) == 0).collect();
        let spelt: Vec<String> = days.iter().map(u32::to_string).collect();
        let spell = |minutes: u32| {
            if ends {
                format!("{:02}:{:02}", minutes / 60, minutes % 60)
            } else {
                String::new()
            }
        };
        if let Ok(Some(quiet)) = said(&spell(from), &spell(to), &spelt.join(",")) {
            return (quiet, table(from, to, &days));
        }
    }
}

/// Asserts that every minute from `at` to the end of the quiet hours is quiet, and the end is not.
fn walk(quiet: &QuietHours, table: &[bool], zone: Zone, at: DateTime<Utc>) {
    let is_quiet = |at| table[minute_of_week(at, zone.tz()) as usize];
    let case = || format!("{quiet:?} in {zone} at {at}");
    assert_eq!(quiet.is_quiet(at, zone), is_quiet(at), "{}", case());
    let opens = quiet.opens(at, zone);
    assert!(!is_quiet(opens), "{} opens into the quiet: {opens}", case());
    let mut minute = at;
    while minute < opens {
        assert!(is_quiet(minute), "{} misses {minute}", case());
        let next = minute.with_second(0).unwrap().with_nanosecond(0).unwrap();
        minute = next + TimeDelta::minutes(1);
    }
    assert_eq!(quiet.opens(opens, zone), opens, "{}", case());
}

#[test]
fn ten_years_of_days_open_where_a_walk_from_minute_to_minute_does() {
    let mut random = random();
    let first = moment("2026-01-01T00:00:00Z");
    for day in 0..3_653 {
        let (quiet, table) = random_hours(&mut random, false);
        let zone = random_zone(&mut random);
        let second = random.random_range(0..86_400_000);
        let at = first + TimeDelta::days(day) + TimeDelta::milliseconds(second);
        walk(&quiet, &table, zone, at);
    }
}

#[test]
fn ten_years_of_changing_clocks_open_where_a_walk_does() {
    let mut random = random();
    let first = moment("2026-01-01T00:00:00Z").timestamp();
    for _ in 0..60 {
        let zone = random_zone(&mut random);
        let offset = |day: i64| zone.offset(first + day * 86_400);
        for day in (0..3_653).filter(|day| offset(*day) != offset(day + 1)) {
            let (quiet, table) = random_hours(&mut random, true);
            let around = random.random_range(-12 * 3600..36 * 3600);
            let at = DateTime::from_timestamp(first + day * 86_400 + around, 0).unwrap();
            walk(&quiet, &table, zone, at);
        }
    }
}

#[test]
fn in_no_zone_do_clocks_change_twice_in_a_day() {
    let first = moment("2026-01-01T00:00:00Z").timestamp();
    for listed in timezones() {
        let zone: Zone = listed.name.parse().unwrap();
        let offset = |half: i64| zone.offset(first + half * 43_200);
        let changes = (0..7_306).filter(|half| offset(*half) != offset(half + 1));
        let changes: Vec<i64> = changes.collect();
        let apart = changes.windows(2).all(|pair| pair[1] - pair[0] > 4);
        assert!(apart, "{zone}");
    }
}
