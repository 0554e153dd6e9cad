//! Changes of users with what follows from them, in the same append: a user who is
//! deactivated or deleted is deprovisioned, and a new email or phone goes to the user's
//! first account where that account has the old one.

use commands::{AtomicAppend, deprovisioning::Leaving};
use cqrs_es::Aggregate as _;
use domain::{
    Id, Patch,
    access::{User, UserCommand, UserPatch, UserProfile},
    delivery::Schedule,
    people::{Account, AccountPatch, AccountProfile},
};
use eventstore::Loaded;
use projections::people::accounts;

use crate::{
    Error, Result,
    authorization::{Done, Verb, Writer},
    idempotency::Recipe,
    people::account_update,
};

/// The most times that a change is decided again after a conflict with another writer.
const ATTEMPTS: usize = 8;
/// The most appends for what one user owns; a process manager ends what is left.
const APPENDS: usize = 20;

/// Changes or deletes a user. `recipe` says how a repeated request is answered.
pub(super) async fn change<V: Verb>(
    users: &Writer<User, V>,
    id: Id<User>,
    command: UserCommand,
    recipe: Option<Recipe>,
) -> Result<Done> {
    if concerns_what_is_owned(&command) {
        // Waits for the read models, so that accounts and schedules written just before count as
        // well.
        let app = users.caller().app();
        let head = app.commands().store().log().fresh_head().await?;
        app.settle(Account::TYPE, Some(head)).await;
        app.settle(Schedule::TYPE, Some(head)).await;
    }
    for _ in 0..ATTEMPTS {
        if let Some((mut done, leaving)) = attempt(users, id, &command, recipe.clone()).await? {
            if let Some(leaving) = leaving {
                done.late = done.late.max(deprovision_rest(users, id, leaving).await?);
            }
            return Ok(done);
        }
    }
    Err(Error::Unavailable("others change the same user; try again"))
}

/// True if accounts or schedules may change with the user.
fn concerns_what_is_owned(command: &UserCommand) -> bool {
    match command {
        UserCommand::Delete => true,
        UserCommand::Update(patch) => {
            let (email, phone) = (&patch.email, &patch.phone);
            let moves = matches!(email, Patch::Set(_)) || matches!(phone, Patch::Set(_));
            moves || patch.active == Patch::Set(false)
        }
        _ => false,
    }
}

/// Decides on the present state and appends; `None` if another writer was faster. `Leaving` is
/// returned if more is to be deprovisioned than one append takes.
async fn attempt<V: Verb>(
    users: &Writer<User, V>,
    id: Id<User>,
    command: &UserCommand,
    recipe: Option<Recipe>,
) -> Result<Option<(Done, Option<Leaving>)>> {
    let user = users.load(id).await?;
    let mut append = users.commands().begin_append();
    let decided = append.send(id, &user, command.clone()).await?;
    decided.map_err(Error::from)?;
    let leaving = leaving(&user.aggregate, command);
    let first = match command {
        UserCommand::Update(patch) => {
            let profile = user.aggregate.profile();
            update_first_account(users, &mut append, id, profile, patch, leaving).await?
        }
        _ => None,
    };
    let more = match leaving {
        Some(leaving) => {
            let pool = users.pool();
            append.deprovision(pool, id, leaving, first).await?
        }
        None => false,
    };
    let kinds = [User::TYPE, Account::TYPE, Schedule::TYPE];
    let done = users.commit(append, recipe, &kinds).await?;
    Ok(done.map(|done| (done, leaving.filter(|_| more))))
}

/// The way in which the command ends the user's rights, if it does.
fn leaving(user: &User, command: &UserCommand) -> Option<Leaving> {
    match command {
        UserCommand::Delete => Some(Leaving::Deleted),
        UserCommand::Update(patch) if patch.active == Patch::Set(false) && user.is_active() => {
            Some(Leaving::Deactivated)
        }
        _ => None,
    }
}

