//! References to things in a body.

use commands::CommandError;
use domain::{Entity, Id, Refusal, access::Tenant};
use eventstore::Loaded;

use super::{Caller, Noun};
use crate::{Error, Result};

/// Loads something that a body refers to, if it exists and is the caller's; otherwise the field is
/// refused, in the same words for both.
pub(crate) async fn own<A>(caller: &Caller, field: &'static str, id: Id<A>) -> Result<Loaded<A>>
where
    A: Noun + Entity,
{
    let loaded = caller.app().commands().load(id, &caller.scope::<A>()).await;
    loaded.map_err(|error| match error {
        CommandError::Refused(Refusal::NotFound) => Error::unknown(field),
        error => error.into(),
    })
}

/// As [`own`], of something within this tenant: references do not cross tenants.
pub(crate) async fn own_in<A>(
    caller: &Caller,
    tenant: Id<Tenant>,
    field: &'static str,
    id: Id<A>,
) -> Result<Loaded<A>>
where
    A: Noun + Entity,
{
    let loaded = own(caller, field, id).await?;
    match loaded.aggregate.owner() {
        Some(owner) if owner.tenant == tenant => Ok(loaded),
        _ => Err(Error::unknown(field)),
    }
}
