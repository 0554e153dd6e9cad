//! Conditions, read and evaluated.
//!
//! | `condition_type` | true if |
//! |---|---|
//! | `CALLERID` | the caller's number is one of the parameters ([`Pattern`]) |
//! | `WEEKTIME` | the time of the call is within hours of the week ([`WeekTime`]) |
//! | `ALL` | all conditions whose ids are the parameters are true |
//! | `ANY` | at least one of them is true |
//! | `NOT` | none of them is true |
//!
//! A condition that is not understood is false wherever it is asked, so that calls take the way of
//! `NOTCONDITION`, and a `NOT` of it is true. Not understood is one of an unknown type, with a
//! parameter that is not what its type takes, with the id of a condition that does not exist, or
//! nested too deep: more than [`MAX_DEPTH`] levels (a circle has no end of them) or
//! [`MAX_QUESTIONS`] conditions. All of this can be told without a call.

mod caller;
mod evaluation;
mod week_time;

use std::collections::BTreeMap;

pub(super) use evaluation::{answer, problem};

use caller::Pattern;
use week_time::WeekTime;

use super::Table;
use crate::{pbx::ConditionDetails, values::Line};

/// The most levels of conditions within conditions; a condition without others has one.
pub const MAX_DEPTH: usize = 8;
/// The most conditions that are evaluated for one, itself included.
pub const MAX_QUESTIONS: usize = 100;

/// A condition in the form in which it is evaluated.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ConditionEntry {
    pub(super) name: Option<Line>,
    /// The question, or the reason for which it is not understood.
    question: Result<Question, String>,
}

/// The question of a condition.
#[derive(Clone, Debug, PartialEq)]
enum Question {
    CallerId(Vec<Pattern>),
    WeekTime(WeekTime),
    All(Vec<i64>),
    Any(Vec<i64>),
    Not(Vec<i64>),
}

impl ConditionEntry {
    /// Reads the parameters.
    pub(super) fn read(details: &ConditionDetails) -> Self {
        Self {
            name: details.name.clone(),
            question: Question::read(details),
        }
    }
}

impl Question {
    fn read(details: &ConditionDetails) -> Result<Self, String> {
        let word = details.condition_type.as_ref().map_or("", Line::as_str);
        match word.trim().to_ascii_uppercase().as_str() {
            "CALLERID" => caller::read(details).map(Self::CallerId),
            "WEEKTIME" => WeekTime::read(details).map(Self::WeekTime),
            "ALL" => members(details).map(Self::All),
            "ANY" => members(details).map(Self::Any),
            "NOT" => members(details).map(Self::Not),
            _ => Err("condition_type must be CALLERID, WEEKTIME, ALL, ANY or NOT".to_owned()),
        }
    }

    /// The ids of the conditions within this one.
    fn members(&self) -> &[i64] {
        match self {
            Self::CallerId(_) | Self::WeekTime(_) => &[],
            Self::All(ids) | Self::Any(ids) | Self::Not(ids) => ids,
        }
    }

    /// The first condition within this one that does not exist.
    fn unknown_member(&self, exists: impl Fn(i64) -> bool) -> Option<i64> {
        self.members().iter().copied().find(|id| !exists(*id))
    }
}

/// The conditions of a tenant that are not understood, by their ids, each with the reason.
pub fn condition_problems<'a>(
    conditions: impl IntoIterator<Item = (i64, &'a ConditionDetails)>,
) -> BTreeMap<i64, String> {
    let mut table = Table::default();
    for (id, details) in conditions {
        table.set_condition(id, details);
    }
    let ids = table.conditions.keys();
    ids.filter_map(|id| Some((*id, problem(&table, *id)?)))
        .collect()
}

fn names_unknown(id: i64) -> String {
    format!("its parameters name condition {id}, which does not exist")
}

/// The parameters that are not empty, with their names in the API.
fn params(details: &ConditionDetails) -> impl Iterator<Item = (usize, &str)> {
    let numbered = details.params.iter().zip(1..);
    numbered.filter_map(|(param, number)| Some((number, param.as_ref()?.as_str().trim())))
}

/// The parameter `paramN`.
fn param(details: &ConditionDetails, number: usize) -> Option<&str> {
    let mut all = params(details);
    all.find_map(|(at, text)| (at == number).then_some(text))
}

fn members(details: &ConditionDetails) -> Result<Vec<i64>, String> {
    let id = |(number, text): (usize, &str)| {
        let id = text.parse().ok().filter(|id| *id > 0);
        id.ok_or_else(|| format!("param{number} must be the id of a condition"))
    };
    let ids: Vec<i64> = params(details).map(id).collect::<Result<_, _>>()?;
    if ids.is_empty() {
        return Err("param1 must be the id of a condition".to_owned());
    }
    Ok(ids)
}

#[cfg(test)]
mod tests;
