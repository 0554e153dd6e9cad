//! Settings of the log that is written to standard error.

use std::str::FromStr;

use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use super::{error::ConfigError, values::Values};

/// The log.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// `LEDGERLINE_LOG` (info), which has been checked to be a filter.
    pub filter: String,
    /// `LEDGERLINE_LOG_FORMAT` (human)
    pub format: LogFormat,
}

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for a terminal.
    Human,
    /// A JSON object on each line.
    Json,
}

impl LogConfig {
    pub(super) fn load(values: &Values) -> Result<Self, ConfigError> {
        let filter: String = values.value("LEDGERLINE_LOG", "a filter")?;
        if EnvFilter::try_new(&filter).is_err() || filter.split(',').any(is_no_level) {
            return Err(values.wrong(
                "LEDGERLINE_LOG",
                "a filter, as in info or warn,ledgerline=debug",
            ));
        }
        Ok(Self {
            filter,
            format: values.value("LEDGERLINE_LOG_FORMAT", "human or json")?,
        })
    }
}

/// True for a part of a filter that is a word alone, but no level: it would be taken for the name
/// of a module, and all else would be off.
fn is_no_level(part: &str) -> bool {
    let part = part.trim();
    let is_word = !part.is_empty() && !part.contains(['=', '[', ':']);
    is_word && part.parse::<LevelFilter>().is_err()
}

impl FromStr for LogFormat {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "human" => Ok(Self::Human),
            "json" => Ok(Self::Json),
            _ => Err(()),
        }
    }
}
