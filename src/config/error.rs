//! Errors that stop a start: each names the setting, and the value that would be right.

use std::{io, path::PathBuf};

/// The reason why the configuration is not usable.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A setting that does not exist, such as a misspelt one.
    #[error("There is no setting {name}{}. ledgerline --help lists all of them", .meant.map(|meant| format!("; did you mean {meant}")).unwrap_or_default())]
    Unknown {
        /// The name as it was written; for a key of the file, with the file.
        name: String,
        /// The nearest existing setting, if any is near.
        meant: Option<&'static str>,
    },

    /// A wrong value. `given` does not show the value of a secret.
    #[error("{setting} is {given}, but it must be {expected}")]
    Wrong {
        /// The variable, or the key and its file.
        setting: String,
        /// The value, as far as it may be shown.
        given: String,
        /// The values that would be right.
        expected: String,
    },

    /// A setting that another one requires.
    #[error("{missing} is not set, but {because} requires it")]
    Missing {
        /// The setting that must be set.
        missing: &'static str,
        /// The setting or option that requires it.
        because: String,
    },

    /// A file that cannot be read.
    #[error("The configuration file {} cannot be read: {source}", .path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },

    /// A file that is not TOML.
    #[error("The configuration file {} is not valid TOML at line {line}: {message}", .path.display())]
    Toml {
        /// Its path.
        path: PathBuf,
        /// The line of the error, from 1.
        line: usize,
        /// The error.
        message: String,
    },
}
