//! Flows: what a program does, as data. A transmission carries the flow it was
//! queued with, so that it always shows what it was meant to do.
//!
//! A flow is steps joined by conditions on what came of the step before. Whoever runs
//! one begins with the steps that follow nothing; when a step has its results, every
//! step runs that one of its [`After`]s leads to; when none does, the attempt is over.

mod action;
mod compile;
mod service;

use serde::{Deserialize, Serialize};

use crate::{
    Id,
    delivery::{ResultKind, SpoolResult},
    outreach::Template,
};

pub use action::{Action, application};
pub use service::Service;

/// The result of an application that did what it is for.
pub const SUCCESS: &str = "success";

/// A step and when it runs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Step {
    /// What is done.
    #[serde(flatten)]
    pub action: Action,
    /// The ways that lead here; none: it runs first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<After>,
}

/// A way from one step to another: the step before, and what must have come of it. In
/// JSON a plain number is a step that must have succeeded.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(from = "AfterWire", into = "AfterWire")]
pub struct After {
    /// The step before, by index.
    pub step: usize,
    /// Which of its results decides; the application's own, where none is named.
    pub name: Option<String>,
    /// What that result must be.
    pub is: String,
}

/// A program, compiled.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Flow {
    /// The service whose providers can run it.
    pub service: Service,
    /// The steps; the first is where it starts.
    pub steps: Vec<Step>,
}

impl After {
    /// The success of this step.
    pub fn success(step: usize) -> Self {
        Self {
            step,
            name: None,
            is: SUCCESS.to_owned(),
        }
    }

    /// Whether this way is open once that step has these results.
    pub fn leads_from(&self, step: usize, results: &[SpoolResult]) -> bool {
        let decides = |row: &&SpoolResult| match &self.name {
            Some(name) => row.name == *name,
            None => row.kind == ResultKind::Application,
        };
        // A later word on the same thing is the one that holds.
        let last = results.iter().rev().find(decides);
        self.step == step && last.is_some_and(|row| row.data == self.is)
    }
}

impl Flow {
    /// Steps of which each follows on the success of the one before.
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

    /// The flow of program `sendemail`: one email, nothing before or after.
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
