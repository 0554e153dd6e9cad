//! Random configurations, as plain lists of records, with the state of the phones.

use std::collections::BTreeMap;

use proptest::{
    collection::{btree_map, vec},
    prelude::*,
    sample::select,
};

use super::*;

/// The words of sources; the last is not known.
pub(super) const SOURCES: [&str; 19] = [
    "DID",
    "DID-UNCONDITIONAL",
    "EXT-BUSY",
    "EXT-NOANSWER",
    "EXT-OFFLINE",
    "EXT-UNCONDITIONAL",
    "HUNTLIST",
    "HUNTLIST-TIMEOUT",
    "IVR_0",
    "IVR_7",
    "IVR_STAR",
    "IVR_SHARP",
    "IVR_TIMEOUT",
    "IVR_WRONG",
    "CONDITION",
    "NOTCONDITION",
    "VOICEMAIL-OPERATOR",
    "condition",
    "PARKING",
];
/// The words of targets; the last is not known.
pub(super) const TARGETS: [&str; 11] = [
    "EXT",
    "extension",
    "HUNTLIST",
    "IVR",
    "CONDITION",
    "CONDITION",
    "VOICEMAIL",
    "CUSTOM",
    "DISA",
    "HANGUP",
    "QUEUE",
];
const CALLERS: [&str; 3] = ["15146349955", "+15149239933", "anonymous"];

/// A configuration as records by id.
#[derive(Clone, Debug, Default)]
pub(super) struct World {
    /// The number, and whether the extension is active.
    pub(super) extensions: BTreeMap<i64, (String, bool)>,
    pub(super) dids: BTreeMap<i64, (String, bool)>,
    pub(super) hunts: BTreeMap<i64, HuntDetails>,
    pub(super) ivrs: BTreeMap<i64, IvrDetails>,
    pub(super) conditions: BTreeMap<i64, ConditionDetails>,
    pub(super) voicemails: BTreeMap<i64, VoicemailDetails>,
    pub(super) customs: BTreeMap<i64, CustomDetails>,
    pub(super) disas: BTreeMap<i64, DisaDetails>,
    pub(super) destinations: BTreeMap<i64, DestinationDetails>,
}

/// The state of the phones, and of one call.
#[derive(Clone, Debug)]
pub(super) struct Surroundings {
    pub(super) statuses: Vec<Status>,
    pub(super) turn: usize,
    pub(super) from: Option<String>,
    pub(super) to: Entry,
}

impl Phones for Surroundings {
    fn status(&self, extension: i64) -> Status {
        self.statuses[extension as usize % self.statuses.len()]
    }

    fn turn(&self, hunt: i64) -> usize {
        self.turn + hunt as usize
    }
}

impl Surroundings {
    pub(super) fn call(&self) -> Call<'_> {
        Call {
            to: self.to.clone(),
            from: self.from.clone(),
            at: moment("2026-12-01T12:00:00Z"),
            phones: self,
        }
    }
}

/// One record to set.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Extension(i64, String, bool),
    Did(i64, String, bool),
    Hunt(i64, HuntDetails),
    Ivr(i64, IvrDetails),
    Condition(i64, Box<ConditionDetails>),
    Voicemail(i64, VoicemailDetails),
    Custom(i64, CustomDetails),
    Disa(i64, DisaDetails),
    Destination(i64, DestinationDetails),
}

impl Change {
    pub(super) fn set(self, table: &mut Table) {
        match self {
            Self::Extension(id, number, active) => table.set_extension(ExtensionEntry {
                id,
                number,
                name: String::new(),
                ring_time: None,
                active,
            }),
            Self::Did(id, number, active) => table.set_did(DidEntry {
                id,
                number,
                connected: true,
                active,
            }),
            Self::Hunt(id, details) => table.set_hunt(id, details),
            Self::Ivr(id, details) => table.set_ivr(id, details),
            Self::Condition(id, details) => table.set_condition(id, &details),
            Self::Voicemail(id, details) => table.set_voicemail(id, &details),
            Self::Custom(id, details) => table.set_custom(id, details),
            Self::Disa(id, details) => table.set_disa(id, &details),
            Self::Destination(id, details) => table.set_destination(id, details),
        }
    }

    /// True if this change sets the same record.
    pub(super) fn same_record(&self, other: &Self) -> bool {
        let kind = std::mem::discriminant::<Self>;
        kind(self) == kind(other) && self.id() == other.id()
    }

    fn id(&self) -> i64 {
        match self {
            Self::Extension(id, ..)
            | Self::Did(id, ..)
            | Self::Hunt(id, _)
            | Self::Ivr(id, _)
            | Self::Condition(id, _)
            | Self::Voicemail(id, _)
            | Self::Custom(id, _)
            | Self::Disa(id, _)
            | Self::Destination(id, _) => *id,
        }
    }

