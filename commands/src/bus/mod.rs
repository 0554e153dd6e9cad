//! The command bus: commands to one aggregate, to many of a kind (`many`), and to several kinds
//! (`atomic_append`). The first two run the same loop (`deciding`).

mod atomic_append;
mod deciding;
mod many;

use std::{array, sync::Arc};

use domain::{Entity, Id, Refusal, Scope};
use eventstore::{Committed, Loaded, Metadata, StateSource, Store, StoreError};
use tokio::sync::Mutex;

use self::deciding::{Order, Terms};
use crate::CommandError;

pub use atomic_append::AtomicAppend;

/// The number of queues for commands that lost a race. Each aggregate always uses the same
/// queue, which it shares with some others.
const TURNS: usize = 64;

/// The sender of a command.
#[derive(Clone, Debug, Default)]
pub struct Actor {
    /// The metadata of the events that result.
    pub metadata: Metadata,
    /// The aggregates that the sender may read and change; all others are answered as not found.
    pub scope: Scope,
    /// The versions of which the aggregate must have one, if the sender names any.
    pub expected_versions: Option<Vec<u64>>,
}

impl Actor {
    /// A process of this name, which acts without a request.
    pub fn process(name: &str) -> Self {
        Self {
            metadata: Metadata::of_process(name),
            ..Self::default()
        }
    }

    /// Refuses an aggregate outside the scope, or of another version than expected.
    fn check<A: Entity>(&self, state: &Loaded<A>) -> Result<(), Declined<A::Error>> {
        if !self.scope.covers(state.aggregate.owner()) {
            return Err(Declined::NotTheirs);
        }
        match &self.expected_versions {
            Some(expected) if !expected.contains(&state.version) => {
                Err(Declined::Stale(state.version))
            }
            _ => Ok(()),
        }
    }
}

/// The reason for which a command to one aggregate is not carried out.
enum Declined<E> {
    /// The aggregate's own refusal.
    Refused(E),
    /// The aggregate is outside the actor's scope.
    NotTheirs,
    /// The aggregate has this version, which the actor did not expect.
    Stale(u64),
}

impl<E> From<E> for Declined<E> {
    fn from(refusal: E) -> Self {
        Self::Refused(refusal)
    }
}

impl<E: Into<Refusal>> From<Declined<E>> for CommandError {
    fn from(declined: Declined<E>) -> Self {
        match declined {
            Declined::Refused(refusal) => Self::Refused(refusal.into()),
            Declined::NotTheirs => Refusal::NotFound.into(),
            Declined::Stale(actual) => Self::Stale { actual },
        }
    }
}

/// The command bus. One per process; clones share it.
#[derive(Clone, Debug)]
pub struct Commands {
    store: Store,
    turns: Arc<[Mutex<()>; TURNS]>,
}

impl Commands {
    /// A bus on this store.
    pub fn new(store: Store) -> Self {
        let turns = Arc::new(array::from_fn(|_| Mutex::new(())));
        Self { store, turns }
    }

    /// The store behind the bus.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The id for a new aggregate of this kind.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn next_id<T>(&self, kind: &'static str) -> Result<Id<T>, CommandError> {
        Ok(self.store.ids().next(kind).await?)
    }

    /// Loads an aggregate that exists and that the scope covers.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] otherwise; or when the log cannot be read.
    pub async fn load<A: Entity>(
        &self,
        id: Id<A>,
        scope: &Scope,
    ) -> Result<Loaded<A>, CommandError> {
        let loaded = self.store.load(id).await?;
        if scope.covers(loaded.aggregate.owner()) && loaded.aggregate.exists() {
            Ok(loaded)
        } else {
            Err(Refusal::NotFound.into())
        }
    }

    /// Sends a command to an aggregate.
    ///
    /// # Errors
    /// The aggregate's refusal, [`Refusal::NotFound`] outside the scope, or the reason for which
    /// the events could not be appended.
    pub async fn send<A>(
        &self,
        id: Id<A>,
        command: A::Command,
        actor: &Actor,
    ) -> Result<Committed, CommandError>
    where
        A: Entity<Command: Clone, Error: Into<Refusal>>,
    {
        let check = |state: &Loaded<A>| actor.check(state);
        self.send_one(id, command, StateSource::Memory, (&actor.metadata, check))
            .await
    }

    /// Sends the command that creates an aggregate under a new id; reads nothing.
    ///
    /// # Errors
    /// As [`Commands::send`].
    pub async fn send_new<A>(
        &self,
        id: Id<A>,
        command: A::Command,
        actor: &Actor,
    ) -> Result<Committed, CommandError>
    where
        A: Entity<Command: Clone, Error: Into<Refusal>>,
    {
        let check = |_: &Loaded<A>| Ok(());
        self.send_one(id, command, StateSource::Nothing, (&actor.metadata, check))
            .await
    }

    /// Ids for new aggregates of this kind.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn next_ids<T>(
        &self,
        kind: &'static str,
        count: usize,
    ) -> Result<Vec<Id<T>>, CommandError> {
        Ok(self.store.ids().take(kind, count).await?)
    }

    async fn send_one<A, F>(
        &self,
        id: Id<A>,
        command: A::Command,
        source: StateSource,
        (metadata, check): (&Metadata, F),
    ) -> Result<Committed, CommandError>
    where
        A: Entity<Command: Clone, Error: Into<Refusal>>,
        F: Fn(&Loaded<A>) -> Result<(), Declined<A::Error>>,
    {
        let terms = Terms {
            metadata,
            effects: &[],
            check,
        };
        let commands = vec![command];
        let answers = self
            .carry_out(&[Order { id, commands }], source, &terms)
            .await;
        let answers = answers.map_err(|error| match error {
            CommandError::Store(StoreError::Taken { field }) => Refusal::Taken { field }.into(),
            error => error,
        })?;
        let answer = answers.into_iter().next();
        Ok(answer.ok_or(StoreError::Closed)??)
    }
}
