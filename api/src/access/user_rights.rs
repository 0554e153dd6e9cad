//! Giving rights to users and taking them. Nobody can give what they do not hold.

use axum::{Router, routing::put};
use domain::{
    Id,
    access::{Permission, Role, User, UserCommand},
};
use projections::access::users::UserRow;

use super::users::must_outrank;
use crate::{
    App, Error, Result,
    answer::Answer,
    extract::Path,
    permit::{Update, Writer},
};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(
            "/users/{user_id}/roles/{role_id}",
            put(give_role).delete(take_role),
        )
        .route(
            "/users/{user_id}/permissions/{permission_id}",
            put(grant).delete(withdraw),
        )
}

async fn give_role(
    users: Writer<User, Update>,
    Path((id, role)): Path<(Id<User>, Id<Role>)>,
) -> Result<Answer> {
    users.load(id).await?;
    held(users.caller().mirror().may_give(users.user(), role))?;
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
    users
        .updated::<UserRow>(id, UserCommand::TakeRole(role))
        .await
}

async fn grant(
    users: Writer<User, Update>,
    Path((id, permission)): Path<(Id<User>, Id<Permission>)>,
) -> Result<Answer> {
    users.load(id).await?;
    held(users.caller().mirror().may_grant(users.user(), permission))?;
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

/// Nothing: there is no such role or permission. False: the caller does not hold it.
pub(super) fn held(may: Option<bool>) -> Result<()> {
    match may {
        None => Err(Error::NotFound),
        Some(true) => Ok(()),
        Some(false) => Err(Error::Forbidden(
            "nobody can grant what they do not themselves hold".into(),
        )),
    }
}
