//! The services: voice, fax, SMS and email.

use serde::{Deserialize, Serialize};

/// A service of transmissions; a provider serves one or more. The numbers are the documented
/// `service_flag` bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// Telephone calls, bit 1.
    Voice,
    /// Fax, bit 2.
    Fax,
    /// Short messages, bit 4.
    Sms,
    /// Email, bit 8.
    Email,
}

impl Service {
    /// All services, in the order of their bits.
    pub const ALL: [Self; 4] = [Self::Voice, Self::Fax, Self::Sms, Self::Email];

    /// The documented `service_flag` bit.
    pub const fn flag(self) -> i32 {
        match self {
            Self::Voice => 1,
            Self::Fax => 2,
            Self::Sms => 4,
            Self::Email => 8,
        }
    }

    /// The service with exactly this bit.
    pub fn from_flag(flag: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.flag() == flag)
    }

    /// The documented name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Voice => "voice",
            Self::Fax => "fax",
            Self::Sms => "sms",
            Self::Email => "email",
        }
    }
}