    pub(super) fn remove(&self, table: &mut Table) {
        match self {
            Self::Extension(id, ..) => table.remove_extension(*id),
            Self::Did(id, ..) => table.remove_did(*id),
            Self::Hunt(id, _) => table.remove_hunt(*id),
            Self::Ivr(id, _) => table.remove_ivr(*id),
            Self::Condition(id, _) => table.remove_condition(*id),
            Self::Voicemail(id, _) => table.remove_voicemail(*id),
            Self::Custom(id, _) => table.remove_custom(*id),
            Self::Disa(id, _) => table.remove_disa(*id),
            Self::Destination(id, _) => table.remove_destination(*id),
        }
    }
}

impl World {
    /// The records, one after the other.
    pub(super) fn changes(&self) -> Vec<Change> {
        let extensions = self.extensions.clone().into_iter();
        let dids = self.dids.clone().into_iter();
        let hunts = self.hunts.clone().into_iter();
        let ivrs = self.ivrs.clone().into_iter();
        let conditions = self.conditions.clone().into_iter();
        let voicemails = self.voicemails.clone().into_iter();
        let customs = self.customs.clone().into_iter();
        let disas = self.disas.clone().into_iter();
        let destinations = self.destinations.clone().into_iter();
        extensions
            .map(|(id, (number, active))| Change::Extension(id, number, active))
            .chain(dids.map(|(id, (number, active))| Change::Did(id, number, active)))
            .chain(hunts.map(|(id, it)| Change::Hunt(id, it)))
            .chain(ivrs.map(|(id, it)| Change::Ivr(id, it)))
            .chain(conditions.map(|(id, it)| Change::Condition(id, Box::new(it))))
            .chain(voicemails.map(|(id, it)| Change::Voicemail(id, it)))
            .chain(customs.map(|(id, it)| Change::Custom(id, it)))
            .chain(disas.map(|(id, it)| Change::Disa(id, it)))
            .chain(destinations.map(|(id, it)| Change::Destination(id, it)))
            .collect()
    }

    pub(super) fn table(&self) -> Table {
        let mut table = Table::default();
        self.changes().into_iter().for_each(|it| it.set(&mut table));
        table
    }
}

/// Numbers that extensions, hunt groups and callers have in common.
fn number() -> impl Strategy<Value = String> {
    select(vec!["100", "101", "102", "15146001434", "+1 514-600-1434"]).prop_map(str::to_owned)
}

fn hunt() -> impl Strategy<Value = HuntDetails> {
    let words = vec!["RINGALL", "Cycle", "sequence", "Ring All over Loop", "AA"];
    let ring_time = select(vec![None, Some(0), Some(20), Some(9_000)]);
    (number(), select(words), ring_time, any::<bool>()).prop_map(
        |(number, word, ring_time, check_in_use)| HuntDetails {
            number: line(&number),
            name: None,
            hunt_type: line(word),
            ring_time,
            check_in_use,
        },
    )
}

fn question() -> impl Strategy<Value = ConditionDetails> {
    let callers = vec(
        select(&["15146349955", "1514*", "+1 514 9239933", "x"][..]),
        0..3,
    );
    let callers = callers.prop_map(|params| condition("CALLERID", &params));
    let words = select(vec!["ALL", "any", "NOT", "MOON"]);
    let others = (words, vec(1_i64..9, 0..4)).prop_map(|(word, ids)| {
        let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        condition(word, &ids)
    });
    let hours = select(vec!["11:00", "12:00", "13:00", "25:00"]);
    let hours = (hours.clone(), hours);
    let hours = hours.prop_map(|(from, until)| condition("WEEKTIME", &[from, until, "tue"]));
    prop_oneof![3 => callers, 3 => others, 1 => hours]
}

/// A choice that is made of a random number, and the rest of the number. Many choices of one number
/// are much faster than as many random numbers.
fn choose<T: Copy>(from: &[T], number: &mut u32) -> T {
    let count = from.len() as u32;
    let chosen = from[(*number % count) as usize];
    *number /= count;
    chosen
}

fn destination_between() -> impl Strategy<Value = DestinationDetails> {
    any::<u32>().prop_map(|mut number| {
        let source = choose(&SOURCES, &mut number);
        let from = choose(&[1, 2, 3, 4], &mut number);
        let target = choose(&TARGETS, &mut number);
        let to = choose(&[1, 2, 3, 4, 5], &mut number);
        DestinationDetails {
            order: choose(&[0, 1, 2], &mut number),
            ..destination((source, from), (target, to))
        }
    })
}

