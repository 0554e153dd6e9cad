//! The outcomes of attempts and their result rows.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The outcome of an attempt, classified once by the gateway's adapter and never reinterpreted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The remote side accepted the message.
    Delivered,
    /// A permanent failure: a retry would get the same answer.
    Rejected,
    /// The recipient was reached, and was busy or did not answer.
    Unanswered,
    /// The remote side was not reached.
    Unavailable,
    /// The message may or may not have been delivered.
    Unknown,
}

impl Outcome {
    /// The documented name.
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

/// The kind of a result row.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResultKind {
    /// An application's own result.
    Application,
    /// A contact that the attempt met.
    Contact,
    /// A message that the attempt used.
    Message,
    /// Other information.
    Info,
    /// An error.
    Error,
}

impl ResultKind {
    /// The documented name.
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

/// A result of an attempt: a row of `GET spools/{id}/result`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SpoolResult {
    /// The kind of the row.
    pub kind: ResultKind,
    /// The name of the application or field.
    pub name: String,
    /// The value. A response of the remote side may contain a person's address.
    pub data: String,
}

impl SpoolResult {
    /// The most rows of an event; their ids are derived from its position.
    pub const MOST_IN_EVENT: u8 = 32;

    /// Makes a result row.
    pub fn new(kind: ResultKind, name: impl Into<String>, data: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
            data: data.into(),
        }
    }
}
