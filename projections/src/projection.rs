//! The trait of projections, and the list of all of them.

use std::sync::Arc;

use async_trait::async_trait;
use eventstore::Recorded;
use sqlx::PgConnection;

use crate::{
    access::{permissions::Permissions, roles::Roles, users::Users},
    delivery::{
        campaigns::Campaigns, deliveries::Deliveries, providers::Providers, queue::Dispatch,
        schedules::Schedules,
    },
    outreach::{
        documents::Documents, programs::Programs, recordings::Recordings, templates::Templates,
        texts::Texts,
    },
    people::{accounts::Accounts, contacts::Contacts, groups::Groups, optouts::OptOuts},
};

/// All projections.
pub fn all() -> Vec<Box<dyn Projection>> {
    vec![
        Box::new(Accounts),
        Box::new(Campaigns),
        Box::new(Contacts),
        Box::new(Deliveries),
        Box::new(Dispatch),
        Box::new(Documents),
        Box::new(Groups),
        Box::new(OptOuts),
        Box::new(Permissions),
        Box::new(Programs),
        Box::new(Providers),
        Box::new(Recordings),
        Box::new(Roles),
        Box::new(Schedules),
        Box::new(Templates),
        Box::new(Texts),
        Box::new(Users),
    ]
}

/// A subscriber to the log that maintains tables from its events.
#[async_trait]
pub trait Projection: Send + Sync + 'static {
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

    /// True if its rows cause work, as in a queue. Then new work is committed durably, no request
    /// waits for the projection, and it is never rebuilt.
    fn is_queue(&self) -> bool {
        false
    }

    /// True if its batches are so large that small read models should not wait for them.
    fn is_heavy(&self) -> bool {
        false
    }

    /// True if this event enqueues work, so that workers must be woken.
    fn enqueues(&self, _event: &Recorded) -> bool {
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

/// The events that a projection wants, and the unreadable events of the types that it needs, at
/// which it must stop.
pub(crate) fn wanted(projection: &dyn Projection, events: &[Arc<Recorded>]) -> Vec<Arc<Recorded>> {
    let obstacle = |event: &Recorded| {
        let needed = projection.needs().contains(&event.aggregate_type.as_str());
        needed && event.event.unreadable().is_some()
    };
    events
        .iter()
        .filter(|event| projection.wants(event) || obstacle(event))
        .cloned()
        .collect()
}

/// Applies the wanted events; fails if one of them is unreadable.
pub(crate) async fn apply(
    projection: &dyn Projection,
    db: &mut PgConnection,
    wanted: &[Arc<Recorded>],
) -> Result<(), sqlx::Error> {
    match wanted.iter().find_map(|event| event.event.unreadable()) {
        Some(reason) => Err(sqlx::Error::Decode(reason.into())),
        None => projection.apply(db, wanted).await,
    }
}

/// The schema of a projection's live tables.
pub(crate) fn schema(projection: &dyn Projection) -> &'static str {
    if projection.is_queue() {
        "dispatch"
    } else {
        "read"
    }
}

/// Settings that force index scans, because a projection finds all rows by a key: a plan that was
/// made and kept while a table was small would read all of it once it is large.
pub(crate) const BY_KEY: &str =
    "set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off";
