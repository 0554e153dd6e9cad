//! Deprovisions users who are deleted or not active and still own active accounts or pending
//! schedules: those that came to them at the moment they left, and those from before
//! deactivating a user deactivated anything else.

use std::{sync::Arc, time::Duration};

use cqrs_es::Aggregate as _;
use domain::{Entity, Id, access::User, delivery::Schedule, people::Account};
use eventstore::{Position, StoreError};
use projections::access::users;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::Policies;
use crate::{Actor, CommandError, deprovisioning::Leaving};

/// The time between two looks at the read models.
const EVERY: Duration = Duration::from_secs(60);
/// The most users that one look finds.
const AT_ONCE: i64 = 100;
/// The longest wait for the read models to show what is in the log.
const READABLE_WITHIN: Duration = Duration::from_secs(2);
/// The most appends for one user between two looks.
const APPENDS: usize = 20;

/// Looks for them from time to time, until it is over.
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

/// Deprovisions all that the read models show, in the order of their ids.
async fn look(policies: &Policies, over: &CancellationToken) -> Result<(), CommandError> {
    // What is written now is found by the next look.
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
    // The log decides: the read models may not have heard of the user yet.
    let user = policies.commands.store().load(id).await?.aggregate;
    let leaving = match (user.exists(), user.is_active()) {
        (_, true) => return Ok(()),
        (true, false) => Leaving::Deactivated,
        (false, false) => Leaving::Deleted,
    };
    let actor = Actor::system(Some("deprovisioning".to_owned()));
    for _ in 0..APPENDS {
        let mut together = policies.commands.together();
        let more = together.deprovision(&policies.pool, id, leaving, None);
        let more = more.await?;
        let committed = together.commit(&actor.metadata).await?;
        if !committed.is_empty() {
            let ended = committed.len();
            tracing::info!(user.id = id.get(), ended, "a user was deprovisioned");
        }
        if !more {
            break;
        }
        // What was just ended must not be found again.
        let last = committed.iter().filter_map(|it| it.position).max();
        let kinds = [Account::TYPE, Schedule::TYPE];
        if !readable(policies, &kinds, last.unwrap_or_default()).await {
            break;
        }
    }
    Ok(())
}

/// Waits until the read models of these kinds have come so far; false if that takes long.
async fn readable(policies: &Policies, kinds: &[&str], position: Position) -> bool {
    let watermarks = &policies.watermarks;
    for kind in kinds {
        if !watermarks.wait_for(kind, position, READABLE_WITHIN).await {
            return false;
        }
    }
    true
}
