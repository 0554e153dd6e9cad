//! Settings of receiving.

use std::{net::SocketAddr, path::PathBuf};

use domain::{people::StopWords, values::EmailAddress};

use super::{error::ConfigError, values::Values};

/// Receiving.
#[derive(Debug, Clone)]
pub struct ReceivingConfig {
    /// `LEDGERLINE_STOP_LANGUAGES` (all that there are), `LEDGERLINE_STOP_WORDS` and
    /// `LEDGERLINE_START_WORDS` (none), `LEDGERLINE_STOP_ANSWER` (by language)
    pub words: StopWords,
    /// `LEDGERLINE_LMTP_LISTEN` (none)
    pub lmtp: Option<SocketAddr>,
    /// `LEDGERLINE_SMTP_LISTEN` (none)
    pub smtp: Option<SocketAddr>,
    /// `LEDGERLINE_SMTP_CERTIFICATE` and `LEDGERLINE_SMTP_CERTIFICATE_KEY` (none)
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// `LEDGERLINE_COMPLAINT_ADDRESS` (none)
    pub complaints: Option<EmailAddress>,
    /// `LEDGERLINE_MAIL_LIMIT_MB` (25), in bytes.
    pub mail_limit: usize,
}

impl ReceivingConfig {
    pub(super) fn load(values: &Values) -> Result<Self, ConfigError> {
        let answer = match values.text("LEDGERLINE_STOP_ANSWER") {
            Some("none") => Some(""),
            answer => answer,
        };
        let words = StopWords::for_languages(&languages(values)?, answer).with(
            &list(values, "LEDGERLINE_STOP_WORDS"),
            &list(values, "LEDGERLINE_START_WORDS"),
            answer,
        );
        let address = "an address and a port, as in 127.0.0.1:8024";
        let megabytes: usize = values.within("LEDGERLINE_MAIL_LIMIT_MB", 1..=256)?;
        let certificate = values.path("LEDGERLINE_SMTP_CERTIFICATE");
        let key = values.path("LEDGERLINE_SMTP_CERTIFICATE_KEY");
        let certificate = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => {
                let expected = "set together with LEDGERLINE_SMTP_CERTIFICATE_KEY";
                return Err(values.wrong("LEDGERLINE_SMTP_CERTIFICATE", expected));
            }
            (None, Some(_)) => {
                let expected = "set together with LEDGERLINE_SMTP_CERTIFICATE";
                return Err(values.wrong("LEDGERLINE_SMTP_CERTIFICATE_KEY", expected));
            }
        };
        Ok(Self {
            words,
            lmtp: values.optional("LEDGERLINE_LMTP_LISTEN", address)?,
            smtp: values.optional("LEDGERLINE_SMTP_LISTEN", address)?,
            certificate,
            complaints: values.optional("LEDGERLINE_COMPLAINT_ADDRESS", "an email address")?,
            mail_limit: megabytes << 20,
        })
    }
}

fn languages(values: &Values) -> Result<Vec<String>, ConfigError> {
    let name = "LEDGERLINE_STOP_LANGUAGES";
    let languages = list(values, name);
    let known = |wanted: &String| StopWords::languages().any(|known| known == wanted);
    match languages.as_slice() {
        [none] if none == "none" => Ok(Vec::new()),
        some if some.iter().all(known) => Ok(languages),
        _ => {
            let known: Vec<_> = StopWords::languages().collect();
            Err(values.wrong(name, &format!("some of {}, or none", known.join(","))))
        }
    }
}

fn list(values: &Values, name: &'static str) -> Vec<String> {
    let text = values.text(name).unwrap_or_default();
    let parts = text.split(',').map(|part| part.trim().to_owned());
    parts.filter(|part| !part.is_empty()).collect()
}
