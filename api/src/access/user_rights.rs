//! Giving and withdrawing the rights of users. Nobody can give what they do not hold.

use domain::{
    Id, Patch,
    access::{Permission, Role, User, UserCommand, vocabulary},
};
use projections::access::users::UserRow;

use super::users::{must_not_be_last, must_outrank};
use crate::{
    Error, Result,
    answer::Answer,
    authorization::{Update, Verb, Writer},
    extract::Path,
    openapi::{Routes, op},
};

pub(super) fn routes() -> Routes {
    Routes::new()
        .put(
            "/users/{user_id}/roles/{role_id}",
            give_role,
            op("Gives a user a role").row::<UserRow>(),
        )
        .delete(
            "/users/{user_id}/roles/{role_id}",
            take_role,
            op("Takes a role from a user").row::<UserRow>(),
        )
        .put(
            "/users/{user_id}/permissions/{permission_id}",
            grant,
            op("Gives a user a permission").row::<UserRow>(),
        )
        .delete(
            "/users/{user_id}/permissions/{permission_id}",
            withdraw,
            op("Takes a permission from a user").row::<UserRow>(),
        )
}

async fn give_role(
    users: Writer<User, Update>,
    Path((id, role)): Path<(Id<User>, Id<Role>)>,
) -> Result<Answer> {
    users.load(id).await?;
    // Under the lock, so that the role is not deleted meanwhile because nobody holds it.
    let _lock = users.caller().app().lock_rights().await?;
    held(users.caller().access_cache().may_give(users.user(), role))?;
    users
        .updated::<UserRow>(id, UserCommand::GiveRole(role))
        .await
}

async fn take_role(
    users: Writer<User, Update>,
    Path((id, role)): Path<(Id<User>, Id<Role>)>,
) -> Result<Answer> {
    users.load(id).await?;
    must_outrank(&users, id)?;
    let lock = users.caller().app().lock_rights().await?;
    let admin = users.caller().access_cache().role_named(vocabulary::ADMIN);
    if admin.is_some_and(|(admin, _)| admin == role) {
        must_not_be_last(&users, id, &lock)?;
    }
    users
        .updated::<UserRow>(id, UserCommand::TakeRole(role))
        .await
}

async fn grant(
    users: Writer<User, Update>,
    Path((id, permission)): Path<(Id<User>, Id<Permission>)>,
) -> Result<Answer> {
    users.load(id).await?;
    held(
        users
            .caller()
            .access_cache()
            .may_grant(users.user(), permission),
    )?;
    users
        .updated::<UserRow>(id, UserCommand::Grant(permission))
        .await
}

async fn withdraw(
    users: Writer<User, Update>,
    Path((id, permission)): Path<(Id<User>, Id<Permission>)>,
) -> Result<Answer> {
    users.load(id).await?;
    must_outrank(&users, id)?;
    users
        .updated::<UserRow>(id, UserCommand::Withdraw(permission))
        .await
}

/// The role of a new user, by the name or the id that was given; else role `user`, where
/// the caller may grant it. A role that is deleted at this moment stays without effect.
pub(super) fn first_role<V: Verb>(
    users: &Writer<User, V>,
    given: &Patch<String>,
) -> Result<Option<Id<Role>>> {
    let access_cache = users.caller().access_cache();
    let may_give = |role| access_cache.may_give(users.user(), role);
    match given {
        Patch::Clear => Ok(None),
        Patch::Keep => {
            let usual = access_cache.role_named(vocabulary::USER).map(|(id, _)| id);
            Ok(usual.filter(|role| may_give(*role) == Some(true)))
        }
        Patch::Set(text) => {
            let by_id = text.parse().ok().map(Id::new);
            let role = by_id.or_else(|| access_cache.role_like(text));
            let role = role.ok_or_else(|| Error::unknown("role"))?;
            match may_give(role) {
                None => Err(Error::unknown("role")),
                may => held(may).map(|()| Some(role)),
            }
        }
    }
}

/// Refuses a role or permission that does not exist (`None`), or that the caller does not hold
/// (false).
pub(super) fn held(may: Option<bool>) -> Result<()> {
    match may {
        None => Err(Error::NotFound),
        Some(true) => Ok(()),
        Some(false) => Err(Error::Forbidden(
            "nobody can grant what they do not themselves hold".into(),
        )),
    }
}
