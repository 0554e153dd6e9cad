//! The dispositions of calls.

use std::str::FromStr;

use domain::delivery::Outcome;
use serde::{Deserialize, Deserializer, de::Error as _};
use thiserror::Error;

/// The end that a call came to, in the words of a PBX.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Somebody answered.
    Answered,
    /// Nobody answered, or it was given up before.
    NoAnswer,
    /// The called side was busy.
    Busy,
    /// It was refused, or never reached the called side.
    Failed,
}

impl Disposition {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Answered, Self::NoAnswer, Self::Busy, Self::Failed];

    /// The documented word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "ANSWERED",
            Self::NoAnswer => "NO ANSWER",
            Self::Busy => "BUSY",
            Self::Failed => "FAILED",
        }
    }

    /// The disposition of a call of this outcome that was not answered. `words` are those of the
    /// remote side; `hung_up` is true if the end was asked for here.
    pub(super) fn unanswered(outcome: Outcome, words: Option<&str>, hung_up: bool) -> Self {
        let is_busy = |words: &str| words.to_ascii_uppercase().contains("BUSY");
        match outcome {
            Outcome::Unanswered if words.is_some_and(is_busy) => Self::Busy,
            // The caller of a session that ended well without an answer has given up.
            Outcome::Unanswered | Outcome::Delivered => Self::NoAnswer,
            Outcome::Rejected if hung_up => Self::NoAnswer,
            Outcome::Rejected | Outcome::Unavailable | Outcome::Unknown => Self::Failed,
        }
    }
}

/// The error of a word that is no disposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("must be ANSWERED, NO ANSWER, BUSY or FAILED")]
pub struct NoDisposition;

impl FromStr for Disposition {
    type Err = NoDisposition;

    fn from_str(text: &str) -> Result<Self, NoDisposition> {
        let is_it = |one: &Self| one.as_str().eq_ignore_ascii_case(text.trim());
        Self::ALL.into_iter().find(is_it).ok_or(NoDisposition)
    }
}

impl<'de> Deserialize<'de> for Disposition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_read_in_any_case() {
        for one in Disposition::ALL {
            assert_eq!(one.as_str().to_lowercase().parse(), Ok(one));
        }
        assert_eq!("NOANSWER".parse::<Disposition>(), Err(NoDisposition));
    }

    #[test]
    fn a_call_that_nobody_answered_has_a_reason() {
        use Disposition::{Busy, Failed, NoAnswer};
        for (outcome, words, hung_up, expected) in [
            (Outcome::Unanswered, Some("USER_BUSY"), false, Busy),
            (Outcome::Unanswered, Some("486 Busy Here"), false, Busy),
            (Outcome::Unanswered, Some("NO_ANSWER"), false, NoAnswer),
            (Outcome::Unanswered, None, false, NoAnswer),
            (Outcome::Rejected, Some("CALL_REJECTED"), false, Failed),
            (Outcome::Rejected, Some("CANCELLED"), true, NoAnswer),
            (Outcome::Unavailable, Some("busy"), false, Failed),
            (Outcome::Unknown, None, true, Failed),
            (Outcome::Delivered, None, false, NoAnswer),
        ] {
            let found = Disposition::unanswered(outcome, words, hung_up);
            assert_eq!(found, expected, "{outcome} {words:?}");
        }
    }
}
