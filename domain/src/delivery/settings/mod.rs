//! The `settings` of providers, by type; parsed here once for the API, which refuses invalid ones,
//! and for the adapters.
//!
//! Each type has a struct that lists its settings: the name, the valid values, and the default. A
//! name that is not in the struct is refused. `null` and the empty string mean the default; numbers
//! and flags may be given as text.
//!
//! Secret settings ([`secrets`]) are not kept here: they are encrypted separately, as the password
//! is.

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

/// An invalid setting: the field, and the rule that its value must follow.
pub type Wrong = (String, String);

/// The purpose for which a provider's password is sealed.
pub const SEALED_PASSWORD: &str = "provider.password";
/// The purpose for which a secret setting is sealed.
pub const SEALED_SETTING: &str = "provider.setting";

/// The names of the secret settings of a type.
pub const fn secrets(kind: ProviderKind) -> &'static [&'static str] {
    match kind {
        ProviderKind::Http => &["report_password"],
        ProviderKind::Sip => &["esl_password"],
        ProviderKind::Smtp => &["dkim_key"],
        ProviderKind::Smpp | ProviderKind::Sandbox => &[],
    }
}

/// The name of the secret setting without which these settings cannot work.
pub(super) fn needed_secret(
    kind: ProviderKind,
    settings: &Map<String, Value>,
) -> Option<&'static str> {
    let settings = (kind == ProviderKind::Smtp).then(|| SmtpSettings::parse(settings));
    let signs = settings?.is_ok_and(|it| it.dkim_selector.is_some());
    signs.then_some("dkim_key")
}

/// Checks the settings of a provider of this type.
///
/// # Errors
/// The first invalid setting.
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

/// Parses every setting that has a value; `read` returns `None` for an unknown name.
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
