//! What can be set.

use std::time::Duration;

use commands::{addresses::AddressPolicy, sending::Deadlines};
use domain::delivery::PaceUnit;

use crate::PasswordPolicy;

/// How the API behaves. The root package reads it from settings.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// How long a token is good for (12 h).
    pub token_ttl: Duration,
    /// How many logins may fail per user and address in five minutes (10).
    pub login_attempts: u32,
    /// The most logins that may fail per address in five minutes, whatever the names (100).
    pub login_attempts_per_address: u32,
    /// The rules for passwords that are set (basic).
    pub password_policy: PasswordPolicy,
    /// The most bytes of an uploaded medium (64 MiB).
    pub upload_limit: usize,
    /// The most pages of a document (500).
    pub document_pages: u32,
    /// How long a recording may play, in seconds (3,600).
    pub recording_seconds: u32,
    /// The most bytes of a list that is imported (256 MiB).
    pub import_limit: usize,
    /// The most bytes that bodies of requests take in memory, over all connections
    /// (256 MiB).
    pub body_memory: usize,
    /// What `[company:name]` says in messages, and `/readyz` calls this installation.
    pub company: String,
    /// Whether `X-Forwarded-For` is believed: only behind a proxy that sets it.
    pub trust_proxy: bool,
    /// The URL at which clients reach this installation (unknown); pages of its origin may
    /// change things.
    pub url: Option<String>,
    /// The origins whose pages may read answers in a browser, or `*` (none). Pages of the
    /// origins that are listed by name may change things too.
    pub cors_origins: Vec<String>,
    /// How long a request may take until its answer begins (30 s).
    pub request_timeout: Duration,
    /// The same for an upload (15 min).
    pub upload_timeout: Duration,
    /// How long a send is tried.
    pub deadlines: Deadlines,
    /// In what a campaign's `cpm` counts (transmissions per second).
    pub cpm_unit: PaceUnit,
    /// Whether a campaign that does not say reaches the same phone or address twice (no).
    pub duplicates: bool,
    /// Which accounts may use the addresses that are written into them.
    pub addresses: AddressPolicy,
}

impl ApiConfig {
    /// How long a request for this path may take.
    pub(crate) fn time_limit(&self, path: &str) -> Duration {
        let is_upload = path.ends_with("/media")
            || path.ends_with("/csv")
            || path.starts_with("/groups/import/contact_group/");
        match is_upload {
            true => self.upload_timeout,
            false => self.request_timeout,
        }
    }

    /// The most bytes that any body has.
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
