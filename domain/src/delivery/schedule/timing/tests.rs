use super::*;

fn now() -> DateTime<Utc> {
    "2027-01-15T12:00:00.5Z".parse().unwrap()
}

fn part(unit: Unit, text: &str) -> Option<Part> {
    Part::parse(unit, text).ok()
}

fn next_run(timing: Timing) -> String {
    timing.plan(now()).unwrap().next_run.to_rfc3339()
}

fn refused(timing: Timing) -> &'static str {
    match timing.plan(now()) {
        Err(Refusal::Invalid { field, .. }) => field,
        other => panic!("{other:?}"),
    }
}

#[test]
fn nothing_said_is_refused() {
    assert_eq!(refused(Timing::default()), "timestamp");
    let zone = "Europe/Berlin".parse().ok();
    assert_eq!(
        refused(Timing {
            zone,
            ..Timing::default()
        }),
        "timestamp"
    );
}

#[test]
fn an_hour_alone_comes_once_a_day() {
    let hour = part(Unit::Hour, "9");
    let plan = Timing {
        hour,
        ..Timing::default()
    }
    .plan(now())
    .unwrap();
    assert_eq!(plan.next_run.to_rfc3339(), "2027-01-16T09:00:00+00:00");
    let then = plan.when.next_after(plan.next_run, plan.zone).unwrap();
    assert_eq!(then.to_rfc3339(), "2027-01-17T09:00:00+00:00");
}

#[test]
fn a_weekday_alone_comes_once_a_week() {
    let weekday = part(Unit::Weekday, "1");
    let plan = Timing {
        weekday,
        ..Timing::default()
    }
    .plan(now())
    .unwrap();
    assert_eq!(plan.next_run.to_rfc3339(), "2027-01-17T00:00:00+00:00");
    let then = plan.when.next_after(plan.next_run, plan.zone).unwrap();
    assert_eq!(then.to_rfc3339(), "2027-01-24T00:00:00+00:00");
}

#[test]
fn a_star_that_is_said_is_meant() {
    let (hour, minute) = (part(Unit::Hour, "12"), part(Unit::Minute, "*"));
    let timing = Timing {
        hour,
        minute,
        ..Timing::default()
    };
    assert_eq!(next_run(timing), "2027-01-15T12:01:00+00:00");
}

#[test]
fn clocks_are_those_of_the_zone() {
    let zone = "Asia/Karachi".parse().ok();
    let datetime = "2027-01-16 09:00".parse().ok();
    let timing = Timing {
        datetime,
        zone,
        ..Timing::default()
    };
    assert_eq!(next_run(timing), "2027-01-16T04:00:00+00:00");
    let datetime = "2027-01-16T09:00:00+01:00".parse().ok();
    let timing = Timing {
        datetime,
        zone,
        ..Timing::default()
    };
    assert_eq!(next_run(timing), "2027-01-16T08:00:00+00:00");
}

#[test]
fn a_delay_counts_from_now() {
    let timing = Timing {
        delay: Some(90),
        ..Timing::default()
    };
    assert_eq!(next_run(timing), "2027-01-15T12:01:30.500+00:00");
    assert!(
        Timing {
            delay: Some(0),
            ..Timing::default()
        }
        .plan(now())
        .is_ok()
    );
}

#[test]
fn what_is_past_or_out_of_reach_is_refused() {
    let before = now().timestamp() - 1;
    for seconds in [before, i64::MIN, i64::MAX, LAST + 1] {
        let timestamp = Some(seconds);
        assert_eq!(
            refused(Timing {
                timestamp,
                ..Timing::default()
            }),
            "timestamp"
        );
    }
    for seconds in [-2, i64::MIN, i64::MAX] {
        let delay = Some(seconds);
        assert_eq!(
            refused(Timing {
                delay,
                ..Timing::default()
            }),
            "delay"
        );
    }
    let datetime = "2027-01-15 11:59".parse().ok();
    assert_eq!(
        refused(Timing {
            datetime,
            ..Timing::default()
        }),
        "datetime"
    );
    let year = part(Unit::Year, "2026");
    assert_eq!(
        refused(Timing {
            year,
            ..Timing::default()
        }),
        "year"
    );
}

#[test]
fn the_31st_of_february_is_refused() {
    let (month, day) = (part(Unit::Month, "2"), part(Unit::Day, "31"));
    assert_eq!(
        refused(Timing {
            month,
            day,
            ..Timing::default()
        }),
        "day"
    );
}

#[test]
fn there_is_one_way_to_say_it() {
    let timing = Timing {
        timestamp: Some(LAST),
        delay: Some(1),
        ..Timing::default()
    };
    assert_eq!(refused(timing), "delay");
    let hour = part(Unit::Hour, "9");
    assert_eq!(
        refused(Timing {
            delay: Some(1),
            hour,
            ..Timing::default()
        }),
        "delay"
    );
}

#[test]
fn what_is_on_no_calendar_or_clock_is_told_apart_from_what_cannot_be_read() {
    for text in [
        "2030-02-30 09:00",
        "2030-02-30 09:00:00",
        "2030-02-30T09:00:00Z",
        "2030-13-01 09:00",
        "2030-01-01 25:00",
        "2030-01-01 09:00:60",
        "2030-01-01T09:00:60Z",
    ] {
        let reason = text.parse::<Moment>().unwrap_err().to_string();
        assert_eq!(reason, "is on no calendar or clock", "{text}");
    }
}

#[test]
fn what_is_no_moment_is_refused() {
    for text in [
        "",
        "tomorrow",
        "2027-02-30 09:00",
        "2027-01-01",
        "2027-01-01T25:00:00Z",
    ] {
        assert!(text.parse::<Moment>().is_err(), "{text:?}");
    }
}

#[test]
fn what_is_to_be_once_cannot_be_skipped() {
    let once = |if_missed| Timing {
        delay: Some(5),
        if_missed: Some(if_missed),
        ..Timing::default()
    };
    assert_eq!(refused(once(IfMissed::Skip)), "if_missed");
    let plan = once(IfMissed::Run).plan(now()).unwrap();
    assert_eq!(plan.if_missed, IfMissed::Run);
    let hour = part(Unit::Hour, "9");
    let daily = Timing {
        hour,
        if_missed: Some(IfMissed::Skip),
        ..Timing::default()
    };
    assert_eq!(daily.plan(now()).unwrap().if_missed, IfMissed::Skip);
}
