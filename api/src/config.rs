//! The settings of the API.

use std::time::Duration;

use commands::{addresses::AddressPolicy, sending::Deadlines};
use domain::delivery::PaceUnit;

use crate::PasswordPolicy;

/// The settings of the API. The root package reads them.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// The lifetime of a token (12 h).
    pub token_ttl: Duration,
    /// The most logins that may fail per user and address in five minutes (10).
    pub login_attempts: u32,
    /// The most logins that may fail per address in five minutes, whatever the names (100).
    pub login_attempts_per_address: u32,
    /// The rules for passwords that are set (basic).
    pub password_policy: PasswordPolicy,
    /// The most bytes of an uploaded medium (64 MiB).
    pub upload_limit: usize,
    /// The most pages of a document (500).
    pub document_pages: u32,
    /// The longest playing time of a recording, in seconds (3,600).
    pub recording_seconds: u32,
    /// The most bytes of a list that is imported (256 MiB).
    pub import_limit: usize,
    /// The most bytes that bodies of requests take in memory, over all connections
    /// (256 MiB).
    pub body_memory: usize,
    /// The company: `[company:name]` in messages, and the name of this installation in `/readyz`.
    pub company: String,
    /// True if `X-Forwarded-For` is trusted: only behind a proxy that sets it (no).
    pub trust_proxy: bool,
    /// The URL at which clients reach this installation (unknown); pages of its origin may
    /// change things.
    pub url: Option<String>,
    /// The origins whose pages may read answers in a browser, or `*` (none). Pages of the
    /// origins that are listed by name may change things too.
    pub cors_origins: Vec<String>,
    /// Time limit of a request until its answer begins (30 s).
    pub request_timeout: Duration,
    /// Time limit of an upload until its answer begins (15 min).
    pub upload_timeout: Duration,
    /// Time limits for the attempts of a send.
    pub deadlines: Deadlines,
    /// The unit of a campaign's `cpm` (transmissions per second).
    pub cpm_unit: PaceUnit,
    /// True if a campaign that does not say otherwise reaches the same phone or address twice (no).
    pub duplicates: bool,
    /// The rule for accounts that use the addresses written into them.
    pub addresses: AddressPolicy,
}

impl ApiConfig {
    /// Time limit of a request for this path.
    pub(crate) fn time_limit(&self, path: &str) -> Duration {
        let is_upload = path.ends_with("/media")
            || path.ends_with("/csv")
            || path.starts_with("/groups/import/contact_group/");
        if is_upload {
            self.upload_timeout
        } else {
            self.request_timeout
        }
    }

    /// The most bytes of any body.
    pub(crate) fn longest_body(&self) -> usize {
        self.upload_limit.max(self.import_limit)
    }
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            token_ttl: Duration::from_secs(12 * 60 * 60),
            login_attempts: 10,
            login_attempts_per_address: 100,
            password_policy: PasswordPolicy::default(),
            upload_limit: 64 << 20,
            document_pages: 500,
            recording_seconds: 3_600,
            import_limit: 256 << 20,
            body_memory: 256 << 20,
            company: "Ledgerline".to_owned(),
            trust_proxy: false,
            url: None,
            cors_origins: Vec::new(),
            request_timeout: Duration::from_secs(30),
            upload_timeout: Duration::from_secs(15 * 60),
            deadlines: Deadlines::default(),
            cpm_unit: PaceUnit::default(),
            duplicates: false,
            addresses: AddressPolicy::default(),
        }
    }
}
