//! Deprovisioning: the accounts of a deactivated or deleted user are deactivated and the user's
//! schedules end; the accounts of a deleted user also release their addresses.

use domain::{
    Entity, Id,
    access::User,
    delivery::{Schedule, ScheduleCommand},
    people::{Account, AccountCommand},
};
use eventstore::{StoreError, clock};
use projections::{delivery::schedules, people::accounts};
use sqlx::PgPool;

use crate::{AtomicAppend, CommandError};

/// Bound on the accounts, and on the schedules, in one append.
const AT_ONCE: usize = 500;

/// The reason for deprovisioning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// The user exists and is not active.
    Deactivated,
    /// The user was deleted.
    Deleted,
}

impl Leaving {
    const fn reason(self) -> &'static str {
        match self {
            Self::Deactivated => "its user is not active",
            Self::Deleted => "its user was deleted",
        }
    }
}

impl AtomicAppend<'_> {
    /// Adds the deactivation of a user's accounts, except `apart`, which the caller adds, and the
    /// end of the user's schedules. True if one append cannot take all of them.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn deprovision(
        &mut self,
        pool: &PgPool,
        user: Id<User>,
        leaving: Leaving,
        apart: Option<Id<Account>>,
    ) -> Result<bool, CommandError> {
        let limit = AT_ONCE as i64;
        let (accounts, schedules) = futures::try_join!(
            accounts::in_use_of_user(pool, user.get(), leaving == Leaving::Deleted, limit),
            schedules::pending_of_user(pool, user.get(), limit),
        )
        .map_err(StoreError::Database)?;
        let more = accounts.len() == AT_ONCE || schedules.len() == AT_ONCE;
        let accounts = accounts.into_iter().map(Id::<Account>::new);
        let accounts: Vec<_> = accounts.filter(|id| Some(*id) != apart).collect();
        let schedules: Vec<Id<Schedule>> = schedules.into_iter().map(Id::new).collect();
        let reason = || leaving.reason().to_owned();
        self.each_of(user, &accounts, || match leaving {
            Leaving::Deactivated => AccountCommand::Deactivate { reason: reason() },
            Leaving::Deleted => AccountCommand::Abandon {
                reason: reason(),
                at: clock::now(),
            },
        })
        .await?;
        self.each_of(user, &schedules, || ScheduleCommand::Abandon {
            reason: reason(),
        })
        .await?;
        Ok(more)
    }

    /// Sends a command to the aggregates that still belong to the user; one that refuses it has
    /// ended already.
    async fn each_of<A: Entity>(
        &mut self,
        user: Id<User>,
        ids: &[Id<A>],
        command: impl Fn() -> A::Command,
    ) -> Result<(), CommandError> {
        let mut loaded = self.store().load_many(ids).await?;
        for id in ids {
            let Some(state) = loaded.remove(id) else {
                continue;
            };
            if state.aggregate.exists() && state.aggregate.owning_user() == Some(user) {
                let _ended_already = self.send(*id, &state, command()).await?;
            }
        }
        Ok(())
    }
}
