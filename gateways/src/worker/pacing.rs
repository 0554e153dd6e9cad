//! Pacing: delays the start of an attempt by its campaign's pace and its provider's rate limit.

use std::{cmp::Reverse, time::Duration};

use chrono::{DateTime, Utc};
use dispatch::{campaigns::CampaignState, rate_limiter::Window};
use domain::delivery::Spacing;
use eventstore::clock;
use tokio::time::Instant;

use super::{
    attempt::Attempt,
    start::{Start, Started},
};

/// The margin before the end of its time limit at which an attempt gives up waiting to start.
const START_MARGIN: Duration = Duration::from_secs(1);
/// The time for which a provider is taken to be full after the pause until its next slot is
/// near, so that several attempts come back at once and not each by itself.
const FULL_PAUSE: Duration = Duration::from_millis(400);
/// The most rounds of taking slots, until a slot in every line is valid at the moment at
/// which the suppression check has passed.
const TRIES: usize = 8;

/// A queue for slots in which an attempt has to wait.
struct Line {
    paced_by: PacedBy,
    key: String,
    spacing: Spacing,
    /// The slot that the attempt has taken.
    slot: Option<Window>,
}

#[derive(Clone, Copy, PartialEq)]
enum PacedBy {
    Campaign,
    Provider,
}

impl Line {
    fn new(paced_by: PacedBy, key: String, spacing: Spacing) -> Self {
        Self {
            paced_by,
            key,
            spacing,
            slot: None,
        }
    }

    /// True if the slot is valid: neither past its end nor of a pace faster than the present one.
    /// A start with such a slot would exceed the rate in some second.
    fn has_slot(&self) -> bool {
        let holds = |slot: Window| Instant::now() <= slot.until && slot.spacing >= self.spacing;
        self.slot.is_some_and(holds)
    }
}

/// Sorts lines by descending spacing: slots that are farther apart are valid for longer, and
/// the next slot of the other line is soon there.
fn in_order(mut lines: Vec<Line>) -> Vec<Line> {
    lines.sort_by_key(|line| Reverse(line.spacing.duration()));
    lines
}

