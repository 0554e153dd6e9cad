//! Settings of this process among the others of an installation.

use super::{error::ConfigError, role::Role, values::Values};

/// The role of this process in an installation.
#[derive(Debug, Clone)]
pub struct ProcessConfig {
    /// `LEDGERLINE_ROLE` (all)
    pub role: Role,
    /// `LEDGERLINE_NODE_ID` (none)
    pub node_id: Option<i64>,
}

impl ProcessConfig {
    pub(super) fn load(values: &Values) -> Result<Self, ConfigError> {
        let number = "a whole number from 1";
        let node_id: Option<i64> = values.optional("LEDGERLINE_NODE_ID", number)?;
        if node_id.is_some_and(|id| id < 1) {
            return Err(values.wrong("LEDGERLINE_NODE_ID", number));
        }
        Ok(Self {
            role: values.value("LEDGERLINE_ROLE", "all, api, worker or projector")?,
            node_id,
        })
    }
}
