//! Ten years of days in all zones, from one run to the next: no run is early, repeated or left out.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, SubsecRound as _, TimeDelta, TimeZone as _, Utc};
use cqrs_es::Aggregate;
use rand::{RngExt, rngs::StdRng};

use super::*;
use crate::{
    Id, Owner,
    delivery::simulated::{random, random_zone},
};

/// The most runs of one schedule that are checked.
const RUNS: usize = 8;

fn first_day() -> DateTime<Utc> {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// Random fields of a schedule, each with the numbers that match its text.
struct Fields {
    texts: Vec<(Unit, String)>,
    /// The numbers as bit masks.
    numbers: Vec<(Unit, u64)>,
}

impl Fields {
    /// Date fields are mostly `*`, so that most days have runs; hours are often those of the night,
    /// in which clocks are changed.
    fn random(random: &mut StdRng) -> Self {
        let mut fields = Self {
            texts: Vec::new(),
            numbers: Vec::new(),
        };
        let often = [
            (Unit::Month, 8),
            (Unit::Day, 6),
            (Unit::Weekday, 4),
            (Unit::Hour, 1),
            (Unit::Minute, 1),
        ];
        for (unit, rare) in often {
            let (text, numbers) = match random.random_range(0..rare) {
                0 => some(random, unit),
                _ => ("*".to_owned(), bits(unit.range())),
            };
            fields.texts.push((unit, text));
            fields.numbers.push((unit, numbers));
        }
        fields
    }

    fn timing(&self, zone: Zone, if_missed: IfMissed) -> Timing {
        let part = |unit| {
            let (_, text) = self.texts.iter().find(|(of, _)| *of == unit)?;
            Part::parse(unit, text).ok()
        };
        Timing {
            month: part(Unit::Month),
            day: part(Unit::Day),
            weekday: part(Unit::Weekday),
            hour: part(Unit::Hour),
            minute: part(Unit::Minute),
            zone: Some(zone),
            if_missed: Some(if_missed),
            ..Timing::default()
        }
    }

    /// True if the hour is `*` or `*/n`, so that hours count as they pass.
    fn any_hour(&self) -> bool {
        let hour = self.texts.iter().find(|(unit, _)| *unit == Unit::Hour);
        hour.is_some_and(|(_, text)| text.starts_with('*'))
    }

    /// True if the fields match this local time, in seconds as if it were UTC.
    fn fit(&self, clock: i64) -> bool {
        let minutes = clock.div_euclid(60) as u32;
        let shown = DateTime::from_timestamp(clock, 0).unwrap();
        // The cheapest comparison first.
        self.numbers.iter().rev().all(|(unit, numbers)| {
            let number = match unit {
                Unit::Minute => minutes % 60,
                Unit::Hour => minutes / 60 % 24,
                Unit::Weekday => shown.weekday().num_days_from_sunday() + 1,
                Unit::Day => shown.day(),
                Unit::Month => shown.month(),
                Unit::Year => return true,
            };
            numbers >> number & 1 == 1
        })
    }

    /// True if the schedule is due in this minute, calculated from local time alone.
    fn due(&self, minute: i64, zone: Zone) -> bool {
        let shows = |at: i64| {
            let at = DateTime::from_timestamp(at, 0).unwrap();
            zone.tz()
                .from_utc_datetime(&at.naive_utc())
                .naive_local()
                .and_utc()
                .timestamp()
        };
        let now = shows(minute);
        if self.any_hour() {
            return self.fit(now);
        }
        let skipped = (shows(minute - 60) + 60..now).step_by(60);
        // If the clocks show less than three hours after the time three hours ago, they were put
        // back by the difference.
        let again = || {
            let earlier = shows(minute - 3 * 3600) + 3 * 3600 - now;
            earlier > 0 && shows(minute - earlier) == now
        };
        self.fit(now) && !again() || skipped.into_iter().any(|clock| self.fit(clock))
    }
}

/// A bit mask of the numbers.
fn bits(numbers: impl IntoIterator<Item = u32>) -> u64 {
    numbers
        .into_iter()
        .fold(0, |bits, number| bits | 1 << number)
}

/// A random text of a field, with the numbers that match it.
fn some(random: &mut StdRng, unit: Unit) -> (String, u64) {
    let range = match unit {
        Unit::Hour if random.random_range(0..2) == 0 => 0..=4,
        unit => unit.range(),
    };
    let (one, other) = (
        random.random_range(range.clone()),
        random.random_range(range),
    );
    let (less, more) = (one.min(other), one.max(other));
    match random.random_range(0..5) {
        0 => (format!("{one},{other}"), bits([one, other])),
        1 => (format!("{less}-{more}"), bits(less..=more)),
        2 => {
            let numbers = unit.range().step_by(one.max(2) as usize);
            (format!("*/{}", one.max(2)), bits(numbers))
        }
        3 => ("*".to_owned(), bits(unit.range())),
        _ => (one.to_string(), bits([one])),
    }
}

/// A schedule with this timing, created at this moment; `None` if it never runs.
fn scheduled(timing: Timing, at: DateTime<Utc>) -> Option<Schedule> {
    let mut schedule = Schedule::default();
    let created = schedule.decide(ScheduleCommand::Create {
        id: Id::new(1),
        owner: Owner::in_first_tenant(Id::new(1)),
        job: Job::CampaignStart {
            campaign_id: Id::new(1),
        },
        timing,
        at,
    });
    created
        .ok()?
        .into_iter()
        .for_each(|event| schedule.apply(event));
    Some(schedule)
}

fn fire(schedule: &mut Schedule, at: DateTime<Utc>) -> Vec<ScheduleEvent> {
    let refused = None;
    let events = schedule
        .decide(ScheduleCommand::Fire {
            at,
            refused,
            over: false,
        })
        .unwrap();
    events
        .iter()
        .cloned()
        .for_each(|event| schedule.apply(event));
    events
}

/// A random zone; of twelve, one whose clocks change on that day, if there is such a zone.
fn zone_on(random: &mut StdRng, day: DateTime<Utc>) -> Zone {
    let noon = day.timestamp();
    let changing = |zone: &Zone| zone.offset(noon) != zone.offset(noon + 86_400);
    let mut zones = (0..12).map(|_| random_zone(random));
    let first = zones.next().unwrap();
    zones.find(changing).unwrap_or(first)
}

#[test]
fn ten_years_of_days_fire_when_clocks_show_what_fits_and_never_else() {
    let mut random = random();
    for day in 0..3_653 {
        let day = first_day() + TimeDelta::days(day);
        let zone = zone_on(&mut random, day);
        let fields = Fields::random(&mut random);
        let start = day + TimeDelta::milliseconds(random.random_range(0..86_400_000));
        // The end is a whole second, so that comparisons in seconds and in fractions agree on it.
        let mut end = (start + TimeDelta::hours(12)).trunc_subsecs(0);
        let case = format!("{:?} in {zone} from {start}", fields.texts);

        let mut runs = BTreeSet::new();
        if let Some(mut schedule) = scheduled(fields.timing(zone, IfMissed::Run), start) {
            while let Some(due) = schedule.next_run().filter(|due| *due < end) {
                let early = due - TimeDelta::milliseconds(1);
                assert_eq!(fire(&mut schedule, early), vec![], "{case}: early");
                let at = due + TimeDelta::milliseconds(random.random_range(0..59_000));
                assert_eq!(fire(&mut schedule, at).len(), 1, "{case}: at {due}");
                assert_eq!(fire(&mut schedule, at), vec![], "{case}: twice");
                runs.insert(due.timestamp());
                if runs.len() == RUNS {
                    end = due + TimeDelta::minutes(1);
                }
            }
        }
        let first = start.timestamp().div_euclid(60) * 60 + 60;
        let minutes = (first..end.timestamp()).step_by(60);
        let expected: BTreeSet<_> = minutes.filter(|at| fields.due(*at, zone)).collect();
        assert_eq!(runs, expected, "{case}");
    }
}

#[test]
fn an_outage_of_any_length_is_made_up_for_once_or_not_at_all() {
    let mut random = random();
    let last = first_day() + TimeDelta::days(3_653);
    for round in 0..60 {
        let (zone, fields) = (random_zone(&mut random), Fields::random(&mut random));
        let if_missed = [IfMissed::Run, IfMissed::Skip][round % 2];
        let Some(mut schedule) = scheduled(fields.timing(zone, if_missed), first_day()) else {
            continue;
        };
        let mut now = first_day();
        while now < last {
            // Outages from one second to about a hundred days.
            let seconds = 2_f64.powf(random.random_range(0.0..23.0));
            now += TimeDelta::milliseconds((seconds * 1000.0) as i64);
            woken(&mut schedule, &fields, zone, now, if_missed);
        }
    }
}

/// Fires the schedule after an outage, and asserts the runs and the missed runs.
fn woken(
    schedule: &mut Schedule,
    fields: &Fields,
    zone: Zone,
    now: DateTime<Utc>,
    if_missed: IfMissed,
) {
    let case = format!("{:?} in {zone} at {now}", fields.texts);
    let due = schedule.next_run().filter(|due| *due <= now);
    // Of the runs that do not count as missed there is one at most: that of this minute.
    let minute = now.timestamp().div_euclid(60) * 60;
    let fresh = due.is_some_and(|due| due.timestamp() <= minute) && fields.due(minute, zone);
    let mut events = Vec::new();
    while schedule.is_due(now) {
        events.extend(fire(schedule, now));
        assert!(events.len() <= 2, "{case}: {events:?}");
    }
    let fired = |event: &&ScheduleEvent| matches!(event, ScheduleEvent::ScheduleFired { .. });
    let expected = match if_missed {
        IfMissed::Run => due.is_some(),
        IfMissed::Skip => fresh,
    };
    let fired = events.iter().filter(fired).count();
    assert_eq!(fired, usize::from(expected), "{case}: {events:?}");
    let missed = if_missed == IfMissed::Skip && due.is_some_and(|due| now - due >= GRACE);
    assert_eq!(events.len() - fired, usize::from(missed), "{case}");
    assert!(schedule.next_run().is_none_or(|next| next > now), "{case}");
}
