//! `/users`.

use domain::{
    Id, Owner, Patch,
    access::{Role, User, UserCommand, UserPatch, UserProfile},
    values::Sealed,
};
use projections::access::users::UserRow;
use serde_json::json;

use super::{
    outranking::{must_not_be_last, must_outrank},
    tenant_limits::Newcomer,
    user_changes::change,
    user_fields::{NewPassword, NewUser, UserRequest},
    user_rights::first_role,
};
use crate::{
    Error, Result,
    answer::{Answer, id_of},
    auth::RightsLock,
    authorization::{
        Caller, Create, Delete, Done, List, Noun, Owned, Password, Read, Reader, Update, Verb,
        Writer,
    },
    extract::{Input, Listing, Path},
    idempotency::Recipe,
    openapi::{Routes, op},
    people::open_for,
};

impl Noun for User {
    const NAME: &'static str = "user";
    const OWNED: Owned = Owned::ByUsers("user_admin");
}

pub(super) fn routes() -> Routes {
    Routes::crud::<UserRow>("/users", "user")
        .create(
            create,
            op("Creates a user, with an account")
                .note(
                    "A password has at least 8 characters and is neither the username nor the \
                     email address; the installation may refuse common ones too. A username \
                     has no colon. `role` is the name or the id of a role that the caller may \
                     grant; without it the user gets role `user` where the caller may grant \
                     that, and with null none.",
                )
                .requires(&["username", "passwd"]),
        )
        .list(list, op("Lists users"))
        .read(read, op("Reads a user"))
        .update(
            update,
            op("Changes a user").note(
                "Deactivating a user deactivates their accounts and ends their schedules; \
                     activating the user again brings neither back. A new email or phone goes \
                     to the user's first account too, where that has the old one.",
            ),
        )
        .delete(
            delete,
            op("Deletes a user").note("Their accounts are deactivated, and their schedules end."),
        )
        .done()
        .put(
            "/users/{user_id}/password",
            password,
            op("Changes a password")
                .note("Under the rules of new users' passwords; every token of the user ends.")
                .example(json!({"password": null}))
                .row::<UserRow>(),
        )
}

async fn create(users: Writer<User, Create>, Input(new): Input<NewUser>) -> Result<Answer> {
    let made = made(&users, new).await?;
    let answer = Answer::id("user", made.id.get())?;
    Ok(answer.late(made.created).late(made.opened))
}

/// The result of creating a user.
pub(super) struct Made {
    pub id: Id<User>,
    /// The role that the user got.
    pub role: Option<Id<Role>>,
    created: Done,
    opened: Done,
}

/// Creates a user with an account: both, or neither.
pub(super) async fn made(users: &Writer<User, Create>, new: NewUser) -> Result<Made> {
    let NewUser { said, role } = new;
    let profile = patched(UserProfile::default(), &said.patch);
    let policy = users.caller().app().config().password_policy;
    let secret = said.password.required(policy, &profile)?;
    if !matches!(said.patch.username, Patch::Set(_)) {
        return Err(Error::invalid("username", "is required"));
    }
    let tenant = users.owner()?.tenant;
    let role = first_role(users, tenant, &role)?;
    let (id, network) = (users.next_id().await?, users.caller().network());
    let app = users.caller().app();
    let password = app.auth().passwords.seal(id, secret, network).await?;
    let _room = app.room_for(Newcomer::User, tenant).await?;
    let (patch, roles) = (said.patch, role.into_iter().collect());
    let active = patch.active == Patch::Set(true);
    let create = UserCommand::Create {
        id,
        patch,
        password,
        tenant,
        roles,
    };
    // The caller may create users without seeing them, so an undoing runs outside their scope; it
    // runs too if the caller is deactivated in between.
    let undoing = users.metadata()?;
    let created = users.create(id, create).await?;
    match open_for(&users.implied(), Owner::new(tenant, id), profile, active).await {
        Ok(opened) => Ok(Made {
            id,
            role,
            created,
            opened,
        }),
        Err(error) => {
            let delete = vec![(id, UserCommand::Delete)];
            let commands = users.commands();
            commands.send_many(delete, &undoing, Vec::new()).await?;
            Err(error)
        }
    }
}

