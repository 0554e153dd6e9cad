//! The results that each application can have: what conditions are checked against.

use super::{Action, After, SUCCESS, StepResult};

/// The most keys that `input` takes.
const KEYS: usize = 32;

/// A result that an application can have, with the details that come with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Possible {
    /// The application's own result.
    pub result: &'static str,
    /// The names of the details, and their values.
    pub details: &'static [(&'static str, Values)],
}

/// The values that a detail can have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Values {
    /// One key of a telephone.
    Key,
    /// One to 32 keys.
    Keys,
    /// A whole number.
    Number,
    /// One of these words; the first is the usual one.
    Words(&'static [&'static str]),
}

impl Values {
    /// True if a detail can have this value.
    pub fn admit(self, value: &str) -> bool {
        let is_key = |key: u8| key.is_ascii_digit() || key == b'*' || key == b'#';
        match self {
            Self::Key => value.len() == 1 && value.bytes().all(is_key),
            Self::Keys => (1..=KEYS).contains(&value.len()) && value.bytes().all(is_key),
            Self::Number => value.parse::<u32>().is_ok_and(|it| it.to_string() == value),
            Self::Words(words) => words.contains(&value),
        }
    }

    /// The value that is taken where none is given; `None` if the value must be chosen.
    pub const fn usual(self) -> Option<&'static str> {
        match self {
            Self::Key | Self::Keys => None,
            Self::Number => Some("1"),
            Self::Words(words) => words.first().copied(),
        }
    }

    /// The values in words.
    pub fn expected(self) -> String {
        match self {
            Self::Key => "one of 0 to 9, * and #".to_owned(),
            Self::Keys => format!("1 to {KEYS} of 0 to 9, * and #"),
            Self::Number => "a whole number".to_owned(),
            Self::Words(words) => words.join(" or "),
        }
    }
}

impl Possible {
    const fn plain(result: &'static str) -> Self {
        Self {
            result,
            details: &[],
        }
    }

    /// The values of a detail; `None` if the result has no detail of this name.
    pub fn values(&self, name: &str) -> Option<Values> {
        let mut details = self.details.iter();
        details
            .find(|(of, _)| *of == name)
            .map(|(_, values)| *values)
    }

    /// True if this result can meet the condition.
    pub fn can_meet(&self, condition: &After) -> bool {
        match &condition.name {
            None => self.result == condition.is,
            Some(name) => {
                let values = self.values(name);
                values.is_some_and(|values| values.admit(&condition.is))
            }
        }
    }

    /// True if this result can meet both conditions at once.
    pub fn can_meet_both(&self, one: &After, other: &After) -> bool {
        let contradict = one.name == other.name && one.is != other.is;
        !contradict && self.can_meet(one) && self.can_meet(other)
    }

    /// The result with its usual details; `None` if one of them must be chosen.
    fn usual(&self) -> Option<StepResult> {
        let details = self.details.iter();
        let details = details.map(|(name, values)| Some((*name, values.usual()?)));
        let details: Option<Vec<_>> = details.collect();
        let start = StepResult::new(self.result);
        let with = |result: StepResult, (name, value)| result.with(name, value);
        Some(details?.into_iter().fold(start, with))
    }
}

const FAILED: Possible = Possible::plain("failed");
const SUCCEEDED: Possible = Possible::plain(SUCCESS);
const TIMEOUT: Possible = Possible::plain("timeout");

/// The results of what goes out to the destination.
const SENT: &[Possible] = &[
    SUCCEEDED,
    Possible::plain("busy"),
    Possible::plain("noanswer"),
    FAILED,
    Possible::plain("unknown"),
];
const FAXED: &[Possible] = &[
    Possible {
        result: SUCCESS,
        details: &[("pages", Values::Number)],
    },
    FAILED,
];
const DETECTED: &[Possible] = &[
    Possible {
        result: SUCCESS,
        details: &[("amd", Values::Words(&["human", "machine"]))],
    },
    FAILED,
];
const CHOSEN: &[Possible] = &[
    Possible {
        result: SUCCESS,
        details: &[("key", Values::Key)],
    },
    TIMEOUT,
    FAILED,
];
const ENTERED: &[Possible] = &[
    Possible {
        result: SUCCESS,
        details: &[("key", Values::Keys)],
    },
    TIMEOUT,
    FAILED,
];

impl Action {
    /// The results that the action can have.
    pub const fn possible(&self) -> &'static [Possible] {
        match self {
            Self::EmailSend { .. }
            | Self::Originate
            | Self::SmsConfirm { .. }
            | Self::SmsSend { .. } => SENT,
            Self::FaxSend { .. } | Self::FaxReceive => FAXED,
            Self::Amd => DETECTED,
            Self::PlayMenu { .. } => CHOSEN,
            Self::Input => ENTERED,
            Self::Connect | Self::Tts { .. } | Self::VoicePlay { .. } | Self::Wait { .. } => {
                &[SUCCEEDED, FAILED]
            }
            Self::Disconnect | Self::EmailReceive | Self::Inbound | Self::SmsReceive => {
                &[SUCCEEDED]
            }
        }
    }

    /// The result that is taken where none is given: success, or that no key was pressed.
    pub fn usual(&self) -> StepResult {
        let mut usual = self.possible().iter().filter_map(Possible::usual);
        usual.next().unwrap_or_else(StepResult::success)
    }

    /// True if the other side decides how the flow goes on, and with it how often.
    pub const fn asks(&self) -> bool {
        matches!(self, Self::Input | Self::PlayMenu { .. })
    }
}
