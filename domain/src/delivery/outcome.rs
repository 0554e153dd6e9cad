//! How an attempt can end.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Classified once, by the gateway's adapter, and never reinterpreted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The remote side took it.
    Delivered,
    /// A final no: trying again would get the same answer.
    Rejected,
    /// Reached, and busy or silent.
    Unanswered,
    /// The remote side was never reached.
    Unavailable,
    /// It may or may not have happened; nobody can tell.
    Unknown,
}

impl Outcome {
    /// The documented word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Rejected => "rejected",
            Self::Unanswered => "unanswered",
            Self::Unavailable => "unavailable",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What kind of thing a result row says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResultKind {
    /// An application's own result.
    Application,
    /// A contact that came up.
    Contact,
    /// A message that was used.
    Message,
    /// Something worth knowing.
    Info,
    /// Something that went wrong.
    Error,
}

impl ResultKind {
    /// The documented word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Contact => "contact",
            Self::Message => "message",
            Self::Info => "info",
            Self::Error => "error",
        }
    }
}

/// One thing learned during an attempt: a row of `GET spools/{id}/result`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SpoolResult {
    /// What kind of thing it says.
    pub kind: ResultKind,
    /// Which application or field.
    pub name: String,
    /// What was learned. The remote side's words may hold a person's address.
    pub data: String,
}

impl SpoolResult {
    /// A result row.
    pub fn new(kind: ResultKind, name: impl Into<String>, data: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
            data: data.into(),
        }
    }
}
