//! Settings of sending.

use std::time::Duration;

use domain::delivery::PaceUnit;
use gateways::network::ProviderNetworks;

use super::{error::ConfigError, values::Values};

const WEEK: u64 = 7 * 24 * 3600;

/// Sending.
#[derive(Debug, Clone)]
pub struct DeliveryConfig {
    /// `LEDGERLINE_COMPANY` (empty)
    pub company: String,
    /// `LEDGERLINE_CAMPAIGN_DUPLICATES` (false)
    pub campaign_duplicates: bool,
    /// `LEDGERLINE_CPM_UNIT` (second)
    pub cpm_unit: PaceUnit,
    /// `LEDGERLINE_LEASE_SECONDS` (10)
    pub lease: Duration,
    /// `LEDGERLINE_RETRY_BASE_SECONDS` (60)
    pub retry_base: Duration,
    /// `LEDGERLINE_TRY_EMAIL_DEADLINE_SECONDS` (86400)
    pub email_deadline: Duration,
    /// `LEDGERLINE_TRY_SMS_DEADLINE_SECONDS` (3600)
    pub sms_deadline: Duration,
    /// `LEDGERLINE_TRY_FAX_DEADLINE_SECONDS` (1800)
    pub fax_deadline: Duration,
    /// `LEDGERLINE_TRY_VOICE_DEADLINE_SECONDS` (120)
    pub voice_deadline: Duration,
    /// `LEDGERLINE_PROVIDER_NETWORKS` (none: all that are not forbidden)
    pub provider_networks: ProviderNetworks,
}

impl DeliveryConfig {
    pub(super) fn load(values: &Values) -> Result<Self, ConfigError> {
        Ok(Self {
            company: values
                .text("LEDGERLINE_COMPANY")
                .unwrap_or_default()
                .to_owned(),
            campaign_duplicates: values.value("LEDGERLINE_CAMPAIGN_DUPLICATES", "true or false")?,
            cpm_unit: values.value("LEDGERLINE_CPM_UNIT", "second or minute")?,
            lease: values.seconds("LEDGERLINE_LEASE_SECONDS", 2..=3600)?,
            retry_base: values.seconds("LEDGERLINE_RETRY_BASE_SECONDS", 1..=3600)?,
            email_deadline: values.seconds("LEDGERLINE_TRY_EMAIL_DEADLINE_SECONDS", 1..=WEEK)?,
            sms_deadline: values.seconds("LEDGERLINE_TRY_SMS_DEADLINE_SECONDS", 1..=WEEK)?,
            fax_deadline: values.seconds("LEDGERLINE_TRY_FAX_DEADLINE_SECONDS", 1..=WEEK)?,
            voice_deadline: values.seconds("LEDGERLINE_TRY_VOICE_DEADLINE_SECONDS", 1..=WEEK)?,
            provider_networks: values
                .optional(
                    "LEDGERLINE_PROVIDER_NETWORKS",
                    "networks as in 10.0.0.0/8, separated by commas",
                )?
                .unwrap_or_default(),
        })
    }
}
