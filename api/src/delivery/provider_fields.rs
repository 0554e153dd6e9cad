//! The request fields of a provider.

use std::{collections::BTreeMap, fmt};

use dkim::DkimKey;
use domain::{
    Patch,
    delivery::{ProviderKind, ProviderPatch, settings},
    values::Sealed,
};
use eventstore::Vault;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use crate::{
    Error, Result,
    extract::{Fields, FromFields},
};

const KINDS: [&str; 5] = ["sip", "smpp", "http", "smtp", "sandbox"];

/// The most bytes of a secret among the settings: an RSA key of 4,096 bits has 3,300 in PEM.
const SECRET_BYTES: usize = 8_192;

/// A provider's fields, with secrets that are still to be sealed.
#[derive(Debug)]
pub(super) struct ProviderRequest {
    patch: ProviderPatch,
    password: Patch<SecretString>,
    settings: Patch<Settings>,
}

/// Settings as they were given, with secrets among them.
#[derive(PartialEq)]
struct Settings(Map<String, Value>);

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Settings")
    }
}

impl FromFields for ProviderRequest {
    fn from_fields(fields: &mut Fields) -> Self {
        let kind = fields.one_of("type", &KINDS, |word| {
            ProviderKind::ALL
                .into_iter()
                .find(|kind| kind.as_str() == word)
        });
        let patch = ProviderPatch {
            name: fields.text("name"),
            kind,
            service_flag: fields.number("service_flag", 0..=15),
            gateway_flag: fields.number("gateway_flag", 1..=255),
            node_id: fields.number("node_id", 1..=1_000_000),
            host: fields.text("host"),
            port: fields.number("port", 1..=65_535),
            username: fields.text("username"),
            dialstring: fields.text("dialstring"),
            prefix: fields.text_or_number("prefix"),
            settings: Patch::Keep,
            secrets: BTreeMap::new(),
            register: fields.flag("register"),
            weight: fields.number("weight", 1..=1_000),
            active: fields.flag("active"),
            rate_limit: fields.number("rate_limit", 1..=100_000),
            channel_limit: fields.number("channel_limit", 1..=100_000),
            password: Patch::Keep,
        };
        Self {
            patch,
            password: fields.secret("password"),
            settings: fields.parse("settings", in_any_form),
        }
    }
}

impl ProviderRequest {
    /// The type, if the fields name one.
    pub fn kind(&self) -> Option<ProviderKind> {
        match self.patch.kind {
            Patch::Set(kind) => Some(kind),
            Patch::Keep | Patch::Clear => None,
        }
    }

    /// The patch for a provider of this type: settings checked against it, the password sealed for
    /// the gateways.
    pub fn checked(self, vault: &Vault, kind: Option<ProviderKind>) -> Result<Box<ProviderPatch>> {
        let mut secrets = BTreeMap::new();
        let settings = match (self.settings, kind) {
            (Patch::Set(Settings(mut said)), Some(kind)) => {
                secrets = take_secrets(vault, kind, &mut said)?;
                let wrong = |(field, why): settings::Wrong| Error::invalid(field, why);
                settings::check(kind, &said).map_err(wrong)?;
                Patch::Set(said)
            }
            // Without a type nothing is put on record.
            (said, _) => said.map(|Settings(said)| said),
        };
        let password = match self.password {
            Patch::Keep => Patch::Keep,
            Patch::Clear => Patch::Clear,
            Patch::Set(secret) => Patch::Set(
                vault.seal(settings::SEALED_PASSWORD, secret.expose_secret().as_bytes())?,
            ),
        };
        Ok(Box::new(ProviderPatch {
            password,
            settings,
            secrets,
            ..self.patch
        }))
    }
}

/// Takes the secret settings out and seals them; `null` and an empty string clear a secret.
fn take_secrets(
    vault: &Vault,
    kind: ProviderKind,
    said: &mut Map<String, Value>,
) -> Result<BTreeMap<String, Patch<Sealed>>> {
    let mut secrets = BTreeMap::new();
    for name in settings::secrets(kind) {
        let secret = match said.remove(*name) {
            None => continue,
            Some(Value::Null) => Patch::Clear,
            Some(Value::String(text)) if text.is_empty() => Patch::Clear,
            Some(Value::String(text)) if text.len() <= SECRET_BYTES => {
                check_secret(name, &text)?;
                Patch::Set(vault.seal(settings::SEALED_SETTING, text.as_bytes())?)
            }
            Some(_) => {
                let why = format!("must be a string of at most {SECRET_BYTES} bytes");
                return Err(Error::invalid(format!("settings.{name}"), why));
            }
        };
        secrets.insert((*name).to_owned(), secret);
    }
    Ok(secrets)
}

/// Refuses a secret that its adapter could not use. Only keys have a form to check.
fn check_secret(name: &str, secret: &str) -> Result<()> {
    match name {
        "dkim_key" => DkimKey::parse(secret)
            .map(drop)
            .map_err(|error| Error::invalid("settings.dkim_key", error.to_string())),
        _ => Ok(()),
    }
}

/// Settings as an object, as the JSON text of an object, or as `key=value` lines.
fn in_any_form(value: &Value) -> Result<Option<Settings>, String> {
    read_settings(value).map(|read| read.map(Settings))
}

fn read_settings(value: &Value) -> Result<Option<Map<String, Value>>, String> {
    let text = match value {
        Value::Object(map) => return Ok(Some(map.clone())),
        Value::String(text) => text.trim(),
        _ => return Err("must be an object".to_owned()),
    };
    if text.is_empty() {
        return Ok(None);
    }
    if text.starts_with('{') {
        let map = serde_json::from_str(text);
        return map.map(Some).map_err(|_| "is not JSON".to_owned());
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let pairs = lines.map(|line| {
        let (key, value) = line.split_once('=').ok_or("must be key=value lines")?;
        Ok((key.trim().to_owned(), Value::from(value.trim())))
    });
    pairs
        .collect::<Result<Map<_, _>, &str>>()
        .map(Some)
        .map_err(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_come_in_three_forms() {
        let expected = json!({"tls": "none", "connections": "4"});
        for form in [
            expected.clone(),
            json!(r#"{"tls": "none", "connections": "4"}"#),
            json!("tls=none\r\n connections = 4 \n\n"),
        ] {
            let read = read_settings(&form).unwrap().unwrap();
            assert_eq!(Value::Object(read), expected, "{form}");
        }
        assert_eq!(read_settings(&json!(" ")), Ok(None));
        for wrong in [json!([1]), json!(7), json!("{\"a\":"), json!("nonsense")] {
            assert!(read_settings(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_type_that_is_not_spoken_is_named() {
        for kind in ["emailcmd", "carrier pigeon"] {
            let Value::Object(map) = json!({"name": "x", "type": kind}) else {
                panic!()
            };
            let mut fields = Fields::new(map);
            let said = ProviderRequest::from_fields(&mut fields);
            let Err(Error::Invalid(errors)) = fields.finish(said) else {
                panic!("412")
            };
            assert_eq!(errors[0].field, "type");
        }
    }
}
