//! The command bus: loading, deciding and appending with optimistic concurrency.

mod many;
mod together;

use std::{
    array,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    sync::{Arc, PoisonError},
    time::Duration,
};

use cqrs_es::{AggregateError, CqrsFramework};
use dispatch::queue;
use domain::{Entity, Id, Refusal, access::User};
use eventstore::{
    AppendOptions, Committed, Denied, Loaded, Metadata, StateSource, Store, StoreError,
};
use tokio::sync::{Mutex, MutexGuard};

use crate::CommandError;

pub use together::Together;

/// The most attempts of a command that loses races against other writers.
const ATTEMPTS: u32 = 8;
/// The number of queues for commands that lost a race. Each aggregate always uses the same
/// queue, which it shares with some others.
const TURNS: usize = 64;

/// The aggregates that an actor may read and change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// The aggregates of all users.
    #[default]
    All,
    /// The aggregates of this user; all others are answered as not found.
    OwnedBy(Id<User>),
}

/// The sender of a command.
#[derive(Clone, Debug, Default)]
pub struct Actor {
    /// The metadata of the events that result.
    pub metadata: Metadata,
    /// The aggregates that the sender may read and change.
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
        scope: Scope,
    ) -> Result<Loaded<A>, CommandError> {
        let loaded = self.store.load(id).await?;
        let theirs = match scope {
            Scope::All => true,
            Scope::OwnedBy(user) => loaded.aggregate.owner() == Some(user),
        };
        if theirs && loaded.aggregate.exists() {
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
        let owner = match actor.scope {
            Scope::All => None,
            Scope::OwnedBy(user) => Some(user),
        };
        let options = AppendOptions {
            metadata: actor.metadata.clone(),
            owner,
            expected_versions: actor.expected_versions.clone(),
            source: StateSource::Memory,
            effects: Vec::new(),
        };
        self.carry_out(id, command, options).await
    }

    /// Sends a command whose append also removes an attempt from the dispatch queue, atomically.
    ///
    /// # Errors
    /// The inner error is the aggregate's own, which a worker acts on.
    pub async fn send_and_dequeue<A>(
        &self,
        id: Id<A>,
        command: A::Command,
        metadata: &Metadata,
        spool: i64,
    ) -> Result<Result<Committed, A::Error>, CommandError>
    where
        A: Entity<Command: Clone>,
    {
        let answers = self
            .send_many(vec![(id, command)], metadata, vec![queue::removal(spool)])
            .await?;
        let answer = answers.into_iter().next();
        answer.ok_or(CommandError::Store(StoreError::Closed))
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
        let options = AppendOptions {
            metadata: actor.metadata.clone(),
            source: StateSource::Nothing,
            ..AppendOptions::default()
        };
        self.carry_out(id, command, options).await
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

    /// Loads, decides and appends through cqrs-es' framework; decides again on the state from the
    /// log when another writer was faster, or when a refusal or an empty decision rested on the
    /// state from memory.
    async fn carry_out<A>(
        &self,
        id: Id<A>,
        command: A::Command,
        mut options: AppendOptions,
    ) -> Result<Committed, CommandError>
    where
        A: Entity<Command: Clone, Error: Into<Refusal>>,
    {
        // Of many racing commands one wins each round: those that lost continue one by one.
        let mut turn = None;
        for attempt in 0..ATTEMPTS {
            let work = self.store.unit_of_work(id, options.clone());
            let done = work.done();
            let framework = CqrsFramework::new(work, Vec::new(), ());
            let result = framework.execute(&id.to_string(), command.clone()).await;
            let done = *done.lock().unwrap_or_else(PoisonError::into_inner);
            match result {
                Ok(()) => match done.committed {
                    Some(committed) => return Ok(committed),
                    None if done.from_memory => {}
                    None => {
                        return Ok(Committed {
                            position: None,
                            version: done.version,
                        });
                    }
                },
                Err(AggregateError::AggregateConflict) => {
                    metrics::counter!("ledgerline_append_conflicts_total").increment(1);
                    match turn {
                        None => turn = Some(self.turn(id).await),
                        Some(_) => pause(attempt).await,
                    }
                }
                Err(error) if done.from_memory && is_decision(&error) => {}
                Err(error) => return Err(command_error(error)),
            }
            self.store.forget(id);
            options.source = StateSource::Log;
        }
        Err(CommandError::Contended)
    }

    async fn turn<A: Entity>(&self, id: Id<A>) -> MutexGuard<'_, ()> {
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        let place = hasher.hash_one((A::TYPE, id.get())) % TURNS as u64;
        self.turns[place as usize].lock().await
    }
}

/// True if the error is the result of a decision, which a stale state can have led to.
fn is_decision<E: std::error::Error>(error: &AggregateError<E>) -> bool {
    match error {
        AggregateError::UserError(_) => true,
        AggregateError::UnexpectedError(error) => error.is::<Denied>(),
        _ => false,
    }
}

fn command_error<E>(error: AggregateError<E>) -> CommandError
where
    E: std::error::Error + Into<Refusal>,
{
    match error {
        AggregateError::UserError(refused) => CommandError::Refused(refused.into()),
        AggregateError::AggregateConflict => CommandError::Contended,
        AggregateError::DatabaseConnectionError(error)
        | AggregateError::DeserializationError(error)
        | AggregateError::UnexpectedError(error) => unexpected(error),
    }
}

fn unexpected(error: Box<dyn std::error::Error + Send + Sync>) -> CommandError {
    let error = match error.downcast::<Denied>() {
        Ok(denied) => {
            return match *denied {
                Denied::NotTheirs => Refusal::NotFound.into(),
                Denied::Stale(actual) => CommandError::Stale { actual },
            };
        }
        Err(error) => error,
    };
    match error.downcast::<StoreError>() {
        Ok(error) => match *error {
            StoreError::Taken { field } => Refusal::Taken { field }.into(),
            other => CommandError::Store(other),
        },
        Err(error) => CommandError::Store(StoreError::Database(sqlx::Error::Decode(error))),
    }
}

/// Waits 3 ms for each race lost before; not at all after the first.
async fn pause(attempt: u32) {
    if attempt > 0 {
        tokio::time::sleep(Duration::from_millis(u64::from(attempt) * 3)).await;
    }
}
