//! Deprovisions users who are deleted or not active and still own active accounts or pending
//! schedules: those that came to them at the moment they left, and those from before
//! deactivating a user deactivated anything else.

use std::time::Duration;

use cqrs_es::Aggregate as _;
use domain::{Entity, Id, access::User, delivery::Schedule, people::Account};
use eventstore::{Position, StoreError};
use projections::access::users;
use tokio::time::Instant;

use super::Policies;
use crate::{Actor, CommandError, deprovisioning::Leaving};

/// The time between two looks at the read models.
const EVERY: Duration = Duration::from_secs(60);
/// The most users between two looks.
const AT_ONCE: i64 = 100;
/// The longest wait for the read models to show what is in the log.
const READABLE_WITHIN: Duration = Duration::from_secs(2);
/// The most appends for one user between two looks.
const APPENDS: usize = 20;

/// When the read models were last asked.
#[derive(Default)]
pub(super) struct Looked(Option<Instant>);

impl Looked {
    /// Deprovisions them, if it is time to look.
    pub async fn run(&mut self, policies: &Policies) -> Result<(), CommandError> {
        if self.0.is_some_and(|at| at.elapsed() < EVERY) {
            return Ok(());
        }
        // What is written now is found by the next look.
        let head = policies.commands.store().log().head();
        if !readable(policies, &[User::TYPE, Account::TYPE, Schedule::TYPE], head).await {
            return Ok(());
        }
        let left = users::inactive_owners(&policies.pool, AT_ONCE).await;
        let left = left.map_err(StoreError::Database)?;
        let all = (left.len() as i64) < AT_ONCE;
        for user in left {
            match deprovision(policies, Id::new(user)).await {
                Ok(()) | Err(CommandError::Contended) => {}
                Err(error) => return Err(error),
            }
        }
        self.0 = all.then(Instant::now);
        Ok(())
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
