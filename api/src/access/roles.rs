//! `/roles`.

use std::collections::BTreeSet;

use domain::{
    Id, Patch,
    access::{Permission, Role, RoleCommand, RolePatch},
};
use projections::access::roles::RoleRow;

use super::user_rights::held;
use crate::{
    Error, Result,
    answer::Answer,
    extract::{Fields, FromFields, Given, Input, Listing, Path},
    openapi::{Routes, alias, op},
    permit::{Create, Delete, List, Read, Reader, Update, Writer},
};

pub(super) fn routes() -> Routes {
    Routes::new()
        .post(
            "/roles",
            create,
            op("Creates a role").requires(&["name"]).id("role"),
        )
        .get("/roles", list, op("Lists roles"))
        .get(
            "/roles/{role_id}",
            read,
            op("Reads a role").row::<RoleRow>(),
        )
        .put(
            "/roles/{role_id}",
            update,
            op("Changes a role").row::<RoleRow>(),
        )
        .delete(
            "/roles/{role_id}",
            delete,
            op("Deletes a role that nobody holds").id("role"),
        )
        .get(
            "/roles/{role_id}/delete",
            delete,
            alias("DELETE /roles/{role_id}"),
        )
        .put(
            "/roles/{role_id}/permissions/{permission_id}",
            grant,
            op("Gives a role a permission").row::<RoleRow>(),
        )
        .delete(
            "/roles/{role_id}/permissions/{permission_id}",
            withdraw,
            op("Takes a permission from a role").row::<RoleRow>(),
        )
}

async fn create(roles: Writer<Role, Create>, Input(patch): Input<RolePatch>) -> Result<Answer> {
    let Patch::Set(name) = patch.name else {
        return Err(Error::invalid("name", "is required"));
    };
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
    roles
        .updated::<RoleRow>(id, RoleCommand::Update(patch))
        .await
}

async fn delete(roles: Writer<Role, Delete>, Path(id): Path<Id<Role>>) -> Result<Answer> {
    // So that nobody is given it meanwhile.
    let _turn = roles.caller().app().turn().await?;
    let held = roles.caller().mirror().is_held(id);
    roles.deleted(id, RoleCommand::Delete { held }).await
}

async fn grant(
    roles: Writer<Role, Update>,
    Path((id, permission)): Path<(Id<Role>, Id<Permission>)>,
) -> Result<Answer> {
    roles.load(id).await?;
    held(roles.caller().mirror().may_grant(roles.user(), permission))?;
    roles
        .updated::<RoleRow>(id, RoleCommand::Grant(permission))
        .await
}

async fn withdraw(
    roles: Writer<Role, Update>,
    Path((id, permission)): Path<(Id<Role>, Id<Permission>)>,
) -> Result<Answer> {
    roles
        .updated::<RoleRow>(id, RoleCommand::Withdraw(permission))
        .await
}

impl FromFields for RolePatch {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            name: fields.text("name"),
            description: fields.text("description"),
        }
    }
}
