//! The listeners of a process, and the limits of those for HTTP.

use std::net::SocketAddr;

use anyhow::Context;
use gateways::inbound_mail::CONNECTIONS as MAIL_CONNECTIONS;
use tokio::net::TcpListener;

use super::{
    HttpConfig,
    connections::{ConnectionLimits, Connections},
    files::{connections_within, raise_limit},
};
use crate::{
    config::{Config, Role},
    inbound_mail,
};

/// The connection limits of the listener for health.
const HEALTH_CONNECTIONS: ConnectionLimits = ConnectionLimits {
    all: 32,
    per_network: Some(16),
};

/// A listener, and the settings of its connections.
pub type Bound = (TcpListener, HttpConfig);

/// The listeners of a process.
pub struct Listeners {
    /// The listener for everything.
    pub api: Option<Bound>,
    /// The listener for health and metrics only.
    pub health: Option<Bound>,
    /// The listeners for mail.
    pub mail: Option<inbound_mail::Bound>,
}

impl Listeners {
    /// Begins to listen, after raising the limit on open files.
    ///
    /// # Errors
    /// When an address is taken, or the certificate of the one for mail cannot be used.
    pub async fn bind(config: &Config) -> anyhow::Result<Self> {
        let limits = connection_limits(config);
        let has_api = matches!(config.process.role, Role::All | Role::Api);
        let has_worker = matches!(config.process.role, Role::All | Role::Worker);
        Ok(Self {
            api: if has_api {
                let listener = listen("LEDGERLINE_LISTEN", config.server.listen).await?;
                Some((listener, http_config(config, "api", limits)))
            } else {
                None
            },
            health: match config.limits.health_listen {
                Some(address) => {
                    let listener = listen("LEDGERLINE_HEALTH_LISTEN", address).await?;
                    Some((listener, http_config(config, "health", HEALTH_CONNECTIONS)))
                }
                None => None,
            },
            mail: if has_worker {
                Some(inbound_mail::Bound::bind(&config.receiving).await?)
            } else {
                None
            },
        })
    }
}

async fn listen(setting: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| format!("{setting}: cannot listen on {address}"))
}

fn connection_limits(config: &Config) -> ConnectionLimits {
    let mail = [config.receiving.lmtp, config.receiving.smtp];
    let mail = mail
        .iter()
        .flatten()
        .map(|_| MAIL_CONNECTIONS as u64)
        .sum::<u64>();
    let others = u64::from(config.database.connections) + mail;
    let per_address = config.limits.connections_per_address;
    ConnectionLimits {
        all: connections_within(raise_limit(), others, config.limits.connections),
        // With a trusted proxy every peer is a proxy, and connections do not tell its clients
        // apart.
        per_network: (!config.server.trust_proxy).then_some(per_address),
    }
}

fn http_config(config: &Config, listener: &'static str, limits: ConnectionLimits) -> HttpConfig {
    HttpConfig {
        header_timeout: config.server.header_timeout,
        trust_proxy: config.server.trust_proxy,
        connections: Connections::new(listener, limits),
    }
}
