//! Settings of the addresses of accounts.

use std::time::Duration;

use commands::addresses::AddressPolicy;

use super::{error::ConfigError, values::Values};

const DAY: u64 = 24 * 60 * 60;

/// Addresses of accounts.
#[derive(Debug, Clone)]
pub struct IdentityConfig {
    /// `LEDGERLINE_ADDRESSES` (verified)
    pub policy: AddressPolicy,
    /// `LEDGERLINE_SENDER_GRACE` (30), in days.
    pub grace: Duration,
}

impl IdentityConfig {
    pub(super) fn load(values: &Values) -> Result<Self, ConfigError> {
        let policy = match values.text("LEDGERLINE_ADDRESSES") {
            Some("verified") => AddressPolicy::Verified,
            Some("trusted") => AddressPolicy::Trusted,
            _ => return Err(values.wrong("LEDGERLINE_ADDRESSES", "verified or trusted")),
        };
        let days: u64 = values.within("LEDGERLINE_SENDER_GRACE", 0..=3_650)?;
        Ok(Self {
            policy,
            grace: Duration::from_secs(days * DAY),
        })
    }
}
