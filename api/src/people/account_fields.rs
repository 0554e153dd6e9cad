//! The request fields of an account.

use domain::{
    Id, Patch,
    people::{Account, AccountKind, AccountPatch},
    values::Sealed,
};
use eventstore::Vault;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    Result,
    extract::{Fields, FromFields},
};

const KINDS: [&str; 4] = ["account", "did", "extension", "eaddress"];

/// An account's fields, with secrets that are still to be sealed.
#[derive(Debug)]
pub(super) struct AccountRequest {
    patch: AccountPatch,
    passwd: Patch<SecretString>,
    passwd_pin: Patch<SecretString>,
}

impl FromFields for AccountRequest {
    fn from_fields(fields: &mut Fields) -> Self {
        let patch = AccountPatch {
            username: fields.text("username"),
            first_name: fields.text("first_name"),
            last_name: fields.text("last_name"),
            phone: fields.phone("phone"),
            email: fields.text("email"),
            address: fields.text("address"),
            timezone: fields.text("timezone"),
            kind: fields.one_of("type", &KINDS, AccountKind::from_word),
            active: fields.flag("active"),
            ..AccountPatch::default()
        };
        Self {
            patch,
            passwd: fields.secret("passwd"),
            passwd_pin: fields.secret("passwd_pin"),
        }
    }
}

/// The fields of an account that is to be created.
#[derive(Debug)]
pub(super) struct NewAccount(pub AccountRequest);

impl FromFields for NewAccount {
    fn from_fields(fields: &mut Fields) -> Self {
        fields.describe_active("1 for an account that sends and receives.");
        Self(AccountRequest::from_fields(fields))
    }
}

impl AccountRequest {
    /// The patch, with secrets sealed for this account.
    pub fn sealed(self, vault: &Vault, id: Id<Account>) -> Result<AccountPatch> {
        Ok(AccountPatch {
            passwd: seal(vault, id, "passwd", self.passwd)?,
            passwd_pin: seal(vault, id, "passwd_pin", self.passwd_pin)?,
            ..self.patch
        })
    }
}

fn seal(
    vault: &Vault,
    id: Id<Account>,
    field: &str,
    secret: Patch<SecretString>,
) -> Result<Patch<Sealed>> {
    Ok(match secret {
        Patch::Keep => Patch::Keep,
        Patch::Clear => Patch::Clear,
        Patch::Set(secret) => {
            let context = format!("account/{id}/{field}");
            Patch::Set(vault.seal(&context, secret.expose_secret().as_bytes())?)
        }
    })
}
