//! Commands to many aggregates at once.

use std::collections::HashMap;

use cqrs_es::event_sink::EventSink;
use domain::{Entity, Id};
use eventstore::{Before, Committed, Effect, Loaded, Metadata, StoreError};

use super::{ATTEMPTS, Commands, pause};
use crate::CommandError;

impl Commands {
    /// Sends one command to each of many aggregates of a kind: one query loads those that are not
    /// in memory, one transaction appends all events. The refusal of one aggregate does not stop
    /// the others.
    ///
    /// The append also has these effects; if one of the commands is refused, it has none.
    ///
    /// # Errors
    /// When the log does not answer; then nothing of it happened.
    pub async fn send_many<A>(
        &self,
        commands: Vec<(Id<A>, A::Command)>,
        metadata: &Metadata,
        effects: Vec<Effect>,
    ) -> Result<Vec<Result<Committed, A::Error>>, CommandError>
    where
        A: Entity<Command: Clone>,
    {
        let ids: Vec<Id<A>> = commands.iter().map(|(id, _)| *id).collect();
        for attempt in 0..ATTEMPTS {
            let from_memory = attempt == 0;
            match self
                .decide_many(&commands, from_memory, metadata, &effects)
                .await
            {
                Err(CommandError::Store(StoreError::Conflict)) => {
                    ids.iter().for_each(|&id| self.store.forget(id));
                    pause(attempt).await;
                }
                settled => return settled,
            }
        }
        Err(CommandError::Contended)
    }

    async fn decide_many<A>(
        &self,
        commands: &[(Id<A>, A::Command)],
        from_memory: bool,
        metadata: &Metadata,
        effects: &[Effect],
    ) -> Result<Vec<Result<Committed, A::Error>>, CommandError>
    where
        A: Entity<Command: Clone>,
    {
        let ids: Vec<Id<A>> = commands.iter().map(|(id, _)| *id).collect();
        let mut states = self.states(&ids, from_memory).await?;
        let mut answers = Vec::with_capacity(commands.len());
        let mut prepared = Vec::with_capacity(commands.len());
        for (id, command) in commands {
            // Two commands to one aggregate in one call would need its state after the first. No
            // caller sends two; the append would end in a conflict.
            let (mut state, stale) = states.remove(id).unwrap_or((
                Loaded {
                    aggregate: A::default(),
                    version: 0,
                },
                false,
            ));
            let mut decided = decide(&state.aggregate, command.clone()).await;
            if stale && !matches!(&decided, Ok((_, events)) if !events.is_empty()) {
                state = self.store.load(*id).await?;
                decided = decide(&state.aggregate, command.clone()).await;
            }
            match decided {
                Err(error) => answers.push(Err(error)),
                Ok((_, events)) if events.is_empty() => answers.push(Ok(Committed {
                    position: None,
                    version: state.version,
                })),
                Ok((aggregate, events)) => {
                    let before = Before {
                        version: state.version,
                        claims: state.aggregate.claims(),
                    };
                    prepared.push(self.store.prepare(*id, before, aggregate, events).await?);
                    answers.push(Ok(Committed {
                        position: Some(0),
                        version: 0,
                    }));
                }
            }
        }
        // An attempt whose command is refused has not ended, and stays in the queue.
        let effects = if answers.iter().all(Result::is_ok) {
            effects.to_vec()
        } else {
            Vec::new()
        };
        if prepared.is_empty() && effects.is_empty() {
            return Ok(answers);
        }
        let committed = self
            .store
            .commit(prepared, metadata.clone(), effects)
            .await?;
        let mut committed = committed.into_iter();
        for answer in answers
            .iter_mut()
            .flatten()
            .filter(|answer| answer.position.is_some())
        {
            if let Some(committed) = committed.next() {
                *answer = committed;
            }
        }
        Ok(answers)
    }

    async fn states<A: Entity>(
        &self,
        ids: &[Id<A>],
        from_memory: bool,
    ) -> Result<HashMap<Id<A>, (Loaded<A>, bool)>, CommandError> {
        if from_memory {
            return Ok(self.store.load_many_cached(ids).await?);
        }
        let loaded = self.store.load_many(ids).await?;
        Ok(loaded
            .into_iter()
            .map(|(id, loaded)| (id, (loaded, false)))
            .collect())
    }

    /// Creates many aggregates of a kind, each by a sequence of commands, and appends their events
    /// in one transaction; reads nothing. If one command is refused, nothing of its aggregate is
    /// appended, and the others go ahead.
    ///
    /// # Errors
    /// When the log does not answer; then nothing of it happened.
    pub async fn send_many_new<A: Entity>(
        &self,
        new: Vec<(Id<A>, Vec<A::Command>)>,
        metadata: &Metadata,
    ) -> Result<Vec<Result<Committed, A::Error>>, CommandError> {
        let mut answers = Vec::with_capacity(new.len());
        let mut prepared = Vec::with_capacity(new.len());
        for (id, commands) in new {
            match decide_new(commands).await {
                Err(error) => answers.push(Err(error)),
                Ok((aggregate, events)) => {
                    let before = Before::default();
                    prepared.push(self.store.prepare(id, before, aggregate, events).await?);
                    answers.push(Ok(Committed {
                        position: Some(0),
                        version: 0,
                    }));
                }
            }
        }
        if prepared.is_empty() {
            return Ok(answers);
        }
        let metadata = metadata.clone();
        let committed = self.store.commit(prepared, metadata, Vec::new()).await?;
        for (answer, committed) in answers.iter_mut().flatten().zip(committed) {
            *answer = committed;
        }
        Ok(answers)
    }
}

/// The decision of an aggregate on a command: its state afterwards and its events.
pub(super) async fn decide<A: Entity>(
    state: &A,
    command: A::Command,
) -> Result<(A, Vec<A::Event>), A::Error> {
    let mut aggregate = state.clone();
    let sink = EventSink::default();
    aggregate.handle(command, &(), &sink).await?;
    Ok((aggregate, sink.collect().await))
}

/// The decisions of a new aggregate on a sequence of commands: its state and its events.
pub(super) async fn decide_new<A: Entity>(
    commands: Vec<A::Command>,
) -> Result<(A, Vec<A::Event>), A::Error> {
    let mut aggregate = A::default();
    let sink = EventSink::default();
    for command in commands {
        aggregate.handle(command, &(), &sink).await?;
    }
    Ok((aggregate, sink.collect().await))
}
