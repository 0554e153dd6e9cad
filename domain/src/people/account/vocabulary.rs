//! What an account is told, and what happens to it.

use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use super::Account;
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
    },
    Update(AccountPatch),
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
    SetSetting {
        name: String,
        value: String,
    },
    ClearSetting {
        name: String,
    },
    Delete,
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
    AccountDeleted {},
}
use AccountEvent::{
    AccountAssigned, AccountCreated, AccountDeactivated, AccountDeleted, AccountDissociated,
    AccountSettingCleared, AccountSettingSet, AccountSubscribed, AccountUnsubscribed,
    AccountUpdated,
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
            AccountDeleted {} => "AccountDeleted",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0.0".to_owned()
    }
}