impl Start<'_> {
    /// Waits until the attempt may start, and returns the time of the start: one at which it had
    /// a slot in each of its lines, however late it is put on record. Its lease is renewed
    /// meanwhile, like those of all attempts in flight.
    ///
    /// # Errors
    /// The reason for which it does not start.
    pub(super) async fn wait_for_slot(&self) -> Result<DateTime<Utc>, Started> {
        let Attempt { shared, job, .. } = self.attempt;
        let mut lines = self.lines().await?;
        let mut asked = self.attempt.suppression_check;
        for nth in 0..TRIES {
            for line in lines.iter_mut().filter(|line| !line.has_slot()) {
                line.slot = Some(self.pass(line, nth > 0).await?);
            }
            let forbidden = self.attempt.forbidden(&mut asked).await;
            let (service, sender) = self.sender;
            let may_name_sender = self.attempt.still_sends_as(service, sender).await;
            self.keep_up(&mut lines).await?;
            // Taken before the slots are checked, so that each is valid at this time.
            let at = clock::now();
            // The wait in the second line, or the suppression check, may have outlasted the slot
            // of the first line.
            let late = lines.iter().any(|line| !line.has_slot());
            match forbidden {
                Ok(Some(_)) | Err(_) => return Err(Started::Suppressed),
                Ok(None) if late => {
                    metrics::counter!("ledgerline_slots_missed_total").increment(1);
                }
                Ok(None) if !may_name_sender => return Err(Started::Not),
                Ok(None) if shared.leases.is_sound(job.spool_id) => return Ok(at),
                Ok(None) => return Err(Started::Not),
            }
        }
        Err(Started::Later(Duration::ZERO))
    }

    async fn lines(&self) -> Result<Vec<Line>, Started> {
        let lines = self.campaign().await?.into_iter().chain(self.provider());
        Ok(in_order(lines.collect()))
    }

    async fn campaign(&self) -> Result<Option<Line>, Started> {
        let Attempt { shared, job, .. } = self.attempt;
        let Some(id) = job.campaign_id else {
            return Ok(None);
        };
        let pace = match shared.campaigns.state(id).await {
            Ok(CampaignState::Running(pace)) => pace,
            Ok(CampaignState::Stopped | CampaignState::Ended) | Err(_) => {
                return Err(Started::Suppressed);
            }
        };
        let line = |pace| {
            let spacing = Spacing::of_pace(pace);
            Line::new(PacedBy::Campaign, format!("campaign/{id}"), spacing)
        };
        Ok(pace.map(line))
    }

    /// Updates the campaign's spacing, since its pace may have changed during the wait.
    async fn keep_up(&self, lines: &mut [Line]) -> Result<(), Started> {
        let now = self.campaign().await?;
        let then = lines
            .iter_mut()
            .find(|line| line.paced_by == PacedBy::Campaign);
        if let (Some(now), Some(then)) = (now, then) {
            then.spacing = now.spacing;
        }
        Ok(())
    }

    fn provider(&self) -> Option<Line> {
        let spacing = Spacing::of_limit(self.channel.rate_limit?);
        let key = format!("provider/{}", self.channel.provider);
        Some(Line::new(PacedBy::Provider, key, spacing))
    }

    /// Waits in a line for a slot, at its head if the attempt comes `again`.
    async fn pass(&self, line: &Line, again: bool) -> Result<Window, Started> {
        let shared = &self.attempt.shared;
        let bulk = self.attempt.is_bulk();
        let give_up_at = self.until.checked_sub(START_MARGIN).unwrap_or(self.until);
        let passed = tokio::select! {
            passed = shared.rate_limiter.pass_until(&line.key, line.spacing, bulk, again) => passed,
            () = tokio::time::sleep_until(give_up_at) => Err(Duration::ZERO),
            () = shared.stopping.cancelled() => return Err(Started::Not),
        };
        passed.map_err(|pause| match line.paced_by {
            PacedBy::Campaign => Started::Later(pause),
            PacedBy::Provider => {
                self.trial.too_many(Instant::now() + pause + FULL_PAUSE);
                Started::Full(pause)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use domain::delivery::{Pace, PaceUnit};

    use super::*;

    fn line(paced_by: PacedBy, per_second: f64) -> Line {
        let pace = Pace::said(Some(per_second), None, PaceUnit::Second);
        let spacing = Spacing::of_pace(pace.unwrap().unwrap());
        Line::new(paced_by, String::new(), spacing)
    }

    /// An attempt that needs slots of two lines must not lose one while it waits for the other.
    #[test]
    fn the_line_of_rarer_slots_comes_first() {
        for (campaign, provider, first) in [
            (50.0, 5.0, PacedBy::Provider),
            (5.0, 50.0, PacedBy::Campaign),
            (0.1, 1_000.0, PacedBy::Campaign),
        ] {
            let lines = vec![
                line(PacedBy::Campaign, campaign),
                line(PacedBy::Provider, provider),
            ];
            assert!(
                in_order(lines)[0].paced_by == first,
                "{campaign}, {provider}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_slot_holds_until_its_time_and_at_its_pace_only() {
        let mut line = line(PacedBy::Campaign, 10.0);
        assert!(!line.has_slot());
        let (from, spacing) = (Instant::now(), line.spacing);
        let until = from + spacing.tolerance();
        line.slot = Some(Window {
            from,
            until,
            spacing,
        });
        assert!(line.has_slot());
        line.spacing = self::line(PacedBy::Campaign, 2.0).spacing;
        assert!(!line.has_slot(), "at a slower pace");
        line.spacing = spacing;
        tokio::time::advance(spacing.tolerance()).await;
        assert!(line.has_slot());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!line.has_slot(), "too late");
    }
}
