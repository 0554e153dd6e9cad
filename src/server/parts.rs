//! The configuration of each part, from the settings.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use api::ApiConfig;
use commands::{addresses::Adoption, sending::Deadlines};
use eventstore::{MasterKey, clock};
use gateways::{
    Installation, WorkerConfig,
    callbacks::{Addresses, ClientNetwork},
};
use media::conversion::ConfinementConfig;

use crate::config::Config;

/// Time limit of one attempt on the wire.
const ATTEMPT: Duration = Duration::from_secs(60);

/// The network that identifies a client, as in the API.
pub fn client_network(config: &Config) -> ClientNetwork {
    let trust_proxy = config.server.trust_proxy;
    Arc::new(move |parts| api::client_network(parts, trust_proxy))
}

/// The configuration of the API.
pub fn api(config: &Config) -> ApiConfig {
    ApiConfig {
        token_ttl: config.access.token_ttl,
        login_attempts: config.access.login_attempts,
        login_attempts_per_address: config.access.login_attempts_per_address,
        password_policy: config.access.password_policy,
        upload_limit: config.server.upload_limit,
        document_pages: config.conversion.document_pages,
        recording_seconds: config.conversion.recording_seconds,
        import_limit: config.server.import_limit,
        body_memory: config.limits.body_memory,
        company: config.delivery.company.clone(),
        cpm_unit: config.delivery.cpm_unit,
        duplicates: config.delivery.campaign_duplicates,
        addresses: config.identity.policy,
        trust_proxy: config.server.trust_proxy,
        url: config.server.url.clone(),
        cors_origins: config.server.cors_origins.clone(),
        deadlines: deadlines(config),
        ..ApiConfig::default()
    }
}

/// The configuration of the confinement of programs that convert uploads.
pub fn confinement(config: &Config) -> ConfinementConfig {
    ConfinementConfig {
        policy: config.conversion.confinement,
        helper: std::env::current_exe().ok(),
        hidden: config.conversion.hidden.clone(),
    }
}

/// The parameters of the upgrade of addresses in use, at this start.
pub fn adoption(config: &Config) -> Adoption {
    let now = clock::now();
    Adoption {
        policy: config.identity.policy,
        until: now + config.identity.grace,
        at: now,
    }
}

/// The deadlines of the services.
pub fn deadlines(config: &Config) -> Deadlines {
    Deadlines {
        voice: config.delivery.voice_deadline,
        fax: config.delivery.fax_deadline,
        sms: config.delivery.sms_deadline,
        email: config.delivery.email_deadline,
    }
}

/// The configuration of the worker, which is named after host and process.
pub fn worker(config: &Config) -> WorkerConfig {
    let company = config.delivery.company.clone();
    WorkerConfig {
        name: format!("{}-{}", host_name(), std::process::id()),
        lease: config.delivery.lease,
        retry_base_seconds: retry_base_seconds(config),
        attempt: ATTEMPT,
        company: (!company.is_empty()).then_some(company),
        addresses: config.identity.policy,
    }
}

/// The first delay of the exponential backoff, in seconds.
pub fn retry_base_seconds(config: &Config) -> u32 {
    let seconds = config.delivery.retry_base.as_secs();
    seconds.try_into().unwrap_or(u32::MAX)
}

/// The installation as providers see it; `listening` is its address unless `LEDGERLINE_URL` is set.
pub fn installation(config: &Config, master: &MasterKey, listening: SocketAddr) -> Installation {
    let url = config.server.url.clone();
    let url = url.unwrap_or_else(|| format!("http://{listening}"));
    Installation {
        addresses: Addresses::new(&url, master.derive("report").to_vec().into()),
        domain: host_name(),
        tag_key: master.derive("return-path").to_vec().into(),
        node_id: config.process.node_id.and_then(|id| i32::try_from(id).ok()),
        networks: config.delivery.provider_networks.clone(),
    }
}

/// The name of this machine.
pub fn host_name() -> String {
    let name = nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok());
    name.filter(|name| !name.is_empty())
        .unwrap_or_else(|| "localhost".to_owned())
}
