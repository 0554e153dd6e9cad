//! Flows: the steps of a program, as data. A transmission carries the flow it was queued with, so
//! that it always shows the steps that were meant.
//!
//! A flow is a list of steps joined by conditions on the results of earlier steps. [`Run`] is the
//! one interpreter: it begins with the steps that follow none; when a step has its results, every
//! step is next that one of its [`After`]s leads to; when none is left, the attempt is over.
//! [`Flow::check`] has the rules for flows of new programs.

mod action;
mod answers;
mod compile;
#[cfg(test)]
mod examples;
mod play;
mod possible;
#[cfg(test)]
mod properties;
mod run;
mod service;
mod validation;

use serde::{Deserialize, Serialize};

use crate::{
    Id,
    delivery::{ResultKind, SpoolResult},
    outreach::{Template, Text},
};

pub use action::{Action, application};
pub use answers::{Answers, Given, StepAnswer, Unfit};
pub use play::Played;
pub use possible::{Possible, Values};
pub use run::{Ending, Interruption, Next, Run, Side, StepResult, Visit};
pub use service::Service;
pub use validation::Flaw;

/// The result of an application that succeeded.
pub const SUCCESS: &str = "success";

/// A step: its action and the conditions under which it runs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Step {
    /// The action.
    #[serde(flatten)]
    pub action: Action,
    /// The conditions of which one starts this step; a step without any runs first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<After>,
}

/// A condition: an earlier step and the result that it must have. In JSON a plain number is a step
/// that must have succeeded.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(from = "AfterWire", into = "AfterWire")]
pub struct After {
    /// The index of the earlier step.
    pub step: usize,
    /// The name of the result that decides; `None`: the application's own result.
    pub name: Option<String>,
    /// The value that the result must have.
    pub is: String,
}

/// A compiled program.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Flow {
    /// The service whose providers can run the flow.
    pub service: Service,
    /// The steps; those without conditions run first.
    pub steps: Vec<Step>,
}

impl After {
    /// The condition that this step succeeded.
    pub fn success(step: usize) -> Self {
        Self {
            step,
            name: None,
            is: SUCCESS.to_owned(),
        }
    }

    /// True if the condition is met once that step has these results.
    pub fn leads_from(&self, step: usize, results: &[SpoolResult]) -> bool {
        let decides = |row: &&SpoolResult| match &self.name {
            Some(name) => row.name == *name,
            None => row.kind == ResultKind::Application,
        };
        // The last result of a name overrides earlier ones.
        let last = results.iter().rev().find(decides);
        self.step == step && last.is_some_and(|row| row.data == self.is)
    }
}

impl Flow {
    /// A flow of steps of which each runs after the success of the step before.
    fn chain<const N: usize>(service: Service, actions: [Action; N]) -> Self {
        let steps = actions.into_iter().enumerate().map(|(at, action)| Step {
            action,
            after: at.checked_sub(1).map(After::success).into_iter().collect(),
        });
        Self {
            service,
            steps: steps.collect(),
        }
    }

    /// The flow of program `sendsms`: the one step that sends a short message.
    pub fn send_sms(text_id: Id<Text>, version: u64) -> Self {
        Self::chain(Service::Sms, [Action::SmsSend { text_id, version }])
    }

    /// The flow of program `sendemail`: the one step that sends an email.
    pub fn send_email(template_id: Id<Template>, version: u64) -> Self {
        let send = Action::EmailSend {
            template_id,
            version,
        };
        Self::chain(Service::Email, [send])
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum AfterWire {
    Success(usize),
    Said {
        step: usize,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        is: String,
    },
}

impl From<AfterWire> for After {
    fn from(wire: AfterWire) -> Self {
        match wire {
            AfterWire::Success(step) => Self::success(step),
            AfterWire::Said { step, name, is } => Self { step, name, is },
        }
    }
}

impl From<After> for AfterWire {
    fn from(After { step, name, is }: After) -> Self {
        if name.is_none() && is == SUCCESS {
            return Self::Success(step);
        }
        Self::Said { step, name, is }
    }
}

#[cfg(test)]
mod tests;
