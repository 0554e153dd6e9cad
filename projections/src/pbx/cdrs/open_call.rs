//! Calls that have not ended.

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use domain::{
    FIRST_TENANT, Id, Owner, Personal, Subject,
    delivery::{Message, Spool},
    people::Contact,
};
use eventstore::Recorded;
use sqlx::FromRow;

use crate::delivery::storable;

/// A call that has not ended, as far as its record will show it.
#[derive(Clone, Debug, Default, PartialEq, FromRow)]
pub(super) struct OpenCall {
    pub call_id: i64,
    pub transmission_id: i64,
    pub user_id: Option<i64>,
    pub tenant_id: i64,
    pub contact_id: Option<i64>,
    pub clid: Option<String>,
    pub src: Option<String>,
    pub dst: Option<String>,
    pub started_at: Option<DateTime<Utc>>,
    pub connected_at: Option<DateTime<Utc>>,
    pub hung_up: bool,
}

impl OpenCall {
    /// A call to a number, which waits to be dialled.
    pub fn outbound(
        recorded: &Recorded,
        spool: Id<Spool>,
        owner: Option<Owner>,
        destination: &Personal<String>,
    ) -> Self {
        // Events from before there were tenants name no owner.
        let owner = owner.unwrap_or(Owner::whole(FIRST_TENANT));
        Self {
            contact_id: contact_of(destination.subject()),
            dst: destination.get().map(|number| storable(number)),
            ..Self::new(recorded, spool, owner)
        }
    }

    /// A call that arrived at this time.
    pub fn inbound(
        recorded: &Recorded,
        spool: Id<Spool>,
        owner: Owner,
        at: DateTime<Utc>,
        message: &Personal<Message>,
    ) -> Self {
        let caller = message.get();
        Self {
            contact_id: contact_of(message.subject()),
            clid: caller.and_then(caller_id),
            src: caller.and_then(|it| it.source.as_deref().map(storable)),
            dst: caller.map(|it| storable(&it.destination)),
            started_at: Some(at),
            ..Self::new(recorded, spool, owner)
        }
    }

    fn new(recorded: &Recorded, spool: Id<Spool>, owner: Owner) -> Self {
        Self {
            call_id: spool.get(),
            transmission_id: recorded.aggregate_id,
            user_id: owner.user.map(Id::get),
            tenant_id: owner.tenant.get(),
            ..Self::default()
        }
    }
}

/// The contact that data are about.
pub(super) fn contact_of(subject: &Subject) -> Option<i64> {
    let (kind, id) = subject.as_str().split_once('/')?;
    (kind == Contact::TYPE).then(|| id.parse().ok()).flatten()
}

/// The name and number that a caller shows.
fn caller_id(caller: &Message) -> Option<String> {
    let number = caller.source.as_deref();
    match caller.sender.as_deref() {
        Some(name) => {
            let number = number.unwrap_or_default();
            Some(storable(&format!("\"{name}\" <{number}>")))
        }
        None => number.map(storable),
    }
}
