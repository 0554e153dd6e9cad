//! What stops a start: each names the setting and says what would be right.

use std::{io, path::PathBuf};

/// Why the configuration is not usable.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A misspelt name.
    #[error("There is no setting {name}{}. ledgerline --help lists all of them", .meant.map(|meant| format!("; did you mean {meant}")).unwrap_or_default())]
    Unknown {
        /// As it was written, with where.
        name: String,
        /// The nearest setting there is.
        meant: Option<&'static str>,
    },

    /// A value that does not do. `given` is left out of secrets.
    #[error("{setting} is {given}, but it must be {expected}")]
    Wrong {
        /// The variable, or the key and its file.
        setting: String,
        /// The value, as far as it may be shown.
        given: String,
        /// What would be right.
        expected: String,
    },

    /// A setting that another one requires.
    #[error("{missing} is not set, but {because} requires it")]
    Missing {
        /// What has to be set.
        missing: &'static str,
        /// What requires it.
        because: String,
    },

    /// The file cannot be read.
    #[error("The configuration file {} cannot be read: {source}", .path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },

    /// The file is not TOML.
    #[error("The configuration file {} is not valid TOML at line {line}: {message}", .path.display())]
    Toml {
        /// Its path.
        path: PathBuf,
        /// Where, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
}
