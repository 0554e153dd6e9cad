//! The commands and events of a provider.

use std::collections::BTreeMap;

use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Provider;
use crate::{
    Id, Patch,
    access::Tenant,
    values::{Line, Sealed},
};

/// The type of a provider, which selects the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum ProviderKind {
    Sip,
    Smpp,
    Http,
    Smtp,
    Sandbox,
}

impl ProviderKind {
    /// All types.
    pub const ALL: [Self; 5] = [Self::Sip, Self::Smpp, Self::Http, Self::Smtp, Self::Sandbox];

    /// The documented name of the type.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sip => "sip",
            Self::Smpp => "smpp",
            Self::Http => "http",
            Self::Smtp => "smtp",
            Self::Sandbox => "sandbox",
        }
    }

    /// True if there is a gateway for this type. A provider without one can be created, and cannot
    /// send yet.
    pub const fn has_gateway(self) -> bool {
        match self {
            Self::Http | Self::Smpp | Self::Smtp | Self::Sandbox => true,
            Self::Sip => false,
        }
    }

    /// The services that the type can serve, as a `service_flag` mask; also the default of that
    /// field.
    pub const fn services(self) -> i32 {
        match self {
            Self::Sip => 3,
            Self::Smpp | Self::Http => 4,
            Self::Smtp => 8,
            Self::Sandbox => 15,
        }
    }

    /// The documented `gateway_flag` that follows from the type.
    pub const fn gateway_flag(self) -> i32 {
        match self {
            Self::Sip => 16,
            Self::Smpp => 32,
            Self::Http => 2,
            Self::Smtp => 4,
            Self::Sandbox => 128,
        }
    }

    /// The default port.
    pub const fn default_port(self) -> Option<u16> {
        match self {
            Self::Sip => Some(5060),
            Self::Smpp => Some(2775),
            Self::Http => Some(80),
            Self::Smtp => Some(25),
            Self::Sandbox => None,
        }
    }

    /// True if a provider of this type must have a username.
    pub(super) const fn needs_username(self) -> bool {
        matches!(self, Self::Smpp)
    }
}

/// The details of a provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ProviderDetails {
    /// The tenant that alone uses the provider; `None`: all of the installation do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<Id<Tenant>>,
    pub name: Line,
    pub kind: ProviderKind,
    pub service_flag: i32,
    pub gateway_flag: i32,
    pub node_id: Option<i32>,
    pub host: Option<Line>,
    pub port: Option<u16>,
    pub username: Option<Line>,
    pub password: Option<Sealed>,
    pub dialstring: Option<Line>,
    pub prefix: Option<Line>,
    pub settings: Map<String, Value>,
    /// The secret settings, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, Sealed>,
    pub register: bool,
    pub weight: i32,
    pub active: bool,
    /// The rate limit: the most attempts that start in any second, over all workers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<u32>,
    /// The concurrency limit: the most attempts at the same time, over all workers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_limit: Option<u32>,
}

/// The fields of a create or an update.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct ProviderPatch {
    pub name: Patch<Line>,
    pub kind: Patch<ProviderKind>,
    pub service_flag: Patch<i32>,
    pub gateway_flag: Patch<i32>,
    pub node_id: Patch<i32>,
    pub host: Patch<Line>,
    pub port: Patch<u16>,
    pub username: Patch<Line>,
    pub password: Patch<Sealed>,
    pub dialstring: Patch<Line>,
    pub prefix: Patch<Line>,
    /// All settings but the secret ones.
    pub settings: Patch<Map<String, Value>>,
    /// Secret settings; those that are absent stay as they are.
    pub secrets: BTreeMap<String, Patch<Sealed>>,
    pub register: Patch<bool>,
    pub weight: Patch<i32>,
    pub active: Patch<bool>,
    pub rate_limit: Patch<u32>,
    pub channel_limit: Patch<u32>,
}

/// A command to a provider.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum ProviderCommand {
    Create {
        id: Id<Provider>,
        /// The tenant that alone is to use the provider, if one is.
        tenant: Option<Id<Tenant>>,
        patch: Box<ProviderPatch>,
    },
    Update(Box<ProviderPatch>),
    Delete,
}

/// An event of a provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum ProviderEvent {
    ProviderCreated {
        id: Id<Provider>,
        details: Box<ProviderDetails>,
    },
    ProviderUpdated {
        details: Box<ProviderDetails>,
    },
    ProviderDeleted {},
}
use ProviderEvent::{ProviderCreated, ProviderDeleted, ProviderUpdated};

impl DomainEvent for ProviderEvent {
    fn event_type(&self) -> String {
        match self {
            ProviderCreated { .. } => "ProviderCreated",
            ProviderUpdated { .. } => "ProviderUpdated",
            ProviderDeleted {} => "ProviderDeleted",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0.0".to_owned()
    }
}
