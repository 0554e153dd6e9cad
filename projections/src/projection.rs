//! What a projection is, and which there are.

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

/// The visible list.
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

/// Something that follows the log and keeps tables in step with it.
#[async_trait]
pub trait Projection: Send + Sync + 'static {
    /// Its name, under which its checkpoint is kept and it is rebuilt.
    fn name(&self) -> &'static str;

    /// The aggregate types it shows: who writes to one of them may wait for it.
    fn follows(&self) -> &'static [&'static str];

    /// Its tables, without their schema.
    fn tables(&self) -> &'static [&'static str];

    /// Columns, as `table.column`, by which `apply` finds rows where that is not the
    /// primary key. A rebuild keeps their indexes from the start; all others are made at
    /// the end, which costs a fraction.
    fn finds_by(&self) -> &'static [&'static str] {
        &[]
    }

    /// The aggregate types of which it wants any event, should there be others than it
    /// follows; nobody waits for it on account of those.
    fn needs(&self) -> &'static [&'static str] {
        self.follows()
    }

    /// Whether this event changes anything here.
    fn wants(&self, event: &Recorded) -> bool {
        self.needs().contains(&event.aggregate_type.as_str())
    }

    /// Whether its rows make something happen. If so it is committed durably, nobody
    /// waits for it, and it is never rebuilt.
    fn makes_work(&self) -> bool {
        false
    }

    /// True if it takes in so many events at a time that small read models had better not wait
    /// for it.
    fn is_heavy(&self) -> bool {
        false
    }

    /// Whether this event is new work for somebody who should be woken.
    fn brings_work(&self, _event: &Recorded) -> bool {
        false
    }

    /// Takes in events that it wants, in the order of the log. Runs in a transaction
    /// whose `search_path` leads to its tables.
    async fn apply(
        &self,
        db: &mut PgConnection,
        events: &[Arc<Recorded>],
    ) -> Result<(), sqlx::Error>;
}

/// Those of the events that a projection takes in, or that it must not pass by unread.
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

/// Takes in what is wanted, unless there is an event among it that cannot be read.
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

/// The schema in which a projection's live tables are.
pub(crate) fn schema(projection: &dyn Projection) -> &'static str {
    if projection.makes_work() {
        "dispatch"
    } else {
        "read"
    }
}

/// Everything a projection changes it finds by a key. A plan made, and kept, while a table
/// was small would read all of it once it is large; these leave only the way by the key.
pub(crate) const BY_KEY: &str =
    "set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off";
