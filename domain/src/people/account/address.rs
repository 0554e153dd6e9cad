//! The addresses that an account receives at and sends as, and the grounds for its right to them.
//!
//! Writing a phone number or an email address into an account grants nothing. A *grant* is made
//! when the address is verified (the code sent there was entered) or assigned (an account
//! administrator set it). A grant that receives holds the installation's one claim on the address;
//! a grant that does not is a shared caller id. A claim that its holder gives up stays in
//! quarantine before others can take it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::AccountProfile;
use crate::Claim;

/// An address field of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AddressField {
    /// `email`: the address that receives mail, and the author of sent mail.
    Email,
    /// `phone`: the number that receives calls, faxes and short messages, and the caller id.
    Phone,
}

impl AddressField {
    /// Both fields, in the order of an account's fields.
    pub const ALL: [Self; 2] = [Self::Phone, Self::Email];

    /// The field's name, as clients write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
        }
    }

    /// The field of this name.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.as_str() == word)
    }

    /// The set within which an address of this field has one holder.
    pub const fn claim_scope(self) -> &'static str {
        match self {
            Self::Email => "account.email",
            Self::Phone => "account.phone",
        }
    }

    /// The address that a profile has in this field.
    pub fn value(self, profile: &AccountProfile) -> Option<&str> {
        match self {
            Self::Email => profile.email.as_ref().map(|email| email.as_str()),
            Self::Phone => profile.phone.as_ref().map(|phone| phone.as_str()),
        }
    }

    /// The claim on an address, given its fingerprint.
    pub fn claim(self, fingerprint: String) -> Claim {
        Claim {
            field: self.as_str(),
            scope: self.claim_scope(),
            value: fingerprint,
        }
    }
}

/// The ground on which an account may use an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AddressBasis {
    /// The code sent to the address was entered.
    Verified,
    /// An account administrator set it.
    Assigned,
    /// The address was in use before addresses were verified; it may be used until the period of
    /// grace ends.
    Provisional {
        /// The end of the period of grace.
        until: DateTime<Utc>,
    },
}

/// A right to use one address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressGrant {
    /// The ground for the right.
    pub basis: AddressBasis,
    /// The keyed fingerprint of the address in its normal form.
    pub fingerprint: String,
    /// True if the account receives at the address; else the address is a shared caller id.
    pub receives: bool,
}

impl AddressGrant {
    /// True if the grant holds at this moment.
    pub fn is_valid(&self, at: DateTime<Utc>) -> bool {
        match self.basis {
            AddressBasis::Provisional { until } => at < until,
            AddressBasis::Verified | AddressBasis::Assigned => true,
        }
    }
}

/// An address as an administrator sets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressAssignment {
    /// The field of the address.
    pub field: AddressField,
    /// The normal form of the address. The assignment is refused if the account has another address
    /// by now.
    pub address: String,
    /// The keyed fingerprint of the normal form.
    pub fingerprint: String,
    /// True if the account is to receive at the address.
    pub receives: bool,
}
