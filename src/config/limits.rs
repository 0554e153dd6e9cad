//! Settings of the connections of clients and the bodies that they send.

use std::net::SocketAddr;

use super::{error::ConfigError, values::Values};

/// Connections of clients, and bodies of requests.
#[derive(Debug, Clone)]
pub struct LimitsConfig {
    /// `LEDGERLINE_MAX_CONNECTIONS` (none: as many as the limit on open files leaves room for)
    pub connections: Option<usize>,
    /// `LEDGERLINE_MAX_CONNECTIONS_PER_ADDRESS` (512)
    pub connections_per_address: usize,
    /// `LEDGERLINE_BODY_MEMORY_MB` (256), in bytes.
    pub body_memory: usize,
    /// `LEDGERLINE_HEALTH_LISTEN` (none)
    pub health_listen: Option<SocketAddr>,
}

impl LimitsConfig {
    pub(super) fn load(values: &Values) -> Result<Self, ConfigError> {
        let connections = "LEDGERLINE_MAX_CONNECTIONS";
        let is_set = values.text(connections).is_some();
        let megabytes: usize = values.within("LEDGERLINE_BODY_MEMORY_MB", 32..=65_536)?;
        Ok(Self {
            connections: is_set
                .then(|| values.within(connections, 16..=1_000_000))
                .transpose()?,
            connections_per_address: values
                .within("LEDGERLINE_MAX_CONNECTIONS_PER_ADDRESS", 1..=1_000_000)?,
            body_memory: megabytes << 20,
            health_listen: values.optional(
                "LEDGERLINE_HEALTH_LISTEN",
                "an address and a port, as in 127.0.0.1:8001",
            )?,
        })
    }
}
