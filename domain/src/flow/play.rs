//! Flows played from their first step to their end against answers that are known beforehand.

use super::{Action, Ending, Flow, Next, Run, StepAnswer, Visit};
use crate::delivery::SpoolResult;

/// A flow that was played.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Played {
    /// The steps that were taken, in order.
    pub path: Vec<Visit>,
    /// The result rows.
    pub results: Vec<SpoolResult>,
    /// The reason for the end.
    pub ending: Ending,
}

impl Flow {
    /// Plays the flow. `answer` is asked for each step that is taken, by its index.
    pub fn play(&self, mut answer: impl FnMut(usize, &Action) -> StepAnswer) -> Played {
        let mut run = Run::new(self);
        let ending = loop {
            match run.next() {
                Next::End(ending) => break ending,
                Next::Step { at, action } => match answer(at, action) {
                    StepAnswer::Result(result) => drop(run.advance(result)),
                    StepAnswer::Interrupted(by) => run.interrupt(by, Vec::new()),
                },
            }
        };
        Played {
            path: run.path().to_vec(),
            results: run.into_results(),
            ending,
        }
    }
}
