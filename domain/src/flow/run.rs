//! The interpreter of flows, as a state machine: results in, next steps out.
//!
//! A session carries out the step that [`Run::next`] names and gives its result to
//! [`Run::advance`], until there is no next one; what ends it from outside goes to
//! [`Run::interrupt`].
//!
//! A run ends when no step follows on the last results, with a disconnect, when it is interrupted,
//! or after [`Run::MOST_STEPS`] steps, whatever the flow and whatever the results.

use std::collections::VecDeque;

use super::{Action, Flow, SUCCESS};
use crate::delivery::{ResultKind, SpoolResult};

/// The most details of one step that are kept.
const MOST_DETAILS: usize = 16;

/// A run of a flow: the steps that it has taken, and the next one.
#[derive(Clone, Debug)]
pub struct Run<'f> {
    flow: &'f Flow,
    /// The steps to take, in this order, none of them twice.
    pending: VecDeque<usize>,
    path: Vec<Visit>,
    results: Vec<SpoolResult>,
    ending: Option<Ending>,
}

/// The result of a step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StepResult {
    /// The application's own result.
    pub result: String,
    /// Further rows: the key that was pressed, for instance.
    pub details: Vec<SpoolResult>,
}

/// A step that a run has taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Visit {
    /// The index of the step.
    pub step: usize,
    /// The application's own result, or the word of the interruption.
    pub result: String,
}

/// The next thing to do in a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next<'f> {
    /// Carry out this step.
    Step {
        /// The index of the step.
        at: usize,
        /// Its action.
        action: &'f Action,
    },
    /// Nothing: the run has ended.
    End(Ending),
}

/// The reason for which a run has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// No step follows.
    Completed,
    /// It was interrupted.
    Interrupted(Interruption),
    /// It had taken [`Run::MOST_STEPS`] steps.
    Stopped,
}

/// An end that comes from outside of the flow, while a step is carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interruption {
    /// One side hung up.
    Hangup(Side),
    /// The transmission was cancelled.
    Cancelled,
    /// The deadline passed.
    Deadline,
}

/// A side of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// This installation.
    Local,
    /// The other side.
    Remote,
}

impl StepResult {
    /// A result without details.
    pub fn new(result: impl Into<String>) -> Self {
        Self {
            result: result.into(),
            details: Vec::new(),
        }
    }

    /// A success without details.
    pub fn success() -> Self {
        Self::new(SUCCESS)
    }

    /// The result with one more detail.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, data: impl Into<String>) -> Self {
        let detail = SpoolResult::new(ResultKind::Info, name, data);
        self.details.push(detail);
        self
    }
}

impl<'f> Run<'f> {
    /// The most steps of a run. It is several times [`Flow::MOST_STEPS`], so that a menu can be
    /// heard again, and small enough for the rows of a run that goes in circles.
    pub const MOST_STEPS: usize = 256;

    /// A run that has taken no step.
    pub fn new(flow: &'f Flow) -> Self {
        let mut run = Self {
            flow,
            pending: flow.first().collect(),
            path: Vec::new(),
            results: Vec::new(),
            ending: None,
        };
        run.settle();
        run
    }

    /// The next thing to do: the same until [`Run::advance`] or [`Run::interrupt`] is called.
    pub fn next(&self) -> Next<'f> {
        match self.current() {
            Some((at, action)) => Next::Step { at, action },
            None => Next::End(self.ending.unwrap_or(Ending::Completed)),
        }
    }

    /// Takes the result of the current step, and finds the next one. Changes nothing once the run
    /// has ended.
    pub fn advance(&mut self, result: StepResult) -> Next<'f> {
        let Some((at, action)) = self.current() else {
            return self.next();
        };
        let from = self.results.len();
        let hung_up = *action == Action::Disconnect && result.result == SUCCESS;
        self.record((at, action), result);
        self.pending.pop_front();
        if hung_up {
            self.pending.clear();
        } else {
            self.follow(at, from);
        }
        self.settle();
        self.next()
    }

    /// Ends the run during the current step, whose own result is then the interruption. `details`
    /// are what the step has come to until then. Changes nothing once the run has ended.
    pub fn interrupt(&mut self, by: Interruption, details: Vec<SpoolResult>) {
        let Some(current) = self.current() else {
            return;
        };
        let result = by.as_str().to_owned();
        self.record(current, StepResult { result, details });
        if let Interruption::Hangup(side) = by {
            let row = SpoolResult::new(ResultKind::Info, "hangup", side.as_str());
            self.results.push(row);
        }
        self.end(Ending::Interrupted(by));
    }

    /// The steps that were taken, in order.
    pub fn path(&self) -> &[Visit] {
        &self.path
    }

    /// The result rows so far.
    pub fn results(&self) -> &[SpoolResult] {
        &self.results
    }

    /// The result rows, when no more are to come.
    pub fn into_results(self) -> Vec<SpoolResult> {
        self.results
    }

    fn current(&self) -> Option<(usize, &'f Action)> {
        let at = *self.pending.front()?;
        Some((at, &self.flow.steps.get(at)?.action))
    }

    fn record(&mut self, (step, action): (usize, &Action), result: StepResult) {
        let StepResult { result, details } = result;
        let own = SpoolResult::new(ResultKind::Application, action.application(), &*result);
        self.results.push(own);
        self.results.extend(details.into_iter().take(MOST_DETAILS));
        self.path.push(Visit { step, result });
    }

    /// Adds the steps that follow on the rows of the step `at`, which begin at `from`.
    fn follow(&mut self, at: usize, from: usize) {
        let rows = self.results.get(from..).unwrap_or_default();
        for step in self.flow.following(at, rows) {
            if !self.pending.contains(&step) {
                self.pending.push_back(step);
            }
        }
    }

    /// Ends the run if there is no next step, or if there must not be one.
    fn settle(&mut self) {
        if self.pending.is_empty() {
            self.end(Ending::Completed);
        } else if self.path.len() == Self::MOST_STEPS {
            let reason = format!("stopped after {} steps", Self::MOST_STEPS);
            let row = SpoolResult::new(ResultKind::Error, "flow", reason);
            self.results.push(row);
            self.end(Ending::Stopped);
        }
    }

    fn end(&mut self, ending: Ending) {
        self.pending.clear();
        self.ending = Some(ending);
    }
}

impl Ending {
    /// The word of the ending.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Interrupted(by) => by.as_str(),
            Self::Stopped => "stopped",
        }
    }
}

impl Interruption {
    /// The word of the interruption, in result rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hangup(_) => "hangup",
            Self::Cancelled => "cancelled",
            Self::Deadline => "deadline",
        }
    }
}

impl Side {
    /// The word of the side, in result rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Remote => "remote",
        }
    }
}

impl Flow {
    /// The indices of the steps that a run begins with.
    pub(super) fn first(&self) -> impl Iterator<Item = usize> + '_ {
        let steps = self.steps.iter().enumerate();
        steps.filter_map(|(at, step)| step.after.is_empty().then_some(at))
    }

    /// The indices of the steps that follow on these results of a step.
    pub(super) fn following<'a>(
        &'a self,
        step: usize,
        results: &'a [SpoolResult],
    ) -> impl Iterator<Item = usize> + 'a {
        let steps = self.steps.iter().enumerate();
        steps.filter_map(move |(at, next)| {
            let mut conditions = next.after.iter();
            conditions
                .any(|after| after.leads_from(step, results))
                .then_some(at)
        })
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
