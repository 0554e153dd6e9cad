//! Calls that have ended.

use chrono::{DateTime, Utc};
use domain::{Personal, delivery::Outcome};
use eventstore::Recorded;

use super::{Disposition, open_call::OpenCall};

/// A call that has ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct EndedCall {
    pub call: OpenCall,
    pub answered_at: Option<DateTime<Utc>>,
    pub ended_at: DateTime<Utc>,
    pub disposition: Disposition,
    pub cost: i32,
    pub position: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub version: i64,
}

/// A call that ended before, and whose outcome has become known.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ResolvedCall {
    pub call_id: i64,
    /// The disposition, unless the call was answered.
    pub disposition: Disposition,
    pub updated_at: DateTime<Utc>,
    pub version: i64,
}

/// The end of an attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct End<'e> {
    pub at: DateTime<Utc>,
    pub outcome: Outcome,
    pub response: &'e Personal<String>,
    pub amount: u32,
}

impl EndedCall {
    /// The call with its end, which this event is.
    pub fn new(call: OpenCall, recorded: &Recorded, end: End<'_>) -> Self {
        let answered_at = end.answer_of(&call);
        let disposition = match answered_at {
            Some(_) => Disposition::Answered,
            None => {
                let words = end.response.get().map(String::as_str);
                Disposition::unanswered(end.outcome, words, call.hung_up)
            }
        };
        Self {
            call,
            answered_at,
            ended_at: end.at,
            disposition,
            cost: i32::try_from(end.amount).unwrap_or(i32::MAX),
            position: recorded.position,
            created_at: recorded.occurred_at,
            updated_at: recorded.occurred_at,
            version: recorded.sequence as i64,
        }
    }

    /// Takes an outcome that has become known. What was answered stays so.
    pub fn resolve(&mut self, resolved: &ResolvedCall) {
        if self.answered_at.is_none() {
            self.disposition = resolved.disposition;
        }
        (self.updated_at, self.version) = (resolved.updated_at, resolved.version);
    }

    /// The time of dialling or arrival; the end if it was never dialled.
    pub fn started_at(&self) -> DateTime<Utc> {
        self.call.started_at.unwrap_or(self.ended_at)
    }

    /// The seconds from start to end.
    pub fn duration(&self) -> i32 {
        seconds(self.started_at(), self.ended_at)
    }

    /// The seconds from answer to end.
    pub fn billed(&self) -> i32 {
        self.answered_at
            .map_or(0, |answered_at| seconds(answered_at, self.ended_at))
    }
}

impl ResolvedCall {
    /// The resolution of a call, which this event is.
    pub fn new(
        call_id: i64,
        recorded: &Recorded,
        outcome: Outcome,
        response: &Personal<String>,
    ) -> Self {
        let disposition = match outcome {
            Outcome::Delivered => Disposition::Answered,
            _ => {
                let words = response.get().map(String::as_str);
                Disposition::unanswered(outcome, words, false)
            }
        };
        Self {
            call_id,
            disposition,
            updated_at: recorded.occurred_at,
            version: recorded.sequence as i64,
        }
    }
}

impl End<'_> {
    /// The time of the answer, if there was one. Reaching somebody who refuses is reported as a
    /// connection too, which ends as it begins.
    fn answer_of(&self, call: &OpenCall) -> Option<DateTime<Utc>> {
        call.connected_at.filter(|connected_at| match self.outcome {
            Outcome::Delivered => true,
            Outcome::Rejected | Outcome::Unknown => *connected_at < self.at,
            Outcome::Unanswered | Outcome::Unavailable => false,
        })
    }
}

/// The seconds from one moment to another, each that began: as amounts are counted.
fn seconds(from: DateTime<Utc>, to: DateTime<Utc>) -> i32 {
    let milliseconds = (to - from).num_milliseconds().max(0).unsigned_abs();
    i32::try_from(milliseconds.div_ceil(1_000)).unwrap_or(i32::MAX)
}
