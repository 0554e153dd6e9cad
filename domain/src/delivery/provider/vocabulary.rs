//! What a provider is told, and what happens to it.

use std::collections::BTreeMap;

use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Provider;
use crate::{
    Id, Patch,
    values::{Line, Sealed},
};

/// What speaks to it.
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
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Sip, Self::Smpp, Self::Http, Self::Smtp, Self::Sandbox];

    /// The documented type word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sip => "sip",
            Self::Smpp => "smpp",
            Self::Http => "http",
            Self::Smtp => "smtp",
            Self::Sandbox => "sandbox",
        }
    }

    /// Whether there is a gateway that speaks to it. What has none can be put on
    /// record, and nothing can be sent by it yet.
    pub const fn has_gateway(self) -> bool {
        match self {
            Self::Http | Self::Smpp | Self::Smtp | Self::Sandbox => true,
            Self::Sip => false,
        }
    }

    /// The services it can serve, as a `service_flag` mask; also its default.
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

    /// The port it listens on where none is given.
    pub const fn default_port(self) -> Option<u16> {
        match self {
            Self::Sip => Some(5060),
            Self::Smpp => Some(2775),
            Self::Http => Some(80),
            Self::Smtp => Some(25),
            Self::Sandbox => None,
        }
    }

    /// Whether it works without a username.
    pub(super) const fn needs_username(self) -> bool {
        matches!(self, Self::Smpp)
    }
}

/// Everything about a provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ProviderDetails {
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
    /// Settings that are secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, Sealed>,
    pub register: bool,
    pub weight: i32,
    pub active: bool,
    /// The most attempts that start in any second, over all workers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<u32>,
    /// The most attempts at the same time, over all workers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_limit: Option<u32>,
}

/// What a create or an update says.
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
    /// All of them but the secret ones.
    pub settings: Patch<Map<String, Value>>,
    /// Secret settings; one that is not named stays.
    pub secrets: BTreeMap<String, Patch<Sealed>>,
    pub register: Patch<bool>,
    pub weight: Patch<i32>,
    pub active: Patch<bool>,
    pub rate_limit: Patch<u32>,
    pub channel_limit: Patch<u32>,
}

/// What one can ask of a provider.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum ProviderCommand {
    Create {
        id: Id<Provider>,
        patch: Box<ProviderPatch>,
    },
    Update(Box<ProviderPatch>),
    Delete,
}

/// What happened to a provider.
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
