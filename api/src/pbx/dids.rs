//! `/pbx/dids`: accounts of type did, as a PBX sees them.

use domain::{
    Id, Patch,
    people::{Account, AccountCommand, AccountKind, AccountPatch, DidPatch},
    values::{Line, PhoneNumber},
};
use projections::people::dids::DidRow;
use serde_json::json;

use super::accounts::{self, must_be};
use crate::{
    Error, Result,
    answer::Answer,
    authorization::{Create, Delete, Did, List, Read, Reader, Update, Writer},
    extract::{Fields, FromFields, Input, Listing, Path},
    openapi::{Routes, op},
    people::{account_update, did_details},
};

pub(super) fn routes() -> Routes {
    Routes::crud::<DidRow>("/pbx/dids", "did")
        .create(
            create,
            op("Creates a DID")
                .note(
                    "The account of type did with the same id. Calls come in at a number that \
                     belongs to the tenant; any other is stored, and found by `conflict=1`.",
                )
                .requires(&["number"])
                .example(json!({"number": "+15550178", "comment": "Main"})),
        )
        .list(list, op("Lists DIDs"))
        .read(read, op("Reads a DID"))
        .update(
            update,
            op("Changes a DID").example(json!({"comment": "Main number"})),
        )
        .delete(
            delete,
            op("Deletes a DID").note("The account with the same id."),
        )
        .done()
}

async fn create(
    dids: Writer<Account, Create, Did>,
    Input(request): Input<DidRequest>,
) -> Result<Answer> {
    let (id, owner) = (dids.next_id().await?, dids.whole_tenant()?);
    accounts::create::<DidRow, _>(&dids, id, owner, request.new_patch(id)?).await
}

async fn list(dids: Reader<Did, List>, listing: Listing<DidRow>) -> Result<Answer> {
    dids.list(listing).await
}

async fn read(dids: Reader<Did, Read>, Path(id): Path<Id<Account>>) -> Result<Answer> {
    dids.find::<DidRow>(id.get()).await
}

async fn update(
    dids: Writer<Account, Update, Did>,
    Path(id): Path<Id<Account>>,
    Input(request): Input<DidRequest>,
) -> Result<Answer> {
    let update = update_command(&dids, id, request).await?;
    dids.updated::<DidRow>(id, update).await
}

/// The command that changes a DID.
pub(super) async fn update_command(
    dids: &Writer<Account, Update, Did>,
    id: Id<Account>,
    request: DidRequest,
) -> Result<AccountCommand> {
    must_be(dids, id, AccountKind::Did).await?;
    let patch = request.patch()?;
    if patch.active == Patch::Set(true) {
        accounts::must_have_active_user(dids, id).await?;
    }
    account_update(dids, id, patch).await
}

async fn delete(dids: Writer<Account, Delete, Did>, Path(id): Path<Id<Account>>) -> Result<Answer> {
    must_be(&dids, id, AccountKind::Did).await?;
    accounts::delete(&dids, id).await
}

/// The fields of a DID.
#[derive(Debug, Default)]
pub(super) struct DidRequest {
    pub number: Patch<PhoneNumber>,
    pub active: Patch<bool>,
    pub details: DidPatch,
}

impl DidRequest {
    /// The patch that makes a new DID.
    pub fn new_patch(self, id: Id<Account>) -> Result<AccountPatch> {
        let Patch::Set(number) = &self.number else {
            return Err(Error::invalid("number", "is required"));
        };
        // Numbers of several tenants may be equal; usernames may not.
        let username = format!("{number}-{id}").parse::<Line>();
        let mut patch = self.patch()?;
        patch.username = username.map_or(Patch::Keep, Patch::Set);
        if patch.active == Patch::Keep {
            patch.active = Patch::Set(true);
        }
        Ok(patch)
    }

    /// The patch that changes a DID.
    pub fn patch(self) -> Result<AccountPatch> {
        if self.number == Patch::Clear {
            return Err(Error::invalid("number", "is required"));
        }
        Ok(AccountPatch {
            kind: Patch::Set(AccountKind::Did),
            phone: self.number,
            active: self.active,
            did: self.details,
            ..AccountPatch::default()
        })
    }
}

impl FromFields for DidRequest {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            number: fields.phone("number"),
            active: fields.flag("active"),
            details: did_details(fields),
        }
    }
}
