//! The commands and events of an account.

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use super::{
    Account, AddressAssignment, AddressField, DidDetails, DidPatch, ExtensionDetails,
    ExtensionPatch,
};
use crate::{
    Id, Owner, Patch, Personal, Refusal,
    outreach::{Program, Use, must_be_unused},
    reference::TimeZone,
    values::{EmailAddress, Line, PhoneNumber, Sealed},
};

/// The type of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountKind {
    /// A person or desk, reached by any address that the account has.
    #[default]
    Account,
    /// A direct inward dialling number.
    Did,
    /// A SIP extension.
    Extension,
    /// An email address.
    Eaddress,
}

impl AccountKind {
    /// The documented name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Did => "did",
            Self::Extension => "extension",
            Self::Eaddress => "eaddress",
        }
    }

    /// The type of this name.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Account, Self::Did, Self::Extension, Self::Eaddress]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }
}

/// The personal details of an account; all of them are personal data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct AccountProfile {
    pub username: Option<Line>,
    pub passwd: Option<Sealed>,
    pub passwd_pin: Option<Sealed>,
    pub first_name: Option<Line>,
    pub last_name: Option<Line>,
    pub phone: Option<PhoneNumber>,
    pub email: Option<EmailAddress>,
    pub address: Option<Line>,
    pub timezone: Option<TimeZone>,
}

/// A partial update of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct AccountPatch {
    pub username: Patch<Line>,
    pub passwd: Patch<Sealed>,
    pub passwd_pin: Patch<Sealed>,
    pub first_name: Patch<Line>,
    pub last_name: Patch<Line>,
    pub phone: Patch<PhoneNumber>,
    pub email: Patch<EmailAddress>,
    pub address: Patch<Line>,
    pub timezone: Patch<TimeZone>,
    pub kind: Patch<AccountKind>,
    pub active: Patch<bool>,
    pub extension: ExtensionPatch,
    pub did: DidPatch,
}

/// A command to an account.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum AccountCommand {
    Create {
        id: Id<Account>,
        owner: Owner,
        patch: AccountPatch,
        /// The addresses in the patch that its writer may assign.
        assigned: Vec<AddressAssignment>,
    },
    Update {
        patch: AccountPatch,
        /// The addresses in the patch that its writer may assign.
        assigned: Vec<AddressAssignment>,
        at: DateTime<Utc>,
    },
    /// Assigns an address of the profile to the account: an administrator vouches for it.
    AssignAddress(AddressAssignment),
    /// Allows the account to go on using an address that it used before addresses were verified.
    ProvideAddress {
        assignment: AddressAssignment,
        until: DateTime<Utc>,
    },
    /// Records that a code is sent to an address. The code is derived from the challenge and a key
    /// outside the log.
    StartVerification {
        field: AddressField,
        /// The normal form of the address that the code is sent to.
        address: String,
        fingerprint: String,
        challenge: String,
        at: DateTime<Utc>,
    },
    /// Records if a code was the one derived from this challenge.
    ConfirmVerification {
        field: AddressField,
        challenge: String,
        matches: bool,
        at: DateTime<Utc>,
    },
    /// Leaves an address that the account released, or has without proof, to another account.
    RelinquishAddress {
        field: AddressField,
        fingerprint: String,
        at: DateTime<Utc>,
        /// True if the address need not stay in quarantine first.
        freely: bool,
    },
    /// Enables the account for inbound transmissions of a program.
    Subscribe(Id<Program>),
    Unsubscribe(Id<Program>),
    UnsubscribeAll,
    /// Assigns the account to a user; its subscriptions, made by the last owner, end.
    Assign(Owner),
    /// Takes the account from its owner; it has none until it is assigned again. Its subscriptions
    /// end.
    Dissociate,
    /// Deactivates the account for a reason other than a change of the account itself.
    Deactivate {
        reason: String,
    },
    /// Deactivates the account and releases its addresses, because its user was deleted.
    Abandon {
        reason: String,
        at: DateTime<Utc>,
    },
    SetSetting {
        name: String,
        value: String,
    },
    ClearSetting {
        name: String,
    },
    /// Records that the SIP secret of an extension is answered to somebody.
    ReadSecret,
    /// Deletes the account, unless it is in use.
    Delete {
        at: DateTime<Utc>,
        uses: AccountUses,
    },
}

/// The uses of an account, according to the read models.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountUses {
    /// The number of programs that name it.
    pub programs: i64,
    /// The number of transmissions as this account that have not ended.
    pub transmissions: i64,
}

