//! Settings of the conversion of uploads.

use std::path::PathBuf;

use media::conversion::{ConfinementPolicy, Limits};

use super::{
    error::ConfigError,
    values::{Sources, Values},
};

/// The conversion of uploads.
#[derive(Debug, Clone)]
pub struct ConversionConfig {
    /// `LEDGERLINE_DOCUMENT_PAGES` (500)
    pub document_pages: u32,
    /// `LEDGERLINE_RECORDING_SECONDS` (3600)
    pub recording_seconds: u32,
    /// `LEDGERLINE_CONVERSION_SECONDS` (60), `LEDGERLINE_CONVERSION_MEMORY_MB` (1024) and
    /// `LEDGERLINE_CONVERSIONS` (2)
    pub limits: Limits,
    /// `LEDGERLINE_CONFINEMENT` (auto)
    pub confinement: ConfinementPolicy,
    /// Files with secrets, and the data directory: no program that converts may see them.
    pub hidden: Vec<PathBuf>,
}

impl ConversionConfig {
    pub(super) fn load(values: &Values, sources: &Sources) -> Result<Self, ConfigError> {
        let megabytes: u64 = values.within("LEDGERLINE_CONVERSION_MEMORY_MB", 128..=65_536)?;
        let policy = values.text("LEDGERLINE_CONFINEMENT").unwrap_or_default();
        let Ok(confinement) = policy.parse() else {
            return Err(values.wrong("LEDGERLINE_CONFINEMENT", "auto, required or off"));
        };
        let file = sources.file.as_ref().map(|(path, _)| path.clone());
        let others = ["LEDGERLINE_DATA_DIR", "LEDGERLINE_SMTP_CERTIFICATE_KEY"];
        let others = others.into_iter().filter_map(|name| values.path(name));
        Ok(Self {
            recording_seconds: values.within("LEDGERLINE_RECORDING_SECONDS", 1..=14_400)?,
            document_pages: values.within("LEDGERLINE_DOCUMENT_PAGES", 1..=10_000)?,
            limits: Limits {
                time: values.seconds("LEDGERLINE_CONVERSION_SECONDS", 1..=300)?,
                memory: megabytes << 20,
                at_once: values.within("LEDGERLINE_CONVERSIONS", 1..=64)?,
                ..Limits::default()
            },
            confinement,
            hidden: file.into_iter().chain(others).collect(),
        })
    }
}
