//! Calls and faxes that last: the flow is played with real pauses, and somebody is at the other end.

use std::time::Duration;

use domain::{
    delivery::Outcome,
    flow::{Action, Interruption, Next, Run, Side, StepResult},
};
use futures::future::BoxFuture;
use tokio::time::{Instant, sleep_until};

use super::play;
use crate::{Cancelled, Content, Report, Session, Spool, content::CallAction};

/// The time for which the called number rings.
const RING: Duration = Duration::from_secs(5);
/// The time from the answer to the hang-up of somebody who hangs up.
const SHORT: Duration = Duration::from_secs(2);
/// The duration of a page of a fax.
const PAGE: Duration = Duration::from_secs(3);
/// The duration of a step that has none of its own.
const STEP: Duration = Duration::from_secs(1);
/// The characters that are read out in a second.
const CHARACTERS: usize = 15;
/// The keys that are pressed at a menu, and where several are asked for.
const KEY: &str = "1";
const KEYS: &str = "1234";

/// The behaviour of the called side, once it has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Callee {
    /// Listens to the end.
    Listens,
    /// Listens, and presses keys where it is asked for some.
    PressesKeys,
    /// Hangs up soon.
    HangsUp,
    /// Keeps the line open: the step after the answer does not end by itself.
    Stays,
}

impl Callee {
    /// The behaviour at this number; `None` if calls to it take no time.
    pub fn at(number: &str) -> Option<Self> {
        match number.trim_start_matches('+') {
            "9990011" => Some(Self::Listens),
            "9990012" => Some(Self::PressesKeys),
            "9990013" => Some(Self::HangsUp),
            "9990014" => Some(Self::Stays),
            _ => None,
        }
    }
}

/// The reason for which a call ends before its flow does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// The called side hung up.
    Remote,
    /// The session was cancelled.
    Cancelled(Cancelled),
    /// Its time is up.
    Deadline,
    /// It cannot be written to the outbox.
    Outbox,
}

/// A call in progress.
struct Call<'a> {
    spool: &'a Spool,
    callee: Callee,
    session: &'a dyn Session,
    run: Run<'a>,
    /// The number of results that the session was told.
    told: usize,
    answered_at: Option<Instant>,
    cut: Option<Cut>,
}

/// Plays a call to its end. `arrives` puts it into the outbox when it is answered; false if that
/// fails.
pub(super) async fn play(
    spool: &Spool,
    callee: Callee,
    session: &dyn Session,
    arrives: BoxFuture<'_, bool>,
) -> Report {
    let call = Call {
        spool,
        callee,
        session,
        run: Run::new(&spool.flow),
        told: 0,
        answered_at: None,
        cut: None,
    };
    call.play(arrives).await
}

