//! Changes of accounts as parts of a PBX, alike for extensions and DIDs.

use domain::{
    Id, Owner,
    people::{Account, AccountCommand, AccountKind, AccountPatch},
};
use eventstore::clock;
use projections::{View, outreach::uses};

use super::record::must_have_rows_left;
use crate::{
    Error, Result,
    access::Newcomer,
    answer::Answer,
    authorization::{Create, Delete, Noun, Update, Verb, Writer},
    people::{active_user_of, assigned_addresses},
};

/// Refuses an account of another type as one that does not exist.
pub(super) async fn must_be<V: Verb, N: Noun>(
    accounts: &Writer<Account, V, N>,
    id: Id<Account>,
    kind: AccountKind,
) -> Result<()> {
    if accounts.load(id).await?.aggregate.kind() == kind {
        Ok(())
    } else {
        Err(Error::NotFound)
    }
}

/// The most extensions of a tenant, and the most DIDs.
const MAX_ACCOUNTS: usize = 10_000;

/// Creates an account, whose row in the list is `V`, with the addresses that its writer may assign.
pub(super) async fn create<V: View, N: Noun>(
    accounts: &Writer<Account, Create, N>,
    id: Id<Account>,
    owner: Owner,
    patch: AccountPatch,
) -> Result<Answer> {
    let app = accounts.caller().app();
    must_have_rows_left::<V>(app.pool(), owner.tenant, MAX_ACCOUNTS).await?;
    let _room = app.room_for(Newcomer::Account, owner.tenant).await?;
    let assigned = assigned_addresses(accounts, (id, owner.tenant), &patch).await?;
    let create = AccountCommand::Create {
        id,
        owner,
        patch,
        assigned,
    };
    accounts.created(id, create).await
}

/// Refuses to activate an account whose user is not active, or was deleted.
pub(super) async fn must_have_active_user<N: Noun>(
    accounts: &Writer<Account, Update, N>,
    id: Id<Account>,
) -> Result<()> {
    active_user_of(accounts.caller(), &accounts.load(id).await?.aggregate)
}

/// Deletes an account that is not in use.
pub(super) async fn delete<N: Noun>(
    accounts: &Writer<Account, Delete, N>,
    id: Id<Account>,
) -> Result<Answer> {
    let uses = uses::uses_of_account(accounts.pool(), id).await?;
    let at = clock::now();
    let delete = AccountCommand::Delete { at, uses };
    accounts.deleted(id, delete).await
}