async fn list(users: Reader<User, List>, listing: Listing<UserRow>) -> Result<Answer> {
    users.list(listing).await
}

async fn read(users: Reader<User, Read>, Path(id): Path<Id<User>>) -> Result<Answer> {
    users.find::<UserRow>(id.get()).await
}

async fn update(
    users: Writer<User, Update>,
    Path(id): Path<Id<User>>,
    Input(said): Input<UserRequest>,
) -> Result<Answer> {
    // Username and email address are login names, so the caller must outrank the user.
    let user = users.load(id).await?.aggregate;
    must_outrank(&users, id)?;
    let _lock = may_deactivate(&users, id, &said.patch).await?;
    if matches!(said.password.secret, Patch::Keep) {
        let recipe = Recipe::row::<UserRow>(id.get());
        let update = UserCommand::Update(said.patch);
        let done = change(&users, id, update, Some(recipe)).await?;
        return users.now::<UserRow>(id, done).await;
    }
    let passwords = users.also::<User, Password>()?;
    let policy = users.caller().app().config().password_policy;
    let profile = patched(user.profile().clone(), &said.patch);
    said.password.required(policy, &profile)?;
    change(&users, id, UserCommand::Update(said.patch), None).await?;
    change_password(&passwords, id, &said.password).await
}

/// Takes the lock on rights if the patch deactivates the user; `None` if it does not.
pub(super) async fn may_deactivate<'w>(
    users: &'w Writer<User, Update>,
    id: Id<User>,
    patch: &UserPatch,
) -> Result<Option<RightsLock<'w>>> {
    if patch.active != Patch::Set(false) {
        return Ok(None);
    }
    let lock = users.caller().app().lock_rights().await?;
    must_not_be_last(users, id, &lock)?;
    Ok(Some(lock))
}

async fn delete(users: Writer<User, Delete>, Path(id): Path<Id<User>>) -> Result<Answer> {
    if id == users.user() {
        return Err(Error::NotReady("nobody can delete themselves".to_owned()));
    }
    users.load(id).await?;
    must_outrank(&users, id)?;
    let lock = users.caller().app().lock_rights().await?;
    must_not_be_last(&users, id, &lock)?;
    let answer = id_of(User::NAME, id.get());
    let recipe = Recipe::Body(answer.clone());
    let done = change(&users, id, UserCommand::Delete, Some(recipe)).await?;
    Ok(Answer::from_value(&answer)?.late(done))
}

async fn password(
    users: Writer<User, Password>,
    Path(id): Path<Id<User>>,
    Input(password): Input<NewPassword>,
) -> Result<Answer> {
    if password.given().is_none() {
        return Err(Error::invalid("password", "is required"));
    }
    change_password(&users, id, &password).await
}

/// Changes the password of a user whom the caller outranks, or the caller's own.
pub(crate) async fn change_password<V: Verb>(
    users: &Writer<User, V>,
    id: Id<User>,
    password: &NewPassword,
) -> Result<Answer> {
    // Before the slow hash: the id of a user out of scope must not cost more than no id.
    let user = users.load(id).await?.aggregate;
    must_outrank(users, id)?;
    let sealed = sealed_password(users.caller(), (id, &user), password).await?;
    users
        .updated::<UserRow>(id, UserCommand::ChangePassword(sealed))
        .await
}

/// A new password of a user, checked against the policy and hashed.
pub(crate) async fn sealed_password(
    caller: &Caller,
    (id, user): (Id<User>, &User),
    password: &NewPassword,
) -> Result<Sealed> {
    let (app, network) = (caller.app(), caller.network());
    let secret = password.required(app.config().password_policy, user.profile())?;
    app.auth().passwords.seal(id, secret, network).await
}

/// A profile with the names and addresses of a patch applied.
pub(super) fn patched(mut profile: UserProfile, patch: &UserPatch) -> UserProfile {
    let patch = patch.clone();
    patch.username.apply(&mut profile.username);
    patch.first_name.apply(&mut profile.first_name);
    patch.last_name.apply(&mut profile.last_name);
    patch.phone.apply(&mut profile.phone);
    patch.email.apply(&mut profile.email);
    patch.address.apply(&mut profile.address);
    profile
}