/// A destination between few conditions and extensions.
fn far() -> impl Strategy<Value = DestinationDetails> {
    const SOURCES: [&str; 7] = [
        "CONDITION",
        "NOTCONDITION",
        "EXT-UNCONDITIONAL",
        "EXT-NOANSWER",
        "EXT-BUSY",
        "EXT-OFFLINE",
        "DID",
    ];
    any::<u8>().prop_map(|number| {
        let mut number = u32::from(number);
        let source = choose(&SOURCES, &mut number);
        let from = choose(&[1, 2, 3, 4], &mut number);
        let target = choose(&["CONDITION", "EXT"], &mut number);
        let to = choose(&[1, 2, 3, 4], &mut number);
        destination((source, from), (target, to))
    })
}

/// A configuration of so many destinations that calls go far.
pub(super) fn far_world() -> impl Strategy<Value = World> {
    (world(), vec(far(), 60..150)).prop_map(|(mut world, far)| {
        for id in 1..5 {
            let number = format!("10{id}");
            world.extensions.insert(id, (number.clone(), true));
            world.dids.insert(id, (number, true));
            let question = condition("CALLERID", &["1514*"]);
            world.conditions.entry(id).or_insert(question);
        }
        world.destinations.extend((200..).zip(far));
        world
    })
}

/// Any configuration at all: circles, ends that dangle, words that are not known.
pub(super) fn world() -> impl Strategy<Value = World> {
    let few = 1_i64..5;
    let holders = || btree_map(1_i64..5, (number(), prop::bool::weighted(0.9)), 2..5);
    let ivr = (0_i64..3, select(vec![None, Some(0), Some(7)])).prop_map(|(recording, timeout)| {
        let recording_id = (recording > 0).then(|| crate::Id::new(recording));
        IvrDetails {
            recording_id,
            timeout,
            ..IvrDetails::default()
        }
    });
    let custom = prop::bool::weighted(0.8).prop_map(|has_number| CustomDetails {
        number: has_number.then(|| "+436601234567".parse().unwrap()),
        ..CustomDetails::default()
    });
    let disa = any::<bool>().prop_map(|outbound| DisaDetails {
        outbound,
        ..DisaDetails::default()
    });
    let targets = (
        btree_map(few.clone(), hunt(), 0..5),
        btree_map(few.clone(), ivr, 0..5),
        btree_map(1_i64..8, question(), 0..8),
        btree_map(few.clone(), Just(VoicemailDetails::default()), 0..5),
        btree_map(few.clone(), custom, 0..5),
        btree_map(few, disa, 0..5),
    );
    let destinations = vec(destination_between(), 0..60);
    (holders(), holders(), targets, destinations).prop_map(
        |(extensions, dids, targets, destinations)| {
            let (hunts, ivrs, conditions, voicemails, customs, disas) = targets;
            World {
                extensions,
                dids,
                hunts,
                ivrs,
                conditions,
                voicemails,
                customs,
                disas,
                destinations: (1..).zip(destinations).collect(),
            }
        },
    )
}

/// Any call, to something that is there or not.
pub(super) fn surroundings() -> impl Strategy<Value = Surroundings> {
    let status = select(vec![
        Status::Available,
        Status::Available,
        Status::Busy,
        Status::Offline,
    ]);
    let from = prop::option::of(select(&CALLERS[..]).prop_map(str::to_owned));
    let to = prop_oneof![
        3 => (1_i64..5).prop_map(Entry::Did),
        2 => number().prop_map(Entry::Number),
    ];
    (vec(status, 1..5), 0_usize..5, from, to).prop_map(|(statuses, turn, from, to)| Surroundings {
        statuses,
        turn,
        from,
        to,
    })
}

/// Anything that can come of a step.
pub(super) fn outcome() -> impl Strategy<Value = StepOutcome> {
    let accepted = prop_oneof![
        number(),
        Just("+436601234567".to_owned()),
        Just("x".to_owned())
    ];
    prop_oneof![
        1 => Just(StepOutcome::Answered),
        4 => Just(StepOutcome::NoAnswer),
        2 => Just(StepOutcome::Busy),
        2 => Just(StepOutcome::Offline),
        4 => select(vec!['0', '7', '*', '#', '5', 'x']).prop_map(StepOutcome::Digit),
        3 => Just(StepOutcome::TimedOut),
        1 => Just(StepOutcome::WrongDigit),
        3 => accepted.prop_map(|number| StepOutcome::PinAccepted { number }),
        1 => Just(StepOutcome::PinRefused),
        2 => Just(StepOutcome::Operator),
        1 => Just(StepOutcome::Arrived),
    ]
}