impl Call<'_> {
    async fn play(mut self, mut arrives: BoxFuture<'_, bool>) -> Report {
        let mut cancelled = self.session.cancelled();
        while let Next::Step { at, action } = self.run.next() {
            self.tell();
            let ends = self.ends(at, action);
            if let Some(cut) = self.wait(ends, &mut cancelled).await {
                self.interrupt(cut);
            } else if *action != Action::Originate || self.answered_at.is_some() {
                self.run.advance(self.answer(action));
            } else if arrives.as_mut().await {
                self.session.connected();
                self.answered_at = Some(Instant::now());
                self.run.advance(StepResult::success());
            } else {
                self.interrupt(Cut::Outbox);
            }
        }
        self.report()
    }

    /// Tells the session the results since the last time.
    fn tell(&mut self) {
        let results = self.run.results();
        let new = results.get(self.told..).unwrap_or_default();
        if !new.is_empty() {
            self.session.result(new.to_vec());
            self.told = results.len();
        }
    }

    /// The time at which a step ends that begins now; `None` if it does not end by itself.
    fn ends(&self, at: usize, action: &Action) -> Option<Instant> {
        let stays = self.callee == Callee::Stays && self.answered_at.is_some();
        (!stays).then(|| Instant::now() + self.duration(at, action))
    }

    fn duration(&self, at: usize, action: &Action) -> Duration {
        match (action, &self.spool.content) {
            (Action::Originate, _) => RING,
            (Action::Disconnect, _) => Duration::ZERO,
            (_, Content::Fax(fax)) => PAGE * fax.pages,
            (_, Content::Voice(call)) => call.actions.get(at).map_or(STEP, heard_for),
            _ => STEP,
        }
    }

    /// Waits for the end of a step, or for what ends the call before.
    async fn wait(
        &self,
        ends: Option<Instant>,
        cancelled: &mut BoxFuture<'_, Cancelled>,
    ) -> Option<Cut> {
        let hangs_up = self.callee == Callee::HangsUp;
        let hangs_up_at = self.answered_at.filter(|_| hangs_up).map(|at| at + SHORT);
        tokio::select! {
            biased;
            reason = cancelled => Some(Cut::Cancelled(reason)),
            () = sleep_until(self.spool.until()) => Some(Cut::Deadline),
            () = at(hangs_up_at) => Some(Cut::Remote),
            () = at(ends) => None,
        }
    }

    fn interrupt(&mut self, cut: Cut) {
        let by = match cut {
            Cut::Remote => Interruption::Hangup(Side::Remote),
            Cut::Cancelled(_) | Cut::Outbox => Interruption::Cancelled,
            Cut::Deadline => Interruption::Deadline,
        };
        self.run.interrupt(by, Vec::new());
        self.cut = Some(cut);
    }

    fn answer(&self, action: &Action) -> StepResult {
        let keys = match action {
            Action::PlayMenu { .. } => KEY,
            Action::Input => KEYS,
            _ => return play::usual(action, &self.spool.content),
        };
        match self.callee {
            Callee::PressesKeys => StepResult::success().with("key", keys),
            Callee::Listens | Callee::HangsUp | Callee::Stays => action.usual(),
        }
    }

    fn report(self) -> Report {
        let connected = self.answered_at.is_some();
        let (outcome, response) = match (self.cut, connected) {
            (None | Some(Cut::Remote), _) => (Outcome::Delivered, "NORMAL_CLEARING"),
            (Some(Cut::Cancelled(Cancelled::HungUp)), _) => {
                (Outcome::Rejected, "it was hung up on request")
            }
            (Some(Cut::Cancelled(Cancelled::Stopping)), true) => {
                (Outcome::Unknown, "the server was stopped during the call")
            }
            (Some(Cut::Cancelled(Cancelled::Stopping)), false) => {
                (Outcome::Unavailable, "the server was stopped while it rang")
            }
            (Some(Cut::Cancelled(Cancelled::TakenOver)), _) => {
                (Outcome::Unknown, "another worker had given it up")
            }
            (Some(Cut::Deadline), true) => (Outcome::Unknown, "the call took too long"),
            (Some(Cut::Deadline), false) => (Outcome::Unanswered, "NO_ANSWER"),
            (Some(Cut::Outbox), _) => (
                Outcome::Unavailable,
                "the sandbox's outbox cannot be written",
            ),
        };
        let mut results = self.run.into_results();
        Report {
            outcome,
            response: response.to_owned(),
            connected,
            results: results.split_off(self.told.min(results.len())),
        }
    }
}

/// Waits for a moment; without one, for ever.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

fn heard_for(action: &CallAction) -> Duration {
    match action {
        CallAction::Play(recorded) => Duration::from_secs(recorded.seconds.max(0).unsigned_abs()),
        CallAction::Say(speech) => {
            let seconds = speech.text.chars().count().div_ceil(CHARACTERS).max(1);
            STEP * u32::try_from(seconds).unwrap_or(u32::MAX)
        }
        CallAction::Wait(time) => *time,
        CallAction::Originate | CallAction::Disconnect => STEP,
    }
}

#[cfg(test)]
#[path = "call_tests.rs"]
mod tests;
