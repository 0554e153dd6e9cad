//! The request fields of an account.

use domain::{
    Id, Patch,
    people::{Account, AccountKind, AccountPatch, DidPatch, ExtensionPatch},
};
use eventstore::Vault;
use secrecy::SecretString;

use crate::{
    Result,
    extract::{Fields, FromFields},
    sealing::seal,
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

/// The fields of an account of type did that is to be created.
#[derive(Debug)]
pub(super) struct NewDid(pub AccountRequest);

impl FromFields for NewDid {
    fn from_fields(fields: &mut Fields) -> Self {
        let mut request = NewAccount::from_fields(fields).0;
        request.must_be(AccountKind::Did, fields);
        request.patch.did = did_details(fields);
        Self(request)
    }
}

/// The fields of an account of type extension that is to be created.
#[derive(Debug)]
pub(super) struct NewExtension(pub AccountRequest);

impl FromFields for NewExtension {
    fn from_fields(fields: &mut Fields) -> Self {
        let mut request = NewAccount::from_fields(fields).0;
        request.must_be(AccountKind::Extension, fields);
        request.patch.extension = extension_details(fields);
        Self(request)
    }
}

impl AccountRequest {
    /// Sets the type that the path stands for.
    fn must_be(&mut self, kind: AccountKind, fields: &mut Fields) {
        match &self.patch.kind {
            Patch::Set(other) if *other != kind => fields.refuse("type", "contradicts the path"),
            _ => self.patch.kind = Patch::Set(kind),
        }
    }

    /// The patch, with secrets sealed for this account.
    pub fn sealed(self, vault: &Vault, id: Id<Account>) -> Result<AccountPatch> {
        Ok(AccountPatch {
            passwd: seal(vault, id, "passwd", self.passwd)?,
            passwd_pin: seal(vault, id, "passwd_pin", self.passwd_pin)?,
            ..self.patch
        })
    }
}

/// The fields that an extension has beside those of an account.
pub(crate) fn extension_details(fields: &mut Fields) -> ExtensionPatch {
    ExtensionPatch {
        number: fields.text_or_number("number"),
        cid_number: fields.phone("cid_number"),
        cid_name: fields.text("cid_name"),
        follow_me_caller_id: fields.phone("follow_me_caller_id"),
        call_waiting: fields.text("call_waiting"),
        ring_time: fields.number("ring_time", 1..=3_600),
    }
}

/// The fields that a DID has beside those of an account.
pub(crate) fn did_details(fields: &mut Fields) -> DidPatch {
    DidPatch {
        country: fields.text("country"),
        area: fields.text("area"),
        comment: fields.text("comment"),
        recording: fields.flag("recording"),
        fax: fields.flag("fax"),
        prefix: fields.text_or_number("prefix"),
        name_prefix: fields.text("name_prefix"),
    }
}
