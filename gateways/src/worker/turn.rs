//! An attempt's turn: the moment at which its campaign's pace and its provider's rate let
//! it start.

use std::time::Duration;

use domain::delivery::{Pace, Spacing};
use tokio::time::Instant;

use super::{
    attempt::Attempt,
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
enum Line {
    Campaign(String, Spacing),
    Provider(String, Spacing),
}

impl Start<'_> {
    /// Waits until it may start; says what the answer is if that does not come to it. The
    /// lease is renewed meanwhile, like those of all that are in hand.
    pub(super) async fn turn(&self) -> Option<Started> {
        let Attempt { shared, job, .. } = self.attempt;
        let lines: Vec<Line> = self.campaign().into_iter().chain(self.provider()).collect();
        let mut asked = self.attempt.asked;
        for nth in 0..TRIES {
            let mut until = None::<Instant>;
            for line in &lines {
                match self.pass(line, nth > 0).await {
                    Ok(end) => until = Some(until.map_or(end, |until| until.min(end))),
                    Err(instead) => return Some(instead),
                }
            }
            let forbidden = self.attempt.forbidden(&mut asked).await;
            // A wait in the second line may have outlasted the slot of the first, and so
            // may the question who opted out: a start that is late makes some second too
            // full.
            let late = until.is_some_and(|until| Instant::now() > until);
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

    fn campaign(&self) -> Option<Line> {
        let job = &self.attempt.job;
        let pace: Pace = job.pace.as_ref()?.parse().ok()?;
        let key = format!("campaign/{}", job.campaign_id?);
        Some(Line::Campaign(key, Spacing::of_pace(pace)))
    }

    fn provider(&self) -> Option<Line> {
        let limit = self.channel.rate_limit?;
        let key = format!("provider/{}", self.channel.provider);
        Some(Line::Provider(key, Spacing::of_limit(limit)))
    }

    /// Waits in a line; until when the slot holds.
    async fn pass(&self, line: &Line, again: bool) -> Result<Instant, Started> {
        let shared = &self.attempt.shared;
        let (Line::Campaign(key, spacing) | Line::Provider(key, spacing)) = line;
        let bulk = self.attempt.is_bulk();
        let patience = self.until.checked_sub(PATIENCE).unwrap_or(self.until);
        let passed = tokio::select! {
            passed = shared.gate.pass_until(key, *spacing, bulk, again) => passed,
            () = tokio::time::sleep_until(patience) => Err(Duration::ZERO),
            () = shared.stopping.cancelled() => return Err(Started::Not),
        };
        passed.map_err(|pause| match line {
            Line::Campaign(..) => Started::Later(pause),
            Line::Provider(..) => {
                self.trial.too_many(Instant::now() + pause + FULL_PAUSE);
                Started::Full(pause)
            }
        })
    }
}
