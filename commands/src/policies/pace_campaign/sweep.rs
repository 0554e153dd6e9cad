//! Withdraws the queued attempts of a campaign that is stopped or has ended, and sweeps an ended
//! one.

use std::time::Duration;

use dispatch::backlog::{self, Ready};
use domain::{
    Id,
    delivery::{Campaign, Transmission, TransmissionCommand},
};
use eventstore::{Loaded, StoreError, clock};

use super::{BATCH_SIZE, BUSY, IDLE, Pacer, bulk};
use crate::CommandError;

/// Bound on the addresses deleted at a time.
const ADDRESSES: i64 = 5_000;

impl Pacer {
    /// Withdraws queued attempts that have not started, so that no deadline passes while the
    /// campaign is stopped. None if none is queued, else the pause until the next pass.
    pub(super) async fn withdraw(
        &mut self,
        campaign: &Loaded<Campaign>,
        reason: &str,
    ) -> Result<Option<Duration>, CommandError> {
        let policies = &self.policies;
        let waiting = backlog::waiting(&policies.pool, self.id.get(), None, BATCH_SIZE).await;
        let waiting = waiting.map_err(StoreError::Database)?;
        if waiting.is_empty() {
            return Ok(None);
        }
        let at = clock::now();
        let commands = waiting.iter().map(|it| {
            let command = TransmissionCommand::Withdraw {
                spool: Id::new(it.spool_id),
                at,
                reason: reason.to_owned(),
            };
            (Id::<Transmission>::new(it.transmission_id), command)
        });
        // An attempt that started meanwhile refuses, and goes on.
        let commands = commands.collect();
        let answers = policies
            .commands
            .send_many(commands, &bulk(campaign), vec![])
            .await?;
        let none = !answers.iter().any(Result::is_ok);
        Ok(Some(if none { IDLE } else { BUSY }))
    }

    /// Suppresses the unsent transmissions of an ended campaign, and deletes its records of reached
    /// addresses.
    pub(super) async fn sweep(
        &mut self,
        campaign: &Loaded<Campaign>,
    ) -> Result<Option<Duration>, CommandError> {
        if let Some(pause) = self.withdraw(campaign, "its campaign was deleted").await? {
            return Ok(Some(pause));
        }
        let (policies, id) = (&self.policies, self.id.get());
        let left = backlog::ready(&policies.pool, id, None, BATCH_SIZE).await;
        let left = left.map_err(StoreError::Database)?;
        if !left.is_empty() {
            let at = clock::now();
            let suppress = |one: &Ready| {
                let command = TransmissionCommand::Suppress {
                    spool: None,
                    at,
                    reason: "its campaign was deleted".to_owned(),
                };
                (Id::<Transmission>::new(one.transmission_id), command)
            };
            let commands = left.iter().map(suppress).collect();
            policies
                .commands
                .send_many(commands, &bulk(campaign), vec![])
                .await?;
            return Ok(Some(BUSY));
        }
        let swept = backlog::sweep(&policies.pool, id, ADDRESSES).await;
        Ok(if swept.map_err(StoreError::Database)? {
            None
        } else {
            Some(BUSY)
        })
    }
}
