//! The unit of work: cqrs-es' `EventStore` for one command, with its append options and its
//! outcome.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use cqrs_es::{Aggregate, AggregateContext, AggregateError, EventEnvelope, EventStore};
use domain::{Entity, Id, access::User};

use crate::{Before, Committed, Effect, Loaded, Metadata, Store, StoreError};

/// The append options of a command.
#[derive(Clone, Debug, Default)]
pub struct AppendOptions {
    /// The metadata recorded with the events.
    pub metadata: Metadata,
    /// The required owner of the aggregate; none for any owner.
    pub owner: Option<Id<User>>,
    /// The versions that the aggregate may have; none for any version.
    pub expected_versions: Option<Vec<u64>>,
    /// The source of the state to decide on.
    pub source: StateSource,
    /// The effects of other crates that are made with the append.
    pub effects: Vec<Effect>,
}

/// The source of the state to decide on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StateSource {
    /// No source: the id was never used, so the aggregate has no history.
    Nothing,
    /// Memory, or the log if the aggregate is not in memory.
    Memory,
    /// The log.
    #[default]
    Log,
}

/// The outcome of one command.
#[derive(Clone, Copy, Debug, Default)]
pub struct Done {
    /// The last append of the command; none if it emitted no event.
    pub committed: Option<Committed>,
    /// The version of the state that was decided on.
    pub version: u64,
    /// True if that state came from memory and may have been stale.
    pub from_memory: bool,
}

/// The unit of work of one command.
pub struct UnitOfWork<A> {
    store: Store,
    id: Id<A>,
    options: AppendOptions,
    done: Arc<Mutex<Done>>,
}

impl<A> UnitOfWork<A> {
    pub(crate) fn new(store: Store, id: Id<A>, options: AppendOptions) -> Self {
        Self {
            store,
            id,
            options,
            done: Arc::default(),
        }
    }

    /// The cell that holds the outcome once the framework has run.
    pub fn done(&self) -> Arc<Mutex<Done>> {
        Arc::clone(&self.done)
    }

    fn note(&self, note: impl FnOnce(&mut Done)) {
        note(&mut self.done.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// The state that a command is decided on.
pub struct Context<A> {
    aggregate: A,
    before: Before,
}

impl<A: Aggregate> AggregateContext<A> for Context<A> {
    fn aggregate(&mut self) -> &mut A {
        &mut self.aggregate
    }
}

/// A precondition of the command that the loaded aggregate does not meet.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// The aggregate has another owner.
    #[error("not found")]
    NotTheirs,
    /// The aggregate has another version than the caller expected.
    #[error("the version is {0} now")]
    Stale(u64),
}

impl<A: Entity> EventStore<A> for UnitOfWork<A> {
    type AC = Context<A>;

    async fn load_events(
        &self,
        aggregate_id: &str,
    ) -> Result<Vec<EventEnvelope<A>>, AggregateError<A::Error>> {
        let events = self
            .store
            .history::<A>(aggregate_id)
            .await
            .map_err(aggregate_error)?;
        let envelopes = events.into_iter().map(EventEnvelope::try_from);
        envelopes
            .map(|envelope| envelope.map_err(AggregateError::from))
            .collect()
    }

    async fn load_aggregate(&self, _: &str) -> Result<Context<A>, AggregateError<A::Error>> {
        let (loaded, from_memory) = match self.options.source {
            StateSource::Nothing => (
                Loaded {
                    aggregate: A::default(),
                    version: 0,
                },
                false,
            ),
            StateSource::Memory => self
                .store
                .load_cached(self.id)
                .await
                .map_err(aggregate_error)?,
            StateSource::Log => (
                self.store.load(self.id).await.map_err(aggregate_error)?,
                false,
            ),
        };
        let Loaded { aggregate, version } = loaded;
        self.note(|done| {
            done.version = version;
            done.from_memory = from_memory;
        });
        if let Some(owner) = self.options.owner
            && aggregate.owner() != Some(owner)
        {
            return Err(AggregateError::UnexpectedError(Box::new(Denied::NotTheirs)));
        }
        if let Some(expected) = &self.options.expected_versions
            && !expected.contains(&version)
        {
            return Err(AggregateError::UnexpectedError(Box::new(Denied::Stale(
                version,
            ))));
        }
        let before = Before {
            version,
            claims: aggregate.claims(),
        };
        Ok(Context { aggregate, before })
    }

    /// Appends the events. Answers no envelopes: the framework has no queries that would read them,
    /// because projections subscribe to the log.
    async fn commit(
        &self,
        events: Vec<A::Event>,
        context: Context<A>,
        _: HashMap<String, String>,
    ) -> Result<Vec<EventEnvelope<A>>, AggregateError<A::Error>> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let Context { aggregate, before } = context;
        let prepared = self.store.prepare(self.id, before, aggregate, events).await;
        let prepared = vec![prepared.map_err(aggregate_error)?];
        let AppendOptions {
            metadata, effects, ..
        } = self.options.clone();
        let committed = self.store.commit(prepared, metadata, effects).await;
        let committed = committed.map_err(aggregate_error)?;
        self.note(|done| done.committed = committed.last().copied());
        Ok(Vec::new())
    }
}

fn aggregate_error<E: std::error::Error>(error: StoreError) -> AggregateError<E> {
    match error {
        StoreError::Conflict => AggregateError::AggregateConflict,
        other => AggregateError::UnexpectedError(Box::new(other)),
    }
}
