//! `/pbx/extensions`: accounts of type extension, as a PBX sees them.

use domain::{
    Id, Patch,
    people::{Account, AccountCommand, AccountKind, AccountPatch, ExtensionPatch},
    values::Line,
};
use projections::people::extensions::ExtensionRow;
use secrecy::SecretString;
use serde_json::json;

use super::accounts::{self, must_be};
use crate::{
    App, Error, Result,
    answer::Answer,
    authorization::{Create, Delete, Extension, List, Read, Reader, Update, Writer},
    extract::{Fields, FromFields, Input, Listing, Path},
    openapi::{Routes, op},
    people::{account_update, extension_details, with_secret},
    sealing::seal,
};

pub(super) fn routes() -> Routes {
    Routes::crud::<ExtensionRow>("/pbx/extensions", "extension")
        .create(
            create,
            op("Creates an extension")
                .note(
                    "The account of type extension with the same id. Without `secret`, the \
                     password of the SIP user, one is generated; it is read by \
                     `GET /accounts/{account_id}/provisioning`.",
                )
                .requires(&["name", "number"])
                .example(json!({"name": "Ada", "number": "178", "cid_number": "+15550100"})),
        )
        .list(list, op("Lists extensions"))
        .read(read, op("Reads an extension"))
        .update(
            update,
            op("Changes an extension").example(json!({"name": "Ada", "ring_time": 20})),
        )
        .delete(
            delete,
            op("Deletes an extension").note("The account with the same id."),
        )
        .done()
}

async fn create(
    extensions: Writer<Account, Create, Extension>,
    Input(request): Input<ExtensionRequest>,
) -> Result<Answer> {
    let (id, owner) = (extensions.next_id().await?, extensions.whole_tenant()?);
    let app = extensions.caller().app();
    let create = create_command(app, id, request)?;
    accounts::create::<ExtensionRow, _>(&extensions, id, owner, create).await
}

/// The patch that makes a new extension, with a secret and a username.
pub(super) fn create_command(
    app: &App,
    id: Id<Account>,
    request: ExtensionRequest,
) -> Result<AccountPatch> {
    if !matches!(request.name, Patch::Set(_)) {
        return Err(Error::invalid("name", "is required"));
    }
    let Patch::Set(number) = &request.details.number else {
        return Err(Error::invalid("number", "is required"));
    };
    // The number may change, and be that of another extension then.
    let username = format!("{number}-{id}").parse::<Line>();
    let username = username.map_err(|_| Error::invalid("number", "is too long"))?;
    let mut patch = with_secret(app.vault(), id, request.patch(app, id)?)?;
    patch.username = Patch::Set(username);
    if patch.active == Patch::Keep {
        patch.active = Patch::Set(true);
    }
    Ok(patch)
}

async fn list(
    extensions: Reader<Extension, List>,
    listing: Listing<ExtensionRow>,
) -> Result<Answer> {
    extensions.list(listing).await
}

async fn read(extensions: Reader<Extension, Read>, Path(id): Path<Id<Account>>) -> Result<Answer> {
    extensions.find::<ExtensionRow>(id.get()).await
}

async fn update(
    extensions: Writer<Account, Update, Extension>,
    Path(id): Path<Id<Account>>,
    Input(request): Input<ExtensionRequest>,
) -> Result<Answer> {
    let update = update_command(&extensions, id, request).await?;
    extensions.updated::<ExtensionRow>(id, update).await
}

/// The command that changes an extension.
pub(super) async fn update_command(
    extensions: &Writer<Account, Update, Extension>,
    id: Id<Account>,
    request: ExtensionRequest,
) -> Result<AccountCommand> {
    must_be(extensions, id, AccountKind::Extension).await?;
    let patch = request.patch(extensions.caller().app(), id)?;
    if patch.active == Patch::Set(true) {
        accounts::must_have_active_user(extensions, id).await?;
    }
    account_update(extensions, id, patch).await
}

async fn delete(
    extensions: Writer<Account, Delete, Extension>,
    Path(id): Path<Id<Account>>,
) -> Result<Answer> {
    must_be(&extensions, id, AccountKind::Extension).await?;
    accounts::delete(&extensions, id).await
}

/// The fields of an extension.
#[derive(Debug, Default)]
pub(super) struct ExtensionRequest {
    pub name: Patch<Line>,
    pub secret: Patch<SecretString>,
    pub active: Patch<bool>,
    pub details: ExtensionPatch,
}

impl ExtensionRequest {
    /// The patch that changes an extension.
    pub fn patch(self, app: &App, id: Id<Account>) -> Result<AccountPatch> {
        if self.name == Patch::Clear {
            return Err(Error::invalid("name", "is required"));
        }
        if self.details.number == Patch::Clear {
            return Err(Error::invalid("number", "is required"));
        }
        // The name is one line here, and two fields in the account.
        let last_name = match self.name {
            Patch::Keep => Patch::Keep,
            _ => Patch::Clear,
        };
        Ok(AccountPatch {
            kind: Patch::Set(AccountKind::Extension),
            first_name: self.name,
            last_name,
            passwd: seal(app.vault(), id, "passwd", self.secret)?,
            active: self.active,
            extension: self.details,
            ..AccountPatch::default()
        })
    }
}

impl FromFields for ExtensionRequest {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            name: fields.text("name"),
            secret: fields.secret("secret"),
            active: fields.flag("active"),
            details: extension_details(fields),
        }
    }
}
