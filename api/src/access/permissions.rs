//! `/permissions`.

use domain::{
    Patch,
    access::{Permission, PermissionCommand, Role, RoleCommand, vocabulary},
    values::Line,
};
use projections::access::permissions::PermissionRow;
use serde_json::json;

use crate::{
    Error, Result,
    answer::Answer,
    authorization::{Create, List, Noun, Owned, Reader, Writer},
    extract::{Fields, FromFields, Given, Input, Listing},
    openapi::{Routes, op},
};

impl Noun for Permission {
    const NAME: &'static str = "permission";
    const OWNED: Owned = Owned::Shared;
}

pub(super) fn routes() -> Routes {
    Routes::new()
        .post(
            "/permissions",
            create,
            op("Registers a permission")
                .requires(&["name"])
                .example(json!({"name": "report_read", "description": "Reads reports"}))
                .id("permission"),
        )
        .get("/permissions", list, op("Lists permissions"))
}

async fn create(
    permissions: Writer<Permission, Create>,
    Input(New { name, description }): Input<New>,
) -> Result<Answer> {
    let Patch::Set(name) = name else {
        return Err(Error::invalid("name", "is required"));
    };
    let (id, description) = (permissions.next_id().await?, description.given());
    let create = PermissionCommand::Create {
        id,
        name,
        description,
    };
    let answer = permissions.created(id, create).await?;
    // Role admin holds every permission: nobody could grant one that nobody holds.
    if let Some((admin, _)) = permissions
        .caller()
        .access_cache()
        .role_named(vocabulary::ADMIN)
    {
        let roles: Writer<Role, Create> = permissions.implied();
        let done = roles.send(admin, RoleCommand::Grant(id)).await?;
        return Ok(answer.late(done));
    }
    Ok(answer)
}

async fn list(
    permissions: Reader<Permission, List>,
    listing: Listing<PermissionRow>,
) -> Result<Answer> {
    permissions.list(listing).await
}

/// The fields of a new permission.
struct New {
    name: Patch<Line>,
    description: Patch<Line>,
}

impl FromFields for New {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            name: fields.text("name"),
            description: fields.text("description"),
        }
    }
}
