//! The trait of projections.

use std::sync::Arc;

use async_trait::async_trait;
use eventstore::{
    Recorded,
    subscriber::{LaneKind, Subscriber},
};
use sqlx::PgConnection;

use crate::{Registered, all};

/// All projections, as subscribers to the log.
pub fn subscribers() -> Vec<Arc<dyn Subscriber>> {
    let all = all().into_iter();
    all.map(|projection| Arc::new(ReadModel::from(projection)) as Arc<dyn Subscriber>)
        .collect()
}

/// A projection as a subscriber, which maintains the live tables.
pub(crate) struct ReadModel(pub Box<dyn Projection>);

impl From<Box<dyn Projection>> for ReadModel {
    fn from(projection: Box<dyn Projection>) -> Self {
        Self(projection)
    }
}

#[async_trait]
impl Subscriber for ReadModel {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn schema(&self) -> &'static str {
        "read"
    }

    fn follows(&self) -> &'static [&'static str] {
        self.0.follows()
    }

    fn needs(&self) -> &'static [&'static str] {
        self.0.needs()
    }

    fn wants(&self, event: &Recorded) -> bool {
        self.0.wants(event)
    }

    fn lane(&self) -> LaneKind {
        if self.0.is_heavy() {
            LaneKind::Heavy
        } else {
            LaneKind::Small
        }
    }

    async fn apply(
        &self,
        db: &mut PgConnection,
        events: &[Arc<Recorded>],
    ) -> Result<(), sqlx::Error> {
        self.0.apply(db, events).await
    }
}

/// A read model: tables that are maintained from the events of the log.
#[async_trait]
pub trait Projection: Registered + Send + Sync + 'static {
    /// The name, which identifies the checkpoint and the projection to rebuild.
    fn name(&self) -> &'static str;

    /// The aggregate types that it shows: a write to one of them may wait for this projection.
    fn follows(&self) -> &'static [&'static str];

    /// The names of its tables, without their schema.
    fn tables(&self) -> &'static [&'static str];

    /// Columns other than the primary key, as `table.column`, by which `apply` finds rows. A
    /// rebuild makes their indexes at the start and all others at the end, which costs a fraction.
    fn finds_by(&self) -> &'static [&'static str] {
        &[]
    }

    /// The aggregate types whose events it needs, including those that it does not show; writes
    /// to the latter do not wait for it.
    fn needs(&self) -> &'static [&'static str] {
        self.follows()
    }

    /// True if this event changes its tables.
    fn wants(&self, event: &Recorded) -> bool {
        self.needs().contains(&event.aggregate_type.as_str())
    }

    /// True if its batches are so large that small read models should not wait for them.
    fn is_heavy(&self) -> bool {
        false
    }

    /// Applies wanted events, in the order of the log, in a transaction whose `search_path` leads
    /// to its tables.
    async fn apply(
        &self,
        db: &mut PgConnection,
        events: &[Arc<Recorded>],
    ) -> Result<(), sqlx::Error>;
}
