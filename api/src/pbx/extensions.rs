//! `/pbx/extensions`: accounts of type extension, as a PBX sees them.

use domain::{
    Id, Owner, Patch,
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
    people::{account_update, extension_details},
    sealing::seal,
};

/// The length of a secret that is generated.
const SECRET_LENGTH: usize = 32;

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
    let (id, owner) = (extensions.next_id().await?, extensions.owner()?);
    let app = extensions.caller().app();
    let create = create_command(app, id, owner, request)?;
    accounts::create(&extensions, id, owner, create).await
}

/// The patch that makes a new extension: with a secret, and with the name of its SIP user as the
/// username.
pub(super) fn create_command(
    app: &App,
    id: Id<Account>,
    owner: Owner,
    request: ExtensionRequest,
) -> Result<AccountPatch> {
    if !matches!(request.name, Patch::Set(_)) {
        return Err(Error::invalid("name", "is required"));
    }
    let Patch::Set(number) = &request.details.number else {
        return Err(Error::invalid("number", "is required"));
    };
    let tenant = app.auth().access_cache.tenant(owner.tenant);
    let code = tenant.map_or_else(String::new, |tenant| tenant.details().code.clone());
    let username = format!("{number}-{code}").parse::<Line>();
    let username = username.map_err(|_| Error::invalid("number", "is too long"))?;
    let mut patch = request.patch(app, id)?;
    patch.username = Patch::Set(username);
    if !matches!(patch.passwd, Patch::Set(_)) {
        let secret = SecretString::from(random_secret()?);
        patch.passwd = seal(app.vault(), id, "passwd", Patch::Set(secret))?;
    }
    if patch.active == Patch::Keep {
        patch.active = Patch::Set(true);
    }
    Ok(patch)
}

/// A secret of letters and digits, which every phone can be told.
fn random_secret() -> Result<String> {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut secret = String::with_capacity(SECRET_LENGTH);
    while secret.len() < SECRET_LENGTH {
        let mut bytes = [0; SECRET_LENGTH];
        getrandom::fill(&mut bytes).map_err(|_| Error::Internal)?;
        // Of 256 values, 248 fall on the letters evenly.
        let even = bytes.iter().map(|byte| usize::from(*byte));
        let even = even.filter(|byte| *byte < 4 * LETTERS.len());
        let room = SECRET_LENGTH - secret.len();
        secret.extend(
            even.take(room)
                .map(|byte| char::from(LETTERS[byte % LETTERS.len()])),
        );
    }
    Ok(secret)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_secret_is_long_and_never_the_same() {
        let secrets: std::collections::BTreeSet<String> =
            (0..100).map(|_| random_secret().unwrap()).collect();
        assert_eq!(secrets.len(), 100);
        let is_fine = |secret: &String| {
            secret.len() == SECRET_LENGTH && secret.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        assert!(secrets.iter().all(is_fine));
    }
}
