//! The decide loop: loads, checks, decides and appends with optimistic concurrency, for one
//! aggregate or many of a kind.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use cqrs_es::event_sink::EventSink;
use domain::{Entity, Id};
use eventstore::{Batch, Committed, Effect, Loaded, Metadata, StateSource, StoreError};
use tokio::{sync::MutexGuard, time::Duration};

use super::{Commands, TURNS};
use crate::CommandError;

/// The most attempts of a command that loses races against other writers.
const ATTEMPTS: u32 = 8;
/// The answer to a decision whose events are not appended yet.
const PENDING: Committed = Committed {
    position: Some(0),
    version: 0,
};

/// Commands to one aggregate, which decides on them in turn.
pub(super) struct Order<A: Entity> {
    pub id: Id<A>,
    pub commands: Vec<A::Command>,
}

/// The conditions of an append.
pub(super) struct Terms<'t, F> {
    pub metadata: &'t Metadata,
    /// The effects of other crates on the append; it has none of them if a command is refused.
    pub effects: &'t [Effect],
    /// A precondition of the decision.
    pub check: F,
}

/// A decision: the aggregate's state afterwards, and the events that led there.
pub(super) struct Decision<A: Entity> {
    pub aggregate: A,
    pub events: Vec<A::Event>,
}

impl Commands {
    /// Carries out orders, each for another aggregate: one append for all of them. The refusal of
    /// one aggregate does not stop the others. When another writer was faster, all of them decide
    /// again on the state from the log.
    pub(super) async fn carry_out<A, E, F>(
        &self,
        orders: &[Order<A>],
        mut source: StateSource,
        terms: &Terms<'_, F>,
    ) -> Result<Vec<Result<Committed, E>>, CommandError>
    where
        A: Entity<Command: Clone>,
        E: From<A::Error>,
        F: Fn(&Loaded<A>) -> Result<(), E>,
    {
        // Of many racing commands one wins each round: those that lost continue one by one.
        let mut turn = None;
        for attempt in 0..ATTEMPTS {
            match self.round(orders, source, terms).await {
                Err(StoreError::Conflict) => {}
                settled => return Ok(settled?),
            }
            metrics::counter!("ledgerline_append_conflicts_total").increment(1);
            match orders {
                [only] if turn.is_none() => turn = Some(self.turn(only.id).await),
                _ => pause(attempt).await,
            }
            orders.iter().for_each(|order| self.store.forget(order.id));
            source = StateSource::Log;
        }
        Err(CommandError::Contended)
    }

    /// One round: loads all states, decides, and appends.
    async fn round<A, E, F>(
        &self,
        orders: &[Order<A>],
        source: StateSource,
        terms: &Terms<'_, F>,
    ) -> Result<Vec<Result<Committed, E>>, StoreError>
    where
        A: Entity<Command: Clone>,
        E: From<A::Error>,
        F: Fn(&Loaded<A>) -> Result<(), E>,
    {
        let ids: Vec<Id<A>> = orders.iter().map(|order| order.id).collect();
        let mut states = self.store.load_from(&ids, source).await?;
        let mut answers = Vec::with_capacity(orders.len());
        let mut batch = Batch::default();
        for order in orders {
            // Two orders for one aggregate in one call would need its state after the first. No
            // caller gives two; the append would end in a conflict.
            let known = states.remove(&order.id).unwrap_or_default();
            let (state, decided) = self.decided(order, known, &terms.check).await?;
            answers.push(match decided {
                Err(refused) => Err(refused),
                Ok(decision) if decision.events.is_empty() => Ok(Committed {
                    position: None,
                    version: state.version,
                }),
                Ok(Decision { aggregate, events }) => {
                    let before = state.before();
                    let prepared = self
                        .store
                        .prepare_within(&batch, order.id, before, aggregate, events);
                    batch.add(prepared.await?);
                    Ok(PENDING)
                }
            });
        }
        self.append(batch, terms, answers).await
    }

    /// The decision on an order, with the state that it rests on. A refusal, or a decision without
    /// events, on a state from memory is decided again on the state from the log.
    async fn decided<A, E, F>(
        &self,
        order: &Order<A>,
        (mut state, is_from_memory): (Loaded<A>, bool),
        check: &F,
    ) -> Result<(Loaded<A>, Result<Decision<A>, E>), StoreError>
    where
        A: Entity<Command: Clone>,
        E: From<A::Error>,
        F: Fn(&Loaded<A>) -> Result<(), E>,
    {
        let mut decided = checked(&state, order, check).await;
        let appends = matches!(&decided, Ok(decision) if !decision.events.is_empty());
        if is_from_memory && !appends {
            self.store.forget(order.id);
            state = self.store.load(order.id).await?;
            decided = checked(&state, order, check).await;
        }
        Ok((state, decided))
    }

    /// Appends a batch, and completes the answers of its aggregates.
    async fn append<E, F>(
        &self,
        batch: Batch,
        terms: &Terms<'_, F>,
        mut answers: Vec<Result<Committed, E>>,
    ) -> Result<Vec<Result<Committed, E>>, StoreError> {
        // An attempt whose command is refused has not ended, and stays in the queue.
        let effects = if answers.iter().all(Result::is_ok) {
            terms.effects.to_vec()
        } else {
            Vec::new()
        };
        if batch.is_empty() && effects.is_empty() {
            return Ok(answers);
        }
        let metadata = terms.metadata.clone();
        let committed = self.store.commit_batch(batch, metadata, effects).await?;
        let appended = answers.iter_mut().flatten();
        let appended = appended.filter(|answer| answer.position.is_some());
        for (answer, committed) in appended.zip(committed) {
            *answer = committed;
        }
        Ok(answers)
    }

    async fn turn<A: Entity>(&self, id: Id<A>) -> MutexGuard<'_, ()> {
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        let place = hasher.hash_one((A::TYPE, id.get())) % TURNS as u64;
        self.turns[place as usize].lock().await
    }
}

async fn checked<A, E, F>(state: &Loaded<A>, order: &Order<A>, check: &F) -> Result<Decision<A>, E>
where
    A: Entity<Command: Clone>,
    E: From<A::Error>,
    F: Fn(&Loaded<A>) -> Result<(), E>,
{
    check(state)?;
    Ok(decide(&state.aggregate, order.commands.clone()).await?)
}

/// The decision of an aggregate on commands, one after the other; the first refusal ends it.
pub(super) async fn decide<A: Entity>(
    state: &A,
    commands: Vec<A::Command>,
) -> Result<Decision<A>, A::Error> {
    let mut aggregate = state.clone();
    let sink = EventSink::default();
    for command in commands {
        aggregate.handle(command, &(), &sink).await?;
    }
    let events = sink.collect().await;
    Ok(Decision { aggregate, events })
}

/// Waits 3 ms for each race lost before; not at all after the first.
async fn pause(attempt: u32) {
    if attempt > 0 {
        tokio::time::sleep(Duration::from_millis(u64::from(attempt) * 3)).await;
    }
}
