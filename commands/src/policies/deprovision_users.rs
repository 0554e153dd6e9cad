//! Deprovisions users who are deleted or not active and still own active accounts or pending
//! schedules: those that they got while they were leaving, and those from versions in which the
//! deactivation of a user had no other effect.

use std::{sync::Arc, time::Duration};

use cqrs_es::Aggregate as _;
use domain::{Entity, Id, access::User, delivery::Schedule, people::Account};
use eventstore::{Metadata, Position, StoreError};
use projections::access::users;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::Policies;
use crate::{CommandError, deprovisioning::Leaving};

/// The time between two passes over the read models.
const EVERY: Duration = Duration::from_secs(60);
/// The most users that one query finds.
const AT_ONCE: i64 = 100;
/// Time limit for the read models to catch up with the log.
const READABLE_WITHIN: Duration = Duration::from_secs(2);
/// The most appends for one user in one pass.
const APPENDS: usize = 20;

/// Makes a pass every [`EVERY`], until `over` is cancelled.
pub(super) async fn run(policies: Arc<Policies>, over: CancellationToken) {
    while !over.is_cancelled() {
        if let Err(error) = look(&policies, &over).await {
            tracing::warn!(%error, "deprovisioning waits for the database");
        }
        tokio::select! {
            () = sleep(EVERY) => {}
            () = over.cancelled() => {}
        }
    }
}

/// Deprovisions all such users in the read models, in the order of their ids.
async fn look(policies: &Policies, over: &CancellationToken) -> Result<(), CommandError> {
    // Later events are found by the next pass.
    let head = policies.commands.store().log().head();
    if !readable(policies, &[User::TYPE, Account::TYPE, Schedule::TYPE], head).await {
        return Ok(());
    }
    let mut after = 0;
    loop {
        let left = users::inactive_owners(&policies.pool, after, AT_ONCE).await;
        let left = left.map_err(StoreError::Database)?;
        let Some(last) = left.last() else {
            return Ok(());
        };
        after = *last;
        for user in left {
            if over.is_cancelled() {
                return Ok(());
            }
            match deprovision(policies, Id::new(user)).await {
                Ok(()) | Err(CommandError::Contended) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

async fn deprovision(policies: &Policies, id: Id<User>) -> Result<(), CommandError> {
    // The log decides, since the read models may be behind.
    let user = policies.commands.store().load(id).await?;
    let leaving = match (user.aggregate.exists(), user.aggregate.is_active()) {
        (_, true) => return Ok(()),
        (true, false) => Leaving::Deactivated,
        (false, false) => Leaving::Deleted,
    };
    let metadata = Metadata::of_reaction("deprovisioning").because_of(user.last.as_ref());
    for _ in 0..APPENDS {
        let mut append = policies.commands.begin_append();
        let more = append.deprovision(&policies.pool, id, leaving, None);
        let more = more.await?;
        let committed = append.commit(&metadata).await?;
        if !committed.is_empty() {
            let ended = committed.len();
            tracing::info!(user.id = id.get(), ended, "a user was deprovisioned");
        }
        if !more {
            break;
        }
        // Accounts and schedules that were just ended must not be found again.
        let last = committed.iter().filter_map(|it| it.position).max();
        let kinds = [Account::TYPE, Schedule::TYPE];
        if !readable(policies, &kinds, last.unwrap_or_default()).await {
            break;
        }
    }
    Ok(())
}

/// Waits until the read models of these kinds have reached the position; false after
/// [`READABLE_WITHIN`].
async fn readable(policies: &Policies, kinds: &[&str], position: Position) -> bool {
    let high_water_marks = &policies.high_water_marks;
    for kind in kinds {
        if !high_water_marks
            .wait_for(kind, position, READABLE_WITHIN)
            .await
        {
            return false;
        }
    }
    true
}
