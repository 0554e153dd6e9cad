//! Commands to aggregates of several kinds, whose events are appended together or not at
//! all.

use domain::{Entity, Id};
use eventstore::{Batch, Before, Committed, Loaded, Metadata, Store, StoreError};

use super::{
    Commands,
    many::{decide, decide_new},
};
use crate::CommandError;

/// What is to be appended together. Nothing happens until [`Together::commit`].
pub struct Together<'c> {
    commands: &'c Commands,
    batch: Batch,
}

impl Commands {
    /// The beginning of an append of several kinds.
    pub fn together(&self) -> Together<'_> {
        Together {
            commands: self,
            batch: Batch::default(),
        }
    }
}

impl Together<'_> {
    /// The store that it is appended to.
    pub(crate) fn store(&self) -> &Store {
        self.commands.store()
    }

    /// True if there is nothing to append.
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// Lets an aggregate decide on a state that the caller has, at most once each. What
    /// it refuses leaves no trace.
    ///
    /// # Errors
    /// When keys cannot be read.
    pub async fn send<A: Entity>(
        &mut self,
        id: Id<A>,
        state: &Loaded<A>,
        command: A::Command,
    ) -> Result<Result<(), A::Error>, CommandError> {
        let (aggregate, events) = match decide(&state.aggregate, command).await {
            Ok(decided) => decided,
            Err(refused) => return Ok(Err(refused)),
        };
        let before = Before {
            version: state.version,
            claims: state.aggregate.claims(),
        };
        self.add(id, before, aggregate, events).await?;
        Ok(Ok(()))
    }

    /// Creates an aggregate by one command after the other. What is added after it may
    /// hold personal data of it.
    ///
    /// # Errors
    /// When its key cannot be made.
    pub async fn create<A: Entity>(
        &mut self,
        id: Id<A>,
        commands: Vec<A::Command>,
    ) -> Result<Result<(), A::Error>, CommandError> {
        let (aggregate, events) = match decide_new(commands).await {
            Ok(decided) => decided,
            Err(refused) => return Ok(Err(refused)),
        };
        self.add(id, Before::default(), aggregate, events).await?;
        Ok(Ok(()))
    }

    async fn add<A: Entity>(
        &mut self,
        id: Id<A>,
        before: Before,
        aggregate: A,
        events: Vec<A::Event>,
    ) -> Result<(), CommandError> {
        if !events.is_empty() {
            let store = self.commands.store();
            let batch = &self.batch;
            let prepared = store
                .prepare_within(batch, id, before, aggregate, events)
                .await?;
            self.batch.add(prepared);
        }
        Ok(())
    }

    /// Appends it all.
    ///
    /// # Errors
    /// [`CommandError::Contended`] when one of the aggregates is not any more what the
    /// decision was made on; then none of it happened, and memory has forgotten all of
    /// them. Otherwise when the log does not answer.
    pub async fn commit(self, metadata: &Metadata) -> Result<Vec<Committed>, CommandError> {
        if self.batch.is_empty() {
            return Ok(Vec::new());
        }
        let store = self.commands.store();
        let committed = store.commit_batch(self.batch, metadata.clone(), Vec::new());
        committed.await.map_err(|error| match error {
            StoreError::Conflict => CommandError::Contended,
            error => error.into(),
        })
    }
}
