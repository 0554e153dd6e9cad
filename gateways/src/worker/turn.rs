//! An attempt's turn: the moment at which its campaign's pace and its provider's rate let
//! it start.

use std::{cmp::Reverse, time::Duration};

use domain::delivery::Spacing;
use tokio::time::Instant;

use super::{
    attempt::Attempt,
    campaigns::Standing,
    gate::Window,
    start::{Start, Started},
};

/// So long before an attempt would run out of time it stops to wait for its start.
const PATIENCE: Duration = Duration::from_secs(1);
/// How much longer than until the next slot is near a provider is taken to be full, so
/// that several attempts come back at once and not each for itself.
const FULL_PAUSE: Duration = Duration::from_millis(400);
/// How often it is tried to have a slot in every line at the moment at which it is known
/// that nothing forbids the start.
const TRIES: usize = 8;

/// Where an attempt has to stand in line.
struct Line {
    whose: Whose,
    key: String,
    spacing: Spacing,
    /// The slot that it has there.
    slot: Option<Window>,
}

#[derive(Clone, Copy, PartialEq)]
enum Whose {
    Campaign,
    Provider,
}

impl Line {
    fn of(whose: Whose, key: String, spacing: Spacing) -> Self {
        Self {
            whose,
            key,
            spacing,
            slot: None,
        }
    }

    /// A start that is late makes some second too full, and so does one at a pace that
    /// does not hold any more.
    fn has_slot(&self) -> bool {
        let holds = |slot: Window| Instant::now() <= slot.until && slot.spacing >= self.spacing;
        self.slot.is_some_and(holds)
    }
}

impl Start<'_> {
    /// Waits until it may start; says what the answer is if that does not come to it. The
    /// lease is renewed meanwhile, like those of all that are in hand.
    pub(super) async fn turn(&self) -> Option<Started> {
        let Attempt { shared, job, .. } = self.attempt;
        let mut lines = match self.lines().await {
            Ok(lines) => lines,
            Err(instead) => return Some(instead),
        };
        let mut asked = self.attempt.asked;
        for nth in 0..TRIES {
            for line in lines.iter_mut().filter(|line| !line.has_slot()) {
                match self.pass(line, nth > 0).await {
                    Ok(slot) => line.slot = Some(slot),
                    Err(instead) => return Some(instead),
                }
            }
            let forbidden = self.attempt.forbidden(&mut asked).await;
            if let Err(instead) = self.keep_up(&mut lines).await {
                return Some(instead);
            }
            // A wait in the second line may have outlasted the slot of the first, and so
            // may the question who opted out.
            let late = lines.iter().any(|line| !line.has_slot());
            match forbidden {
                Ok(Some(_)) | Err(_) => return Some(Started::Held),
                Ok(None) if late => {
                    metrics::counter!("ledgerline_slots_missed_total").increment(1);
                }
                Ok(None) if shared.leases.is_sound(job.spool_id) => return None,
                Ok(None) => return Some(Started::Not),
            }
        }
        Some(Started::Later(Duration::ZERO))
    }

    /// The line whose slots are farther apart comes first: its slots hold for longer, and
    /// a slot of the other one is soon there.
    async fn lines(&self) -> Result<Vec<Line>, Started> {
        let lines = self.campaign().await?.into_iter().chain(self.provider());
        let mut lines: Vec<Line> = lines.collect();
        lines.sort_by_key(|line| Reverse(line.spacing.duration()));
        Ok(lines)
    }

    async fn campaign(&self) -> Result<Option<Line>, Started> {
        let Attempt { shared, job, .. } = self.attempt;
        let Some(id) = job.campaign_id else {
            return Ok(None);
        };
        let pace = match shared.campaigns.standing(id).await {
            Ok(Standing::Runs(pace)) => pace,
            Ok(Standing::Stands | Standing::Gone) | Err(_) => return Err(Started::Held),
        };
        let line = |pace| {
            let spacing = Spacing::of_pace(pace);
            Line::of(Whose::Campaign, format!("campaign/{id}"), spacing)
        };
        Ok(pace.map(line))
    }

    /// While it waited its campaign may have been given another pace.
    async fn keep_up(&self, lines: &mut [Line]) -> Result<(), Started> {
        let now = self.campaign().await?;
        let then = lines.iter_mut().find(|line| line.whose == Whose::Campaign);
        if let (Some(now), Some(then)) = (now, then) {
            then.spacing = now.spacing;
        }
        Ok(())
    }

    fn provider(&self) -> Option<Line> {
        let spacing = Spacing::of_limit(self.channel.rate_limit?);
        let key = format!("provider/{}", self.channel.provider);
        Some(Line::of(Whose::Provider, key, spacing))
    }

    /// Waits in a line for a slot.
    async fn pass(&self, line: &Line, again: bool) -> Result<Window, Started> {
        let shared = &self.attempt.shared;
        let bulk = self.attempt.is_bulk();
        let patience = self.until.checked_sub(PATIENCE).unwrap_or(self.until);
        let passed = tokio::select! {
            passed = shared.gate.pass_until(&line.key, line.spacing, bulk, again) => passed,
            () = tokio::time::sleep_until(patience) => Err(Duration::ZERO),
            () = shared.stopping.cancelled() => return Err(Started::Not),
        };
        passed.map_err(|pause| match line.whose {
            Whose::Campaign => Started::Later(pause),
            Whose::Provider => {
                self.trial.too_many(Instant::now() + pause + FULL_PAUSE);
                Started::Full(pause)
            }
        })
    }
}
