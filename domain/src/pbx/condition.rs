//! Conditions: questions about a call that decide where it goes.
//!
//! A call that a condition is true for goes on to the destinations whose source is `CONDITION`, any
//! other call to those of `NOTCONDITION`.

use serde::{Deserialize, Serialize};

use super::{Details, Record, RecordCommand, RecordEvent, required};
use crate::{Patch, Refusal, reference::TimeZone, values::Line};

/// A condition.
pub type Condition = Record<ConditionDetails>;
/// A command to a condition.
pub type ConditionCommand = RecordCommand<ConditionDetails>;
/// An event of a condition.
pub type ConditionEvent = RecordEvent<ConditionDetails>;

/// The number of parameters of a condition.
pub const CONDITION_PARAMS: usize = 12;

/// The details of a condition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConditionDetails {
    /// The name, for people.
    pub name: Option<Line>,
    /// The word for the question, as it was written; the routing decision reads it.
    pub condition_type: Option<Line>,
    /// The time zone of times in the parameters; that of the installation is UTC.
    pub timezone: Option<TimeZone>,
    /// The parameters, `param1` to `param12`; what they mean depends on the type.
    pub params: [Option<Line>; CONDITION_PARAMS],
}

/// The fields of a new condition, or a partial update.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ConditionPatch {
    pub name: Patch<Line>,
    pub condition_type: Patch<Line>,
    pub timezone: Patch<TimeZone>,
    pub params: [Patch<Line>; CONDITION_PARAMS],
}

impl Details for ConditionDetails {
    const TYPE: &'static str = "condition";
    const NOUN: &'static str = "Condition";
    type Patch = ConditionPatch;

    fn patched(mut self, patch: ConditionPatch) -> Result<Self, Refusal> {
        patch.name.apply(&mut self.name);
        patch.condition_type.apply(&mut self.condition_type);
        patch.timezone.apply(&mut self.timezone);
        for (param, patch) in self.params.iter_mut().zip(patch.params) {
            patch.apply(param);
        }
        required("name", &self.name)?;
        required("condition_type", &self.condition_type)?;
        Ok(self)
    }
}