/// Adds the new email and phone of a user to their first account, where it has the old ones.
/// Returns the account that was added, which is deactivated at once if its user is.
async fn update_first_account<V: Verb>(
    users: &Writer<User, V>,
    append: &mut AtomicAppend<'_>,
    id: Id<User>,
    before: &UserProfile,
    patch: &UserPatch,
    leaving: Option<Leaving>,
) -> Result<Option<Id<Account>>> {
    if matches!(
        (&patch.email, &patch.phone),
        (Patch::Keep | Patch::Clear, Patch::Keep | Patch::Clear)
    ) {
        return Ok(None);
    }
    let first = accounts::first_of_user(users.pool(), id.get()).await?;
    let Some(first) = first.map(Id::<Account>::new) else {
        return Ok(None);
    };
    let account: Loaded<Account> = users.commands().store().load(first).await?;
    let mut changes = followed(before, account.aggregate.profile(), patch);
    if changes == AccountPatch::default() {
        return Ok(None);
    }
    if leaving.is_some() {
        changes.active = Patch::Set(false);
    }
    // The update assigns the new address too if the caller is an account administrator, as a change
    // of the account itself does.
    let update = account_update(&users.implied(), first, changes).await?;
    let decided = append.send(first, &account, update).await?;
    // The account was deleted or given away this moment: there is nothing to follow.
    Ok(decided.is_ok().then_some(first))
}

/// The part of a user's new email and phone that an account follows: new values that were the same
/// for both of them before.
fn followed(user: &UserProfile, account: &AccountProfile, patch: &UserPatch) -> AccountPatch {
    let folded = |email: &domain::values::EmailAddress| email.as_str().to_lowercase();
    let had = (
        user.email.as_ref().map(folded) == account.email.as_ref().map(folded),
        user.phone == account.phone,
    );
    let mut changes = AccountPatch::default();
    if let (Patch::Set(email), true) = (&patch.email, had.0)
        && user.email.as_ref() != Some(email)
    {
        changes.email = Patch::Set(email.clone());
    }
    if let (Patch::Set(phone), true) = (&patch.phone, had.1)
        && user.phone.as_ref() != Some(phone)
    {
        changes.phone = Patch::Set(phone.clone());
    }
    changes
}

/// Deprovisions what did not fit into the first append; what a caller owned who deactivated
/// themselves is left to the process manager.
async fn deprovision_rest<V: Verb>(
    users: &Writer<User, V>,
    id: Id<User>,
    leaving: Leaving,
) -> Result<Option<eventstore::Position>> {
    if id == users.user() {
        // Nobody acts once they are deactivated, not even on what was their own.
        return Ok(None);
    }
    let mut late = None;
    for _ in 0..APPENDS {
        let mut append = users.commands().begin_append();
        let more = append.deprovision(users.pool(), id, leaving, None).await?;
        let kinds = [Account::TYPE, Schedule::TYPE];
        let done = users.commit(append, None, &kinds).await?;
        late = late.max(done.and_then(|done| done.late));
        if !more {
            break;
        }
    }
    Ok(late)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(email: &str, phone: &str) -> UserProfile {
        UserProfile {
            email: email.parse().ok(),
            phone: phone.parse().ok(),
            ..UserProfile::default()
        }
    }

    fn account(email: &str, phone: &str) -> AccountProfile {
        AccountProfile {
            email: email.parse().ok(),
            phone: phone.parse().ok(),
            ..AccountProfile::default()
        }
    }

    fn patch(email: &str, phone: &str) -> UserPatch {
        let (email, phone) = (email.parse().unwrap(), phone.parse().unwrap());
        UserPatch {
            email: Patch::Set(email),
            phone: Patch::Set(phone),
            ..UserPatch::default()
        }
    }

    #[test]
    fn a_new_value_goes_where_the_old_one_was() {
        let before = user("ada@example.com", "+4366012345");
        let new = patch("ada@new.example", "+4366099999");
        let changes = followed(&before, &account("Ada@example.com", "+4366012345"), &new);
        assert_eq!(
            (changes.email, changes.phone),
            (new.email.clone(), new.phone.clone())
        );
        let changes = followed(&before, &account("desk@example.com", "+4366012345"), &new);
        assert_eq!(
            (changes.email, changes.phone),
            (Patch::Keep, new.phone.clone())
        );
        let changes = followed(&before, &account("", ""), &new);
        assert_eq!(changes, AccountPatch::default());
    }

    #[test]
    fn an_unchanged_or_cleared_value_goes_nowhere() {
        let before = user("ada@example.com", "+4366012345");
        let same = account("ada@example.com", "+4366012345");
        let unchanged = patch("ada@example.com", "+4366012345");
        assert_eq!(
            followed(&before, &same, &unchanged),
            AccountPatch::default()
        );
        let cleared = UserPatch {
            email: Patch::Clear,
            phone: Patch::Clear,
            ..UserPatch::default()
        };
        assert_eq!(followed(&before, &same, &cleared), AccountPatch::default());
    }
}
