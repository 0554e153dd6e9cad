//! Commands to many aggregates at once.

use dispatch::queue;
use domain::{Entity, Id};
use eventstore::{Committed, Effect, Loaded, Metadata, StateSource, StoreError};

use super::{
    Commands,
    deciding::{Order, Terms},
};
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
        let orders = commands.into_iter().map(|(id, command)| Order {
            id,
            commands: vec![command],
        });
        let orders = orders.collect();
        self.send_all(orders, StateSource::Memory, metadata, effects)
            .await
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

    /// Creates many aggregates of a kind, each by a sequence of commands, and appends their events
    /// in one transaction; reads nothing. If one command is refused, nothing of its aggregate is
    /// appended, and the others go ahead.
    ///
    /// # Errors
    /// When the log does not answer; then nothing of it happened.
    pub async fn send_many_new<A>(
        &self,
        new: Vec<(Id<A>, Vec<A::Command>)>,
        metadata: &Metadata,
    ) -> Result<Vec<Result<Committed, A::Error>>, CommandError>
    where
        A: Entity<Command: Clone>,
    {
        let orders = new.into_iter().map(|(id, commands)| Order { id, commands });
        let orders = orders.collect();
        self.send_all(orders, StateSource::Nothing, metadata, Vec::new())
            .await
    }

    async fn send_all<A>(
        &self,
        orders: Vec<Order<A>>,
        source: StateSource,
        metadata: &Metadata,
        effects: Vec<Effect>,
    ) -> Result<Vec<Result<Committed, A::Error>>, CommandError>
    where
        A: Entity<Command: Clone>,
    {
        let terms = Terms {
            metadata,
            effects: &effects,
            check: |_: &Loaded<A>| Ok(()),
        };
        self.carry_out(&orders, source, &terms).await
    }
}
