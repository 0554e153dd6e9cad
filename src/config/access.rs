//! Settings of logins.

use std::time::Duration;

use api::PasswordPolicy;
use secrecy::SecretString;

use super::{error::ConfigError, values::Values};

const YEAR: u64 = 365 * 24 * 3600;

/// Users and tokens.
#[derive(Debug, Clone)]
pub struct AccessConfig {
    /// `LEDGERLINE_ADMIN_USERNAME` (admin)
    pub admin_username: String,
    /// `LEDGERLINE_ADMIN_PASSWORD` (none: a random one)
    pub admin_password: Option<SecretString>,
    /// `LEDGERLINE_TOKEN_TTL_SECONDS` (86400)
    pub token_ttl: Duration,
    /// `LEDGERLINE_LOGIN_ATTEMPTS` (10)
    pub login_attempts: u32,
    /// `LEDGERLINE_LOGIN_ATTEMPTS_PER_ADDRESS` (100)
    pub login_attempts_per_address: u32,
    /// `LEDGERLINE_PASSWORD_POLICY` (basic)
    pub password_policy: PasswordPolicy,
}

impl AccessConfig {
    pub(super) fn load(values: &Values) -> Result<Self, ConfigError> {
        Ok(Self {
            admin_username: values.value("LEDGERLINE_ADMIN_USERNAME", "a name")?,
            admin_password: values.secret("LEDGERLINE_ADMIN_PASSWORD"),
            token_ttl: values.seconds("LEDGERLINE_TOKEN_TTL_SECONDS", 60..=YEAR)?,
            login_attempts: values.within("LEDGERLINE_LOGIN_ATTEMPTS", 1..=10_000)?,
            login_attempts_per_address: values
                .within("LEDGERLINE_LOGIN_ATTEMPTS_PER_ADDRESS", 1..=1_000_000)?,
            password_policy: values.value("LEDGERLINE_PASSWORD_POLICY", "basic or strict")?,
        })
    }
}
