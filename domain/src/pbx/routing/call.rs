//! The facts of a call, the steps that it is told to take, and their outcomes.

use chrono::{DateTime, Utc};

use super::Node;
use crate::{Id, outreach::Recording, pbx::SourceKind, values::PhoneNumber};

/// The facts of a call within a tenant.
#[derive(Clone)]
pub struct Call<'a> {
    /// The number or DID that was dialled.
    pub to: Entry,
    /// The caller's number, unless it is withheld.
    pub from: Option<String>,
    /// The time at which conditions are evaluated.
    pub at: DateTime<Utc>,
    /// The state of the tenant's phones.
    pub phones: &'a dyn Phones,
}

/// The point at which a call enters the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The DID of this id, as [`super::Tables::did`] finds it.
    Did(i64),
    /// A number dialled within the tenant: of an extension, a hunt group, or one of its own DIDs.
    Number(String),
}

/// The state of the phones of a tenant. A function from an extension's id to its status is one, in
/// which every hunt group begins with its first member.
pub trait Phones: Sync {
    /// The status of an extension.
    fn status(&self, extension: i64) -> Status;

    /// The number of calls that a hunt group has had: the member that it begins with, in groups
    /// that take turns.
    fn turn(&self, _hunt: i64) -> usize {
        0
    }
}

impl<F: Fn(i64) -> Status + Sync> Phones for F {
    fn status(&self, extension: i64) -> Status {
        self(extension)
    }
}

/// The status of an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// A phone is registered, and none is in a call.
    Available,
    /// It is in a call.
    Busy,
    /// No phone is registered.
    Offline,
}

/// The next thing to do with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ring extensions.
    Ring(Ring),
    /// Play a menu and wait for a digit.
    PlayIvr {
        /// The id of the IVR.
        id: i64,
        /// The recording; none: silence.
        recording: Option<Id<Recording>>,
        /// The seconds that a digit is waited for.
        timeout: u32,
    },
    /// Record a message.
    Voicemail {
        /// The id of the voicemail box.
        id: i64,
    },
    /// Call a number outside and connect both.
    Forward {
        /// The number.
        number: PhoneNumber,
        /// The custom destination or DISA that says so.
        by: Node,
    },
    /// Ask for the PIN of a DISA, and then for a number.
    AskPin {
        /// The id of the DISA.
        id: i64,
    },
    /// Nothing: the call was answered, and routing has ended.
    Connected,
    /// Hang up; routing has ended.
    HangUp {
        /// The reason.
        reason: Reason,
    },
}

/// The extensions that ring, in rounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ring {
    /// The extension that was called, or the hunt group.
    pub by: Node,
    /// The ids of the extensions, none of them twice.
    pub extensions: Vec<i64>,
    /// True if all ring in one round, false if each has a round of its own.
    pub at_once: bool,
    /// The seconds that a round lasts.
    pub seconds: u32,
    /// True if the rounds are repeated until somebody answers or the caller hangs up.
    pub repeats: bool,
}

impl Ring {
    /// The extensions of each round.
    pub fn rounds(&self) -> impl Iterator<Item = &[i64]> {
        let all = self.extensions.len().max(1);
        self.extensions.chunks(if self.at_once { all } else { 1 })
    }
}

/// The outcome of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepOutcome {
    /// The call has come in: the outcome before the first step.
    Arrived,
    /// Somebody answered; a voicemail box has recorded its message.
    Answered,
    /// Everything rang as long as it was to.
    NoAnswer,
    /// The phone or the number outside is busy.
    Busy,
    /// The phone or the number outside cannot be reached.
    Offline,
    /// The caller pressed a key, `0` to `9`, `*` or `#`.
    Digit(char),
    /// Nothing happened in time.
    TimedOut,
    /// The caller pressed something that is no single key.
    WrongDigit,
    /// The PIN is right, and this number was dialled.
    PinAccepted {
        /// The number.
        number: String,
    },
    /// The PIN was wrong for the last time.
    PinRefused,
    /// The caller of a voicemail box asks for the operator.
    Operator,
}

/// The reason for which a call is hung up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The number that was dialled is nobody's, or inactive.
    NoSuchNumber,
    /// No destination follows.
    NoDestination,
    /// All phones are busy, and no destination follows.
    Busy,
    /// Nobody answered, and no destination follows.
    NoAnswer,
    /// No phone can be reached, and no destination follows.
    Offline,
    /// All destinations that follow were taken before in this call.
    Circle,
    /// The call has taken [`super::MAX_HOPS`] hops.
    TooManyHops,
    /// The configuration says so.
    Configured,
    /// The PIN was wrong, or did not come.
    PinRefused,
    /// The DISA does not allow to dial numbers outside.
    NotPermitted,
    /// The caller has left a message, or did not leave one in time.
    Completed,
    /// The outcome is not one that the step can have.
    Unexpected,
}

impl Reason {
    /// The word for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoSuchNumber => "no_such_number",
            Self::NoDestination => "no_destination",
            Self::Busy => "busy",
            Self::NoAnswer => "no_answer",
            Self::Offline => "offline",
            Self::Circle => "circle",
            Self::TooManyHops => "too_many_hops",
            Self::Configured => "configured",
            Self::PinRefused => "pin_refused",
            Self::NotPermitted => "not_permitted",
            Self::Completed => "completed",
            Self::Unexpected => "unexpected",
        }
    }

    /// The reason in plain words.
    pub const fn said(self) -> &'static str {
        match self {
            Self::NoSuchNumber => "the number is not in service",
            Self::NoDestination => "no destination follows",
            Self::Busy => "all phones are busy and no destination follows",
            Self::NoAnswer => "nobody answered and no destination follows",
            Self::Offline => "no phone can be reached and no destination follows",
            Self::Circle => {
                "every destination that follows was taken before: the call is in a circle"
            }
            Self::TooManyHops => "the call has taken as many hops as a call may",
            Self::Configured => "the destination says so",
            Self::PinRefused => "no right PIN was entered",
            Self::NotPermitted => "numbers outside may not be dialled",
            Self::Completed => "the caller has been recorded",
            Self::Unexpected => "the step cannot have this outcome",
        }
    }
}

/// The source that a key of the caller leads on from.
pub(super) fn source_of_key(key: char) -> Option<SourceKind> {
    match key {
        '*' => Some(SourceKind::IvrStar),
        '#' => Some(SourceKind::IvrSharp),
        _ => {
            let digit = key.to_digit(10)?;
            u8::try_from(digit).ok().map(SourceKind::IvrDigit)
        }
    }
}
