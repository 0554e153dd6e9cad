//! Giving and withdrawing the rights of users. Nobody can give what they do not hold.

use domain::{
    Id, Owner, Patch, Scope,
    access::{Permission, Role, Tenant, User, UserCommand, vocabulary},
};
use projections::access::users::UserRow;

use super::outranking::{must_not_be_last, must_outrank_in};
use crate::{
    Error, Result,
    answer::Answer,
    authorization::{TENANT_ID, Update, Verb, Writer},
    extract::Path,
    openapi::{Routes, op},
};

const RIGHT: &str = "The tenant within which the right counts, one that the user is assigned to; \
    without it the user's home tenant.";

pub(super) fn routes() -> Routes {
    Routes::new()
        .put(
            "/users/{user_id}/roles/{role_id}",
            give_role,
            op("Gives a user a role").within(RIGHT).row::<UserRow>(),
        )
        .delete(
            "/users/{user_id}/roles/{role_id}",
            take_role,
            op("Takes a role from a user")
                .within(RIGHT)
                .row::<UserRow>(),
        )
        .put(
            "/users/{user_id}/permissions/{permission_id}",
            grant,
            op("Gives a user a permission")
                .within(RIGHT)
                .row::<UserRow>(),
        )
        .delete(
            "/users/{user_id}/permissions/{permission_id}",
            withdraw,
            op("Takes a permission from a user")
                .within(RIGHT)
                .row::<UserRow>(),
        )
}

async fn give_role(
    users: Writer<User, Update>,
    Path((id, role)): Path<(Id<User>, Id<Role>)>,
) -> Result<Answer> {
    tenant_of(&users, id).await?;
    // Under the lock, so that the role is not deleted meanwhile because nobody holds it.
    let _lock = users.caller().app().lock_rights().await?;
    let (tenant, scope) = tenant_of(&users, id).await?;
    let access_cache = users.caller().access_cache();
    held(access_cache.may_give(users.user(), tenant, role))?;
    users
        .updated_within::<UserRow>(scope, id, UserCommand::GiveRole(tenant, role))
        .await
}

async fn take_role(
    users: Writer<User, Update>,
    Path((id, role)): Path<(Id<User>, Id<Role>)>,
) -> Result<Answer> {
    let (tenant, _) = tenant_of(&users, id).await?;
    must_outrank_in(&users, id, tenant)?;
    let lock = users.caller().app().lock_rights().await?;
    let (tenant, scope) = tenant_of(&users, id).await?;
    let admin = users.caller().access_cache().role_named(vocabulary::ADMIN);
    if admin.is_some_and(|(admin, _)| admin == role) {
        must_not_be_last(&users, id, &lock)?;
    }
    users
        .updated_within::<UserRow>(scope, id, UserCommand::TakeRole(tenant, role))
        .await
}

async fn grant(
    users: Writer<User, Update>,
    Path((id, permission)): Path<(Id<User>, Id<Permission>)>,
) -> Result<Answer> {
    let (tenant, scope) = tenant_of(&users, id).await?;
    let access_cache = users.caller().access_cache();
    held(access_cache.may_grant(users.user(), tenant, permission))?;
    users
        .updated_within::<UserRow>(scope, id, UserCommand::Grant(tenant, permission))
        .await
}

async fn withdraw(
    users: Writer<User, Update>,
    Path((id, permission)): Path<(Id<User>, Id<Permission>)>,
) -> Result<Answer> {
    let (tenant, scope) = tenant_of(&users, id).await?;
    must_outrank_in(&users, id, tenant)?;
    users
        .updated_within::<UserRow>(scope, id, UserCommand::Withdraw(tenant, permission))
        .await
}

/// The tenant within which a right is given or withdrawn, and the scope in which the user is found:
/// the user's home, unless the request names another tenant. The user must be assigned to that, and
/// the caller must have the permission within it.
async fn tenant_of(users: &Writer<User, Update>, id: Id<User>) -> Result<(Id<Tenant>, Scope)> {
    let Some(tenant) = users.requested_tenant()? else {
        let user = users.load(id).await?.aggregate;
        return Ok((user.home(), users.scope()));
    };
    let user = users.caller().access_cache().user(id);
    let is_assigned = user.is_some_and(|user| user.rights_in(tenant).is_some());
    // Whoever reaches all users of the tenant, wherever those are at home.
    if is_assigned && users.scope().covers(Some(Owner::whole(tenant))) {
        return Ok((tenant, Scope::Installation));
    }
    Err(Error::unknown(TENANT_ID))
}

/// The role of a new user within their home tenant, by the name or the id that was given; else role
/// `user`, where the caller may grant it. A role that is deleted at this moment stays without effect.
pub(super) fn first_role<V: Verb>(
    users: &Writer<User, V>,
    tenant: Id<Tenant>,
    given: &Patch<String>,
) -> Result<Option<Id<Role>>> {
    let access_cache = users.caller().access_cache();
    let may_give = |role| access_cache.may_give(users.user(), tenant, role);
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
