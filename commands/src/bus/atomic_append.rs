//! Commands to aggregates of several kinds, whose events are appended atomically.

use domain::{Entity, Id};
use eventstore::{Batch, Cause, Committed, Effect, Loaded, Metadata, Store, StoreError};

use super::{
    Commands,
    deciding::{Decision, decide},
};
use crate::CommandError;

/// Events that are appended atomically by [`AtomicAppend::commit`], and not before.
pub struct AtomicAppend<'c> {
    commands: &'c Commands,
    batch: Batch,
    cause: Option<Cause>,
}

impl Commands {
    /// Begins an append to aggregates of several kinds.
    pub fn begin_append(&self) -> AtomicAppend<'_> {
        AtomicAppend {
            commands: self,
            batch: Batch::default(),
            cause: None,
        }
    }
}

impl AtomicAppend<'_> {
    /// The store that the events are appended to.
    pub(crate) fn store(&self) -> &Store {
        self.commands.store()
    }

    /// True if there is nothing to append.
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// The number of aggregates that events are appended to.
    pub fn len(&self) -> usize {
        self.batch.len()
    }

    /// Gives the cause of the events that are added from now on, for the metadata of a process. By
    /// default it is the last event of each aggregate.
    pub fn because_of(&mut self, cause: Cause) {
        self.cause = Some(cause);
    }

    /// Lets an aggregate decide on a state that the caller has loaded, at most once for each
    /// aggregate. A refused command adds nothing.
    ///
    /// # Errors
    /// When keys cannot be read.
    pub async fn send<A: Entity>(
        &mut self,
        id: Id<A>,
        state: &Loaded<A>,
        command: A::Command,
    ) -> Result<Result<(), A::Error>, CommandError> {
        self.decide(id, state, vec![command]).await
    }

    /// Creates an aggregate by a sequence of commands. Events that are added afterwards may hold
    /// personal data under its key.
    ///
    /// # Errors
    /// When its key cannot be created.
    pub async fn create<A: Entity>(
        &mut self,
        id: Id<A>,
        commands: Vec<A::Command>,
    ) -> Result<Result<(), A::Error>, CommandError> {
        self.decide(id, &Loaded::default(), commands).await
    }

    async fn decide<A: Entity>(
        &mut self,
        id: Id<A>,
        state: &Loaded<A>,
        commands: Vec<A::Command>,
    ) -> Result<Result<(), A::Error>, CommandError> {
        let Decision { aggregate, events } = match decide(&state.aggregate, commands).await {
            Ok(decision) => decision,
            Err(refused) => return Ok(Err(refused)),
        };
        if !events.is_empty() {
            let (store, batch) = (self.commands.store(), &self.batch);
            let mut before = state.before();
            before.cause = self.cause.clone().or(before.cause);
            let prepared = store.prepare_within(batch, id, before, aggregate, events);
            let prepared = prepared.await?;
            self.batch.add(prepared);
        }
        Ok(Ok(()))
    }

    /// Appends all events.
    ///
    /// # Errors
    /// [`CommandError::Contended`] when one of the aggregates has changed since its state was
    /// loaded; then nothing is appended, and all of them are removed from memory. Otherwise when
    /// the log does not answer.
    pub async fn commit(self, metadata: &Metadata) -> Result<Vec<Committed>, CommandError> {
        self.commit_with(metadata, Vec::new()).await
    }

    /// As [`AtomicAppend::commit`], with changes to tables of other crates in its transaction.
    ///
    /// # Errors
    /// As for [`AtomicAppend::commit`].
    pub async fn commit_with(
        self,
        metadata: &Metadata,
        effects: Vec<Effect>,
    ) -> Result<Vec<Committed>, CommandError> {
        if self.batch.is_empty() {
            return Ok(Vec::new());
        }
        let store = self.commands.store();
        let committed = store.commit_batch(self.batch, metadata.clone(), effects);
        committed.await.map_err(|error| match error {
            StoreError::Conflict => CommandError::Contended,
            error => error.into(),
        })
    }
}
