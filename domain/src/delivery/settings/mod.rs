//! What a provider's `settings` may say, by type; read here once for the API, which
//! refuses what is wrong, and for the adapters.
//!
//! Each type has a struct of its settings, which is their list: the name, what it may
//! be, and what holds without it. What is not in it is no setting of that type. `null`
//! and the empty string mean the default; numbers and flags may come as text.
//!
//! Secrets among them ([`secrets`]) are never kept here: they are sealed apart, as the
//! password is.

mod destination;
mod http;
mod read;
mod sip;
mod smpp;
mod smtp;
mod template;

use serde_json::{Map, Value};

use super::ProviderKind;

pub(super) use destination::Destination;
pub use http::HttpSettings;
pub use sip::{Dtmf, SipSettings, Transport};
pub use smpp::{Alphabet, Bind, MessageIds, SmppSettings};
pub use smtp::{ListUnsubscribe, SmtpSettings, Tls};
pub use template::{BodyKind, HttpTemplate, Slot, Success, Template};

/// What is wrong: the field, and what it must be.
pub type Wrong = (String, String);

/// Settings that are secret, by type.
pub const fn secrets(kind: ProviderKind) -> &'static [&'static str] {
    match kind {
        ProviderKind::Http => &["report_password"],
        ProviderKind::Sip => &["esl_password"],
        ProviderKind::Smtp => &["dkim_key"],
        ProviderKind::Smpp | ProviderKind::Sandbox => &[],
    }
}

/// Whether these can be the settings of a provider of this type.
///
/// # Errors
/// The first that is wrong.
pub fn check(kind: ProviderKind, settings: &Map<String, Value>) -> Result<(), Wrong> {
    match kind {
        ProviderKind::Http => HttpSettings::parse(settings).map(drop),
        ProviderKind::Sip => SipSettings::parse(settings).map(drop),
        ProviderKind::Smpp => SmppSettings::parse(settings).map(drop),
        ProviderKind::Smtp => SmtpSettings::parse(settings).map(drop),
        ProviderKind::Sandbox => match settings.keys().next() {
            None => Ok(()),
            Some(key) => Err((format!("settings.{key}"), UNKNOWN.to_owned())),
        },
    }
}

const UNKNOWN: &str = "is not a setting of a provider of this type";

/// Reads every setting that says something; `read` does not know a name by answering
/// nothing.
fn each(
    settings: &Map<String, Value>,
    mut read: impl FnMut(&str, &Value) -> Option<Result<(), String>>,
) -> Result<(), Wrong> {
    for (key, value) in settings {
        let silent = value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty());
        let result = match read(key, value) {
            None => Err(UNKNOWN.to_owned()),
            Some(_) if silent => Ok(()),
            Some(result) => result,
        };
        result.map_err(|reason| (format!("settings.{key}"), reason))?;
    }
    Ok(())
}
