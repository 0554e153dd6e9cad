//! Settings of the REST API.

use std::{net::SocketAddr, time::Duration};

use super::{error::ConfigError, values::Values};

/// The REST API.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// `LEDGERLINE_LISTEN` (127.0.0.1:8000)
    pub listen: SocketAddr,
    /// `LEDGERLINE_TRUST_PROXY` (false)
    pub trust_proxy: bool,
    /// `LEDGERLINE_CORS_ORIGINS` (none)
    pub cors_origins: Vec<String>,
    /// `LEDGERLINE_HEADER_SECONDS` (60)
    pub header_timeout: Duration,
    /// `LEDGERLINE_UPLOAD_LIMIT_MB` (25), in bytes.
    pub upload_limit: usize,
    /// `LEDGERLINE_IMPORT_LIMIT_MB` (256), in bytes.
    pub import_limit: usize,
    /// `LEDGERLINE_URL` (none: the address in `listen`), at which browsers, providers and commands
    /// reach this installation.
    pub url: Option<String>,
}

impl ServerConfig {
    pub(super) fn load(values: &Values) -> Result<Self, ConfigError> {
        let megabytes: usize = values.within("LEDGERLINE_UPLOAD_LIMIT_MB", 1..=1024)?;
        let of_lists: usize = values.within("LEDGERLINE_IMPORT_LIMIT_MB", 1..=16384)?;
        Ok(Self {
            listen: values.value(
                "LEDGERLINE_LISTEN",
                "an address and a port, as in 127.0.0.1:8000",
            )?,
            trust_proxy: values.value("LEDGERLINE_TRUST_PROXY", "true or false")?,
            cors_origins: origins(values)?,
            header_timeout: values.seconds("LEDGERLINE_HEADER_SECONDS", 1..=600)?,
            upload_limit: megabytes * 1024 * 1024,
            import_limit: of_lists * 1024 * 1024,
            url: url(values)?,
        })
    }
}

/// The URL at which clients reach this installation.
fn url(values: &Values) -> Result<Option<String>, ConfigError> {
    let name = "LEDGERLINE_URL";
    match values.text(name) {
        Some(url) if !api::is_web_url(url) => {
            Err(values.wrong(name, "a URL as in https://uc.example"))
        }
        url => Ok(url.map(str::to_owned)),
    }
}

/// The origins that may use the API: `*`, or origins as browsers write them, a scheme, a host and
/// perhaps a port.
fn origins(values: &Values) -> Result<Vec<String>, ConfigError> {
    let name = "LEDGERLINE_CORS_ORIGINS";
    let text = values.text(name).unwrap_or_default();
    let origins: Vec<String> = text
        .split(',')
        .map(|origin| origin.trim().to_owned())
        .filter(|origin| !origin.is_empty())
        .collect();
    let is_origin = |origin: &String| {
        let host = ["https://", "http://"].map(|scheme| origin.strip_prefix(scheme));
        let host = host.into_iter().flatten().next().unwrap_or_default();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.:[]".contains(c);
        !host.is_empty() && host.chars().all(plain) && api::is_origin(origin)
    };
    match origins.as_slice() {
        [all] if all == "*" => Ok(origins),
        some if some.iter().all(is_origin) => Ok(origins),
        _ => Err(values.wrong(
            name,
            "origins as in https://app.example, in small letters, or *",
        )),
    }
}
