//! `/roles`.

use std::collections::BTreeSet;

use domain::{
    FIRST_TENANT, Id, Patch,
    access::{Permission, Role, RoleCommand, RolePatch},
    values::Line,
};
use projections::access::roles::RoleRow;

use super::user_rights::held;
use crate::{
    Error, Result,
    answer::Answer,
    auth::RightsLock,
    authorization::{Create, Delete, List, Noun, Owned, Read, Reader, Update, Verb, Writer},
    extract::{Fields, FromFields, Given, Input, Listing, Path},
    openapi::{Routes, op},
};

impl Noun for Role {
    const NAME: &'static str = "role";
    const OWNED: Owned = Owned::Shared;
}

pub(super) fn routes() -> Routes {
    Routes::crud::<RoleRow>("/roles", "role")
        .create(
            create,
            op("Creates a role")
                .note("A name that looks like that of another role, or mixes scripts, is 412.")
                .requires(&["name"]),
        )
        .list(list, op("Lists roles"))
        .read(read, op("Reads a role"))
        .update(
            update,
            op("Changes a role")
                .note("Whoever changes or deletes a role must hold all that it holds."),
        )
        .delete(delete, op("Deletes a role that no user holds"))
        .done()
        .put(
            "/roles/{role_id}/permissions/{permission_id}",
            grant,
            op("Gives a role a permission").row::<RoleRow>(),
        )
        .delete(
            "/roles/{role_id}/permissions/{permission_id}",
            withdraw,
            op("Takes a permission from a role")
                .note("By those only who hold all that the role and each of its holders do.")
                .row::<RoleRow>(),
        )
}

async fn create(roles: Writer<Role, Create>, Input(patch): Input<RolePatch>) -> Result<Answer> {
    let Patch::Set(name) = patch.name else {
        return Err(Error::invalid("name", "is required"));
    };
    let _lock = roles.caller().app().lock_rights().await?;
    must_be_free(&roles, &name, None)?;
    let (id, description) = (roles.next_id().await?, patch.description.given());
    let permissions = BTreeSet::new();
    let create = RoleCommand::Create {
        id,
        name,
        description,
        permissions,
    };
    roles.created(id, create).await
}

async fn list(roles: Reader<Role, List>, listing: Listing<RoleRow>) -> Result<Answer> {
    roles.list(listing).await
}

async fn read(roles: Reader<Role, Read>, Path(id): Path<Id<Role>>) -> Result<Answer> {
    roles.find::<RoleRow>(id.get()).await
}

async fn update(
    roles: Writer<Role, Update>,
    Path(id): Path<Id<Role>>,
    Input(patch): Input<RolePatch>,
) -> Result<Answer> {
    let _lock = may_change(&roles, id).await?;
    let role = roles.load(id).await?.aggregate;
    if let Patch::Set(name) = &patch.name
        && role.name() != Some(name.as_str())
    {
        must_be_free(&roles, name, Some(id))?;
    }
    roles
        .updated::<RoleRow>(id, RoleCommand::Update(patch))
        .await
}

async fn delete(roles: Writer<Role, Delete>, Path(id): Path<Id<Role>>) -> Result<Answer> {
    // Under the lock, so that no user is given the role meanwhile.
    let _lock = may_change(&roles, id).await?;
    let held = roles.caller().access_cache().is_held(id);
    roles.deleted(id, RoleCommand::Delete { held }).await
}

async fn grant(
    roles: Writer<Role, Update>,
    Path((id, permission)): Path<(Id<Role>, Id<Permission>)>,
) -> Result<Answer> {
    let _lock = may_change(&roles, id).await?;
    held(
        roles
            .caller()
            .access_cache()
            .may_grant(roles.user(), FIRST_TENANT, permission),
    )?;
    roles
        .updated::<RoleRow>(id, RoleCommand::Grant(permission))
        .await
}

async fn withdraw(
    roles: Writer<Role, Update>,
    Path((id, permission)): Path<(Id<Role>, Id<Permission>)>,
) -> Result<Answer> {
    let _lock = may_change(&roles, id).await?;
    if !roles
        .caller()
        .access_cache()
        .outranks_holders(roles.user(), id)
    {
        return Err(Error::Forbidden(
            "a user with this role holds permissions that you do not".into(),
        ));
    }
    roles
        .updated::<RoleRow>(id, RoleCommand::Withdraw(permission))
        .await
}

/// Takes the lock on rights for a change of a role. The caller must hold all that the role holds:
/// whoever changes a role changes all who have it.
async fn may_change<V: Verb>(roles: &Writer<Role, V>, id: Id<Role>) -> Result<RightsLock<'_>> {
    roles.load(id).await?;
    let lock = roles.caller().app().lock_rights().await?;
    let access_cache = roles.caller().access_cache();
    match access_cache.may_give(roles.user(), FIRST_TENANT, id) {
        Some(true) => Ok(lock),
        Some(false) => Err(Error::Forbidden(
            "this role holds permissions that you do not".into(),
        )),
        None => Err(Error::NotFound),
    }
}

/// Refuses a name that looks like that of another role. The lock on rights makes this exact: the
/// claim of a name, by which roles were unique before, ignores no more than its case.
fn must_be_free<V: Verb>(
    roles: &Writer<Role, V>,
    name: &Line,
    own: Option<Id<Role>>,
) -> Result<()> {
    let like = roles.caller().access_cache().role_like(name.as_str());
    match like.filter(|like| Some(*like) != own) {
        Some(_) => Err(Error::invalid(
            "name",
            "is or looks like the name of another role",
        )),
        None => Ok(()),
    }
}

impl FromFields for RolePatch {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            name: fields.text("name"),
            description: fields.text("description"),
        }
    }
}
