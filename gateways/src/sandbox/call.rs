//! Calls and faxes that last: the flow is played with real pauses, and somebody is at the other end.

use std::time::Duration;

use commands::sandbox::Caller;
use domain::{
    delivery::Outcome,
    flow::{Action, Flow, Interruption, Next, Run, Side, StepResult},
};
use futures::future::BoxFuture;
use tokio::time::{Instant, sleep_until};

use super::play;
use crate::{Cancelled, Content, Report, Session, content::CallAction};

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
/// The keys that are pressed; the first of them at a menu.
const KEYS: &str = "1234";

/// The behaviour of the other side of a call, once it was answered: listening to the end, unless
/// something else is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OtherSide {
    /// The keys that they press where they are asked for some.
    pub keys: Option<String>,
    /// The time from the answer after which they hang up.
    pub hangs_up_after: Option<Duration>,
    /// True if they keep the line open: the step after the answer does not end by itself.
    pub stays: bool,
    /// The pages of the fax that they send.
    pub pages: u32,
}

impl OtherSide {
    /// Who answers at this number; `None` if calls to it take no time.
    pub fn at(number: &str) -> Option<Self> {
        let listens = Self::default();
        Some(match number.trim_start_matches('+') {
            "9990011" => listens,
            "9990012" => Self {
                keys: Some(KEYS.to_owned()),
                ..listens
            },
            "9990013" => Self {
                hangs_up_after: Some(SHORT),
                ..listens
            },
            "9990014" => Self {
                stays: true,
                ..listens
            },
            _ => return None,
        })
    }
}

impl From<Caller> for OtherSide {
    fn from(caller: Caller) -> Self {
        let seconds = |seconds: i32| Duration::from_secs(u64::from(seconds.unsigned_abs()));
        Self {
            keys: caller.keys,
            hangs_up_after: caller.hangs_up_after.map(seconds),
            stays: false,
            pages: caller.pages.unsigned_abs(),
        }
    }
}

/// A call to be played, in either direction.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub flow: &'a Flow,
    /// What is sent; none in an inbound call.
    pub content: Option<&'a Content>,
    /// The time at which it must have ended.
    pub until: Instant,
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
    scene: Scene<'a>,
    other: OtherSide,
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
    scene: Scene<'_>,
    other: OtherSide,
    session: &dyn Session,
    arrives: BoxFuture<'_, bool>,
) -> Report {
    let call = Call {
        scene,
        other,
        session,
        run: Run::new(scene.flow),
        told: 0,
        answered_at: None,
        cut: None,
    };
    call.play(arrives).await
}

/// True for the steps that a call is answered by: of the callee, and of this installation.
const fn answers(action: &Action) -> bool {
    matches!(action, Action::Originate | Action::Connect)
}

impl Call<'_> {
    async fn play(mut self, mut arrives: BoxFuture<'_, bool>) -> Report {
        let mut cancelled = self.session.cancelled();
        while let Next::Step { at, action } = self.run.next() {
            self.tell();
            let ends = self.ends(at, action);
            if let Some(cut) = self.wait(ends, &mut cancelled).await {
                self.interrupt(cut);
            } else if !answers(action) || self.answered_at.is_some() {
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
        let stays = self.other.stays && self.answered_at.is_some();
        (!stays).then(|| Instant::now() + self.duration(at, action))
    }

    fn duration(&self, at: usize, action: &Action) -> Duration {
        match (action, self.scene.content) {
            (Action::Originate, _) => RING,
            (Action::Disconnect | Action::Inbound, _) => Duration::ZERO,
            (Action::FaxReceive, _) => PAGE * self.other.pages,
            (_, Some(Content::Fax(fax))) => PAGE * fax.pages,
            (_, Some(Content::Voice(call))) => call.actions.get(at).map_or(STEP, heard_for),
            _ => STEP,
        }
    }

    /// Waits for the end of a step, or for what ends the call before.
    async fn wait(
        &self,
        ends: Option<Instant>,
        cancelled: &mut BoxFuture<'_, Cancelled>,
    ) -> Option<Cut> {
        let after = self.answered_at.zip(self.other.hangs_up_after);
        let hangs_up_at = after.map(|(answered_at, after)| answered_at + after);
        tokio::select! {
            biased;
            reason = cancelled => Some(Cut::Cancelled(reason)),
            () = sleep_until(self.scene.until) => Some(Cut::Deadline),
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
        let keys = self.other.keys.as_deref();
        let keys = match action {
            Action::PlayMenu { .. } => keys.and_then(|keys| keys.get(..1)),
            Action::Input => keys,
            Action::FaxReceive => {
                let pages = self.other.pages.to_string();
                return StepResult::success().with("pages", pages);
            }
            _ => return play::usual(action, self.scene.content),
        };
        match keys {
            Some(keys) => StepResult::success().with("key", keys),
            None => action.usual(),
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
