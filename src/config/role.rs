//! The roles of processes.

use std::{fmt, str::FromStr};

/// The role of a process: the part of the work that it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// All parts.
    All,
    /// Answers requests of the API.
    Api,
    /// Sends, receives mail, and runs the process managers.
    Worker,
    /// Keeps the read models and the queue up to date.
    Projector,
}

impl FromStr for Role {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "all" => Ok(Self::All),
            "api" => Ok(Self::Api),
            "worker" => Ok(Self::Worker),
            "projector" => Ok(Self::Projector),
            _ => Err(()),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "all",
            Self::Api => "api",
            Self::Worker => "worker",
            Self::Projector => "projector",
        })
    }
}
