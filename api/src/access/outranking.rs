//! The rules on changes of users by others: nobody changes a user who holds more than they do, and an
//! administrator must remain.

use domain::{
    Id,
    access::{Tenant, User},
};

use crate::{
    Error, Result,
    auth::RightsLock,
    authorization::{Verb, Writer},
};

/// Refuses a caller who does not hold all that the other user holds: whoever sets another's
/// password can act as them, and whoever strips them of a right can lock everybody out.
pub(super) fn must_outrank<V: Verb>(users: &Writer<User, V>, other: Id<User>) -> Result<()> {
    must_be_outranked(users.caller().access_cache().outranks(users.user(), other))
}

/// Refuses a caller who does not hold within this tenant all that the other user holds there:
/// enough where only the user's rights within the tenant change.
pub(super) fn must_outrank_in<V: Verb>(
    users: &Writer<User, V>,
    other: Id<User>,
    tenant: Id<Tenant>,
) -> Result<()> {
    let access_cache = users.caller().access_cache();
    must_be_outranked(access_cache.outranks_in(users.user(), other, tenant))
}

fn must_be_outranked(outranks: bool) -> Result<()> {
    if outranks {
        return Ok(());
    }
    Err(Error::Forbidden(
        "this user holds permissions that you do not".into(),
    ))
}

/// Refuses to remove the last active user with role admin: not by a deletion, nor by a
/// deactivation, nor by taking the role away.
pub(super) fn must_not_be_last<V: Verb>(
    users: &Writer<User, V>,
    id: Id<User>,
    _lock: &RightsLock<'_>,
) -> Result<()> {
    let access_cache = users.caller().access_cache();
    let is_one =
        access_cache.is_admin(id) && access_cache.user(id).is_some_and(|user| user.is_active());
    if is_one && !access_cache.has_administrator_beside(id) {
        let reason = "nobody else has role admin: the last administrator must stay";
        return Err(Error::NotReady(reason.to_owned()));
    }
    Ok(())
}
