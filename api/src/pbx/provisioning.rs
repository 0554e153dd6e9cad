//! The SIP settings of extensions, secret included.

use domain::{
    Id,
    people::{Account, AccountCommand, AccountKind},
};
use projections::people::extensions::ExtensionRow;
use serde::Serialize;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::accounts::must_be;
use crate::{
    Error, Result,
    answer::Answer,
    authorization::{Extension, Secret, Writer},
    extract::Path,
    openapi::{Routes, op},
};

/// The settings that a phone registers with.
#[derive(Serialize, ToSchema)]
pub(super) struct Provisioning {
    account_id: i64,
    /// The name of the SIP user: the extension's number with the tenant's code.
    pub sip_user: String,
    /// The password of the SIP user.
    pub secret: String,
    /// The name to show on the phone.
    display_name: Option<String>,
    /// The number that calls show.
    cid_number: Option<String>,
    /// The name that calls show.
    cid_name: Option<String>,
}

pub(super) fn routes() -> Routes {
    Routes::new().get(
        "/accounts/{account_id}/provisioning",
        provisioning,
        op("Reads the SIP settings of an extension")
            .note("With its secret; each such read is an event.")
            .json::<Provisioning>(),
    )
}

async fn provisioning(
    extensions: Writer<Account, Secret, Extension>,
    Path(id): Path<Id<Account>>,
) -> Result<Answer> {
    let settings = read_secret(&extensions, id).await?;
    Answer::from_value(&serde_json::json!(settings))
}

/// Records that the secret of an extension is read, and reads it.
pub(super) async fn read_secret(
    extensions: &Writer<Account, Secret, Extension>,
    id: Id<Account>,
) -> Result<Provisioning> {
    must_be(extensions, id, AccountKind::Extension).await?;
    let account = extensions.load(id).await?.aggregate;
    let sealed = account.profile().passwd.as_ref();
    let sealed = sealed.ok_or_else(|| Error::invalid("extension_id", "has no secret"))?;
    let context = format!("account/{id}/passwd");
    let secret = extensions.caller().app().vault().open(&context, sealed)?;
    extensions.send(id, AccountCommand::ReadSecret).await?;
    let row: ExtensionRow = extensions
        .caller()
        .app()
        .finders()
        .find(id.get(), &extensions.scope())
        .await?
        .ok_or(Error::NotFound)?;
    Ok(Provisioning {
        account_id: id.get(),
        sip_user: row.sip_user.unwrap_or_default(),
        secret: text(&secret)?,
        display_name: row.name,
        cid_number: row.cid_number,
        cid_name: row.cid_name,
    })
}

fn text(secret: &Zeroizing<Vec<u8>>) -> Result<String> {
    String::from_utf8(secret.to_vec()).map_err(|_| Error::Internal)
}