impl AccountUses {
    /// Refuses the deletion of an account that is in use.
    pub(super) fn check(self) -> Result<(), Refusal> {
        must_be_unused(&[
            Use {
                count: self.transmissions,
                one: "transmission as this account has not ended",
                many: "transmissions as this account have not ended",
            },
            Use {
                count: self.programs,
                one: "program names this account",
                many: "programs name this account",
            },
        ])
    }
}

/// An event of an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum AccountEvent {
    AccountCreated {
        id: Id<Account>,
        owner: Owner,
        kind: AccountKind,
        active: bool,
        profile: Personal<AccountProfile>,
    },
    AccountUpdated {
        kind: AccountKind,
        active: bool,
        profile: Personal<AccountProfile>,
    },
    AccountSubscribed {
        program_id: Id<Program>,
    },
    AccountUnsubscribed {
        program_id: Id<Program>,
    },
    AccountAssigned {
        owner: Owner,
    },
    AccountDissociated {},
    /// The account neither sends nor receives until an update activates it again.
    AccountDeactivated {
        reason: String,
    },
    AccountSettingSet {
        name: String,
        value: Personal<String>,
    },
    AccountSettingCleared {
        name: String,
    },
    /// The details of an extension; a change of the type ends them.
    AccountExtensionChanged {
        extension: Personal<ExtensionDetails>,
    },
    /// The details of a DID; a change of the type ends them.
    AccountDidChanged {
        did: Personal<DidDetails>,
    },
    /// The SIP secret of the extension was answered.
    AccountSecretRead {},
    /// The account receives at this address and may send as it: the code sent there was entered.
    AccountAddressVerified {
        field: AddressField,
        fingerprint: String,
    },
    /// The account may send as this address: an account administrator set it.
    AccountAddressAssigned {
        field: AddressField,
        fingerprint: String,
        /// True if the account receives at the address as well.
        receives: bool,
    },
    /// The account may use this address for a period of grace, since it used it before.
    AccountAddressProvided {
        field: AddressField,
        fingerprint: String,
        receives: bool,
        until: DateTime<Utc>,
    },
    /// The account neither receives at this address nor sends as it any more. A claim on the
    /// address stays in quarantine.
    AccountAddressReleased {
        field: AddressField,
        fingerprint: String,
        at: DateTime<Utc>,
    },
    /// The account's claim on this address ended, for another account to take it.
    AccountAddressRelinquished {
        field: AddressField,
        fingerprint: String,
    },
    AccountVerificationStarted {
        field: AddressField,
        fingerprint: String,
        /// A random number. The code is derived from it and a key outside the log.
        challenge: String,
        expires_at: DateTime<Utc>,
    },
    /// A wrong code was entered.
    AccountVerificationFailed {
        field: AddressField,
    },
    AccountDeleted {},
}
use AccountEvent::{
    AccountAddressAssigned, AccountAddressProvided, AccountAddressReleased,
    AccountAddressRelinquished, AccountAddressVerified, AccountAssigned, AccountCreated,
    AccountDeactivated, AccountDeleted, AccountDidChanged, AccountDissociated,
    AccountExtensionChanged, AccountSecretRead, AccountSettingCleared, AccountSettingSet,
    AccountSubscribed, AccountUnsubscribed, AccountUpdated, AccountVerificationFailed,
    AccountVerificationStarted,
};

impl DomainEvent for AccountEvent {
    fn event_type(&self) -> String {
        match self {
            AccountCreated { .. } => "AccountCreated",
            AccountUpdated { .. } => "AccountUpdated",
            AccountSubscribed { .. } => "AccountSubscribed",
            AccountUnsubscribed { .. } => "AccountUnsubscribed",
            AccountAssigned { .. } => "AccountAssigned",
            AccountDissociated {} => "AccountDissociated",
            AccountDeactivated { .. } => "AccountDeactivated",
            AccountSettingSet { .. } => "AccountSettingSet",
            AccountSettingCleared { .. } => "AccountSettingCleared",
            AccountExtensionChanged { .. } => "AccountExtensionChanged",
            AccountDidChanged { .. } => "AccountDidChanged",
            AccountSecretRead {} => "AccountSecretRead",
            AccountAddressVerified { .. } => "AccountAddressVerified",
            AccountAddressAssigned { .. } => "AccountAddressAssigned",
            AccountAddressProvided { .. } => "AccountAddressProvided",
            AccountAddressReleased { .. } => "AccountAddressReleased",
            AccountAddressRelinquished { .. } => "AccountAddressRelinquished",
            AccountVerificationStarted { .. } => "AccountVerificationStarted",
            AccountVerificationFailed { .. } => "AccountVerificationFailed",
            AccountDeleted {} => "AccountDeleted",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0.0".to_owned()
    }
}
