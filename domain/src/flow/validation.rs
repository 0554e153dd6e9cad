//! The rules for the flows of new programs. A run takes any flow, those of older events included;
//! one that keeps these rules takes one step after another, and has no step in vain.

use std::collections::BTreeSet;

use super::{Action, After, Flow, SUCCESS, Step};

/// A rule that a flow breaks. Steps are counted from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Flaw {
    /// There is no step.
    #[error("the flow has no steps")]
    Empty,
    /// There are too many steps or conditions.
    #[error(
        "the flow has more than {} steps or {} conditions",
        Flow::MOST_STEPS,
        Flow::MOST_CONDITIONS
    )]
    TooLong,
    /// Not exactly one step has no condition.
    #[error("the flow must begin with one step and begins with {0}")]
    Starts(usize),
    /// A condition of this step is one that no result can meet.
    #[error("step {0} waits for a result that cannot be")]
    Impossible(usize),
    /// Two steps follow on the same result of this one.
    #[error("more than one step follows on a result of step {0}")]
    Ambiguous(usize),
    /// Nothing leads to this step.
    #[error("step {0} cannot be reached")]
    Unreachable(usize),
    /// This step comes again and again without the other side being asked.
    #[error("step {0} is repeated without the other side being asked for a key")]
    Circular(usize),
}

impl Flow {
    /// The most steps of a flow: any of them can be reached within a run's bound.
    pub const MOST_STEPS: usize = 64;
    /// The most conditions of all steps together.
    pub const MOST_CONDITIONS: usize = 512;

    /// Checks the rules: one first step, only conditions that can be met, at most one step that
    /// follows on a result, no step in vain, and no circle that the other side cannot leave.
    ///
    /// # Errors
    /// The first rule that the flow breaks.
    pub fn check(&self) -> Result<(), Flaw> {
        self.check_size()?;
        let starts = self.first().count();
        if starts != 1 {
            return Err(Flaw::Starts(starts));
        }
        let ways: Vec<Way<'_>> = self.ways().collect();
        self.check_ways(&ways)?;
        self.check_reach(&ways)?;
        self.check_circles(&ways)
    }

    fn check_size(&self) -> Result<(), Flaw> {
        let conditions: usize = self.steps.iter().map(|step| step.after.len()).sum();
        if self.steps.is_empty() {
            return Err(Flaw::Empty);
        }
        if self.steps.len() > Self::MOST_STEPS || conditions > Self::MOST_CONDITIONS {
            return Err(Flaw::TooLong);
        }
        Ok(())
    }

    /// The conditions of all steps.
    fn ways(&self) -> impl Iterator<Item = Way<'_>> {
        let steps = self.steps.iter().enumerate();
        steps.flat_map(|(to, step)| step.after.iter().map(move |after| Way { to, after }))
    }

    fn check_ways(&self, ways: &[Way<'_>]) -> Result<(), Flaw> {
        for (index, way) in ways.iter().enumerate() {
            let from = self.steps.get(way.after.step);
            let from = from.ok_or(Flaw::Impossible(way.to))?;
            if !way.is_open(from) {
                return Err(Flaw::Impossible(way.to));
            }
            let earlier = ways.get(..index).unwrap_or_default();
            if earlier.iter().any(|other| way.competes(other, from)) {
                return Err(Flaw::Ambiguous(way.after.step));
            }
        }
        Ok(())
    }

    /// Since only one step follows on a result, the steps that can be reached are those to which a
    /// chain of ways leads.
    fn check_reach(&self, ways: &[Way<'_>]) -> Result<(), Flaw> {
        let mut reached: BTreeSet<usize> = self.first().collect();
        let mut new: Vec<usize> = reached.iter().copied().collect();
        while let Some(at) = new.pop() {
            let ways = ways.iter().filter(|way| way.after.step == at);
            new.extend(ways.map(|way| way.to).filter(|to| reached.insert(*to)));
        }
        let missing = (0..self.steps.len()).find(|step| !reached.contains(step));
        missing.map_or(Ok(()), |step| Err(Flaw::Unreachable(step)))
    }

    /// Takes away, one after another, the steps that ask and those to or from which no way is left.
    /// The steps that remain form circles without a step that asks for a key.
    fn check_circles(&self, ways: &[Way<'_>]) -> Result<(), Flaw> {
        let asks = |at: &usize| self.steps.get(*at).is_some_and(|it| it.action.asks());
        let mut left: BTreeSet<usize> = (0..self.steps.len()).filter(|at| !asks(at)).collect();
        loop {
            let among = |from: &usize, to: &usize| left.contains(from) && left.contains(to);
            let inner = ways.iter().filter(|way| among(&way.after.step, &way.to));
            let (from, to): (BTreeSet<_>, BTreeSet<_>) =
                inner.map(|way| (way.after.step, way.to)).unzip();
            let circular: BTreeSet<usize> = from.intersection(&to).copied().collect();
            if circular == left {
                break;
            }
            left = circular;
        }
        left.first().map_or(Ok(()), |at| Err(Flaw::Circular(*at)))
    }
}

/// A condition, with the step that it leads to.
#[derive(Clone, Copy)]
struct Way<'f> {
    to: usize,
    after: &'f After,
}

impl Way<'_> {
    /// True if a result of the step that it leads from can meet the condition, and the run goes on
    /// from there.
    fn is_open(&self, from: &Step) -> bool {
        let ends = from.action == Action::Disconnect && self.after.is == SUCCESS;
        let mut possible = from.action.possible().iter();
        !ends && possible.any(|result| result.can_meet(self.after))
    }

    /// True if one result of the step that both lead from can open this way and another one to
    /// another step.
    fn competes(&self, other: &Way<'_>, from: &Step) -> bool {
        let same_step = self.after.step == other.after.step;
        let mut possible = from.action.possible().iter();
        let apart = same_step && self.to != other.to;
        apart && possible.any(|result| result.can_meet_both(self.after, other.after))
    }
}

#[cfg(test)]
#[path = "validation_tests.rs"]
mod tests;
