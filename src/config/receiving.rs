//! What is set about receiving.

use domain::people::StopWords;

use super::{error::ConfigError, values::Values};

/// Receiving.
#[derive(Debug, Clone)]
pub struct ReceivingConfig {
    /// `LEDGERLINE_STOP_LANGUAGES` (all that there are), `LEDGERLINE_STOP_WORDS` and
    /// `LEDGERLINE_START_WORDS` (none), `LEDGERLINE_STOP_ANSWER` (by language)
    pub words: StopWords,
}

impl ReceivingConfig {
    pub(super) fn load(values: &Values) -> Result<Self, ConfigError> {
        let answer = match values.text("LEDGERLINE_STOP_ANSWER") {
            Some("none") => Some(""),
            answer => answer,
        };
        let words = StopWords::of(&languages(values)?, answer).with(
            &list(values, "LEDGERLINE_STOP_WORDS"),
            &list(values, "LEDGERLINE_START_WORDS"),
            answer,
        );
        Ok(Self { words })
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
