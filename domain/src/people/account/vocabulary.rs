//! What an account is told, and what happens to it.

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use super::{Account, AddressAssignment, AddressField};
use crate::{
    Id, Patch, Personal,
    access::User,
    outreach::Program,
    reference::TimeZone,
    values::{EmailAddress, Line, PhoneNumber, Sealed},
};

/// What an account stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountKind {
    /// A person or desk, reached by whatever it has.
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
    /// The documented word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Did => "did",
            Self::Extension => "extension",
            Self::Eaddress => "eaddress",
        }
    }

    /// The kind that this word names.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Account, Self::Did, Self::Extension, Self::Eaddress]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }
}

/// Who an account is; all of it personal.
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

/// What an update changes.
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
}

/// What one can ask of an account.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum AccountCommand {
    Create {
        id: Id<Account>,
        owner: Id<User>,
        patch: AccountPatch,
        /// The addresses in it that its writer may assign.
        assigned: Vec<AddressAssignment>,
    },
    Update {
        patch: AccountPatch,
        /// The addresses in it that its writer may assign.
        assigned: Vec<AddressAssignment>,
        at: DateTime<Utc>,
    },
    /// Gives it an address that it has: an administrator's word that it is theirs.
    AssignAddress(AddressAssignment),
    /// Lets it go on using an address that it used before addresses were verified.
    ProvideAddress {
        assignment: AddressAssignment,
        until: DateTime<Utc>,
    },
    /// Records that a code goes to an address. The code follows from the challenge and a
    /// key outside the log.
    StartVerification {
        field: AddressField,
        /// The normal form of the address that the code went to.
        address: String,
        fingerprint: String,
        challenge: String,
        at: DateTime<Utc>,
    },
    /// Records whether a code was the one that follows from this challenge.
    ConfirmVerification {
        field: AddressField,
        challenge: String,
        matches: bool,
        at: DateTime<Utc>,
    },
    /// Leaves an address that it released, or has without proof, to another account.
    RelinquishAddress {
        field: AddressField,
        fingerprint: String,
        at: DateTime<Utc>,
        /// True if the address need not stay in quarantine first.
        freely: bool,
    },
    /// Enables it for inbound transmissions of a program.
    Subscribe(Id<Program>),
    Unsubscribe(Id<Program>),
    UnsubscribeAll,
    /// Gives it to a user; its subscriptions, made by the last owner, end.
    Assign(Id<User>),
    /// Takes it from its owner; nobody's until it is assigned again.
    Dissociate,
    /// Deactivates it for a reason other than a change of the account itself.
    Deactivate {
        reason: String,
    },
    /// Deactivates it and releases its addresses: its user was deleted.
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
    Delete {
        at: DateTime<Utc>,
    },
}

/// What happened to an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum AccountEvent {
    AccountCreated {
        id: Id<Account>,
        owner: Id<User>,
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
        owner: Id<User>,
    },
    AccountDissociated {},
    /// Neither sends nor receives until an update activates it again.
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
    /// It receives at this address and may send as it: a code sent there was repeated.
    AccountAddressVerified {
        field: AddressField,
        fingerprint: String,
    },
    /// It may send as this address: an account administrator set it.
    AccountAddressAssigned {
        field: AddressField,
        fingerprint: String,
        /// True if the account receives there as well.
        receives: bool,
    },
    /// It may use this address for a period of grace, since it did before.
    AccountAddressProvided {
        field: AddressField,
        fingerprint: String,
        receives: bool,
        until: DateTime<Utc>,
    },
    /// It neither receives at this address nor sends as it any more. The claim on it stays
    /// in quarantine.
    AccountAddressReleased {
        field: AddressField,
        fingerprint: String,
        at: DateTime<Utc>,
    },
    /// Its claim on this address ended, for another account to take it.
    AccountAddressRelinquished {
        field: AddressField,
        fingerprint: String,
    },
    AccountVerificationStarted {
        field: AddressField,
        fingerprint: String,
        /// A random number. The code follows from it and a key outside the log.
        challenge: String,
        expires_at: DateTime<Utc>,
    },
    /// A wrong code was given.
    AccountVerificationFailed {
        field: AddressField,
    },
    AccountDeleted {},
}
use AccountEvent::{
    AccountAddressAssigned, AccountAddressProvided, AccountAddressReleased,
    AccountAddressRelinquished, AccountAddressVerified, AccountAssigned, AccountCreated,
    AccountDeactivated, AccountDeleted, AccountDissociated, AccountSettingCleared,
    AccountSettingSet, AccountSubscribed, AccountUnsubscribed, AccountUpdated,
    AccountVerificationFailed, AccountVerificationStarted,
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
