//! cqrs-es' event store, for one command: on which terms it is carried out, and
//! what came of it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use cqrs_es::{Aggregate, AggregateContext, AggregateError, EventEnvelope, EventStore};
use domain::{Entity, Id, access::User};

use crate::{Before, Committed, Loaded, Metadata, Store, StoreError};

/// On which terms a command is carried out.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// Who asks, for the record.
    pub metadata: Metadata,
    /// Whose the aggregate must be; anybody's if none.
    pub owner: Option<Id<User>>,
    /// Which versions it may have; any, if none are said.
    pub expected_versions: Option<Vec<u64>>,
    /// Where the state to decide on comes from.
    pub basis: Basis,
    /// Attempts whose place in the dispatch queue is given up with the append.
    pub dequeue: Vec<i64>,
}

/// Where the state to decide on comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Basis {
    /// It has no history: its id was never used.
    Nothing,
    /// Memory, if it is there.
    Memory,
    /// The log.
    #[default]
    Log,
}

/// What came of one command.
#[derive(Clone, Copy, Debug, Default)]
pub struct Done {
    /// What was appended, if anything was.
    pub committed: Option<Committed>,
    /// The version that was decided on.
    pub version: u64,
    /// Whether that came from memory and may have been stale.
    pub from_memory: bool,
}

/// cqrs-es' event store for one command.
pub struct Work<A> {
    store: Store,
    id: Id<A>,
    terms: Terms,
    done: Arc<Mutex<Done>>,
}

impl<A> Work<A> {
    pub(crate) fn new(store: Store, id: Id<A>, terms: Terms) -> Self {
        Self {
            store,
            id,
            terms,
            done: Arc::default(),
        }
    }

    /// Where the outcome will stand once the framework has run.
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

/// Why a loaded aggregate is not to be touched.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// It is somebody else's.
    #[error("not found")]
    NotTheirs,
    /// It has another version than the caller expected.
    #[error("the version is {0} now")]
    Stale(u64),
}

impl<A: Entity> EventStore<A> for Work<A> {
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
        let (loaded, from_memory) = match self.terms.basis {
            Basis::Nothing => (
                Loaded {
                    aggregate: A::default(),
                    version: 0,
                },
                false,
            ),
            Basis::Memory => self
                .store
                .load_cached(self.id)
                .await
                .map_err(aggregate_error)?,
            Basis::Log => (
                self.store.load(self.id).await.map_err(aggregate_error)?,
                false,
            ),
        };
        let Loaded { aggregate, version } = loaded;
        self.note(|done| {
            done.version = version;
            done.from_memory = from_memory;
        });
        if let Some(owner) = self.terms.owner
            && aggregate.owner() != Some(owner)
        {
            return Err(AggregateError::UnexpectedError(Box::new(Denied::NotTheirs)));
        }
        if let Some(expected) = &self.terms.expected_versions
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

    /// No queries hang on the framework (projections follow the log), so nobody
    /// would read the envelopes that this could answer with.
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
        let Terms {
            metadata, dequeue, ..
        } = self.terms.clone();
        let committed = self.store.commit(prepared, metadata, dequeue).await;
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
