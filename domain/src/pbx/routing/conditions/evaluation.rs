//! The answer of a condition for a call.

use chrono::{DateTime, Utc};

use super::{MAX_DEPTH, MAX_QUESTIONS, Question, names_unknown};
use crate::pbx::routing::{Table, number::normalised};

/// The answer of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// True if the condition is.
    pub(crate) is_true: bool,
    /// The first condition that was not understood: this one, or one within it.
    pub(crate) flaw: Option<Flaw>,
}

/// A condition that was not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// The id of the condition.
    pub(crate) condition: i64,
    /// The reason, in plain words.
    pub(crate) reason: String,
}

/// The evaluation of one condition and those within it. All of them are asked, even if the first
/// decides, so that too many are found for every call or for none.
struct Evaluation<'a> {
    table: &'a Table,
    caller: String,
    at: DateTime<Utc>,
    asked: usize,
    flaw: Option<Flaw>,
}

/// A condition nested too deep.
struct TooDeep;

/// The answer of a condition of this table.
pub(crate) fn answer(table: &Table, id: i64, from: Option<&str>, at: DateTime<Utc>) -> Answer {
    let mut evaluation = Evaluation {
        table,
        caller: from.map(normalised).unwrap_or_default(),
        at,
        asked: 0,
        flaw: None,
    };
    match evaluation.ask(id, 1) {
        Ok(is_true) => Answer {
            is_true,
            flaw: evaluation.flaw,
        },
        Err(TooDeep) => Answer {
            is_true: false,
            flaw: Some(Flaw {
                condition: id,
                reason: too_deep(),
            }),
        },
    }
}

/// The reason for which a condition of this table is not understood, if it is not; the conditions
/// within it have reasons of their own.
pub(crate) fn problem(table: &Table, id: i64) -> Option<String> {
    let flaw = answer(table, id, None, DateTime::UNIX_EPOCH).flaw?;
    (flaw.condition == id).then_some(flaw.reason)
}

fn too_deep() -> String {
    format!(
        "it asks itself, or conditions more than {MAX_DEPTH} levels deep, or more than \
         {MAX_QUESTIONS} of them"
    )
}

impl Evaluation<'_> {
    fn ask(&mut self, id: i64, depth: usize) -> Result<bool, TooDeep> {
        self.asked += 1;
        if depth > MAX_DEPTH || self.asked > MAX_QUESTIONS {
            return Err(TooDeep);
        }
        let table = self.table;
        let Some(entry) = table.conditions.get(&id) else {
            return Ok(self.not_understood(id, "it does not exist".to_owned()));
        };
        match &entry.question {
            Err(reason) => Ok(self.not_understood(id, reason.clone())),
            Ok(question) => self.decide(id, question, depth),
        }
    }

    fn decide(&mut self, id: i64, question: &Question, depth: usize) -> Result<bool, TooDeep> {
        let exists = |id| self.table.conditions.contains_key(&id);
        if let Some(unknown) = question.unknown_member(exists) {
            return Ok(self.not_understood(id, names_unknown(unknown)));
        }
        let mut true_members = 0;
        for member in question.members() {
            true_members += usize::from(self.ask(*member, depth + 1)?);
        }
        Ok(match question {
            Question::CallerId(patterns) => patterns.iter().any(|it| it.matches(&self.caller)),
            Question::WeekTime(hours) => hours.includes(self.at),
            Question::All(members) => true_members == members.len(),
            Question::Any(_) => true_members > 0,
            Question::Not(_) => true_members == 0,
        })
    }

    fn not_understood(&mut self, condition: i64, reason: String) -> bool {
        let flaw = Flaw { condition, reason };
        self.flaw.get_or_insert(flaw);
        false
    }
}
