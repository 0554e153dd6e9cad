//! What a client says of a provider.

use domain::{
    Patch,
    delivery::{ProviderKind, ProviderPatch, settings::SmtpSettings},
};
use eventstore::Vault;
use gateways::PASSWORD;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use crate::{
    Error, Result,
    extract::{Fields, FromFields},
};

const KINDS: &str = "sip, smpp, http, smtp or sandbox";

/// A provider's fields, the password still to be sealed.
#[derive(Debug)]
pub(super) struct Said {
    patch: ProviderPatch,
    password: Patch<SecretString>,
}

impl FromFields for Said {
    fn from_fields(fields: &mut Fields) -> Self {
        let kind = fields.word("type", KINDS, |word| {
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
            settings: fields.parse("settings", settings),
            register: fields.flag("register"),
            weight: fields.number("weight", 1..=1_000),
            active: fields.flag("active"),
            password: Patch::Keep,
        };
        Self {
            patch,
            password: fields.secret("password"),
        }
    }
}

impl Said {
    /// The type it names, where it names one.
    pub fn kind(&self) -> Option<ProviderKind> {
        match self.patch.kind {
            Patch::Set(kind) => Some(kind),
            Patch::Keep | Patch::Clear => None,
        }
    }

    /// What is put on record for a provider of this type: settings checked against it,
    /// the password sealed for the gateways.
    pub fn checked(self, vault: &Vault, kind: Option<ProviderKind>) -> Result<Box<ProviderPatch>> {
        if let (Some(ProviderKind::Smtp), Patch::Set(settings)) = (kind, &self.patch.settings) {
            SmtpSettings::parse(settings).map_err(|(field, why)| Error::invalid(field, why))?;
        }
        let password = match self.password {
            Patch::Keep => Patch::Keep,
            Patch::Clear => Patch::Clear,
            Patch::Set(secret) => {
                Patch::Set(vault.seal(PASSWORD, secret.expose_secret().as_bytes())?)
            }
        };
        Ok(Box::new(ProviderPatch {
            password,
            ..self.patch
        }))
    }
}

/// An object, the string of one, or `key=value` lines.
fn settings(value: &Value) -> Result<Option<Map<String, Value>>, String> {
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
            let read = settings(&form).unwrap().unwrap();
            assert_eq!(Value::Object(read), expected, "{form}");
        }
        assert_eq!(settings(&json!(" ")), Ok(None));
        for wrong in [json!([1]), json!(7), json!("{\"a\":"), json!("nonsense")] {
            assert!(settings(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_type_that_is_not_spoken_is_named() {
        for kind in ["emailcmd", "carrier pigeon"] {
            let Value::Object(map) = json!({"name": "x", "type": kind}) else {
                panic!()
            };
            let mut fields = Fields::new(map);
            let said = Said::from_fields(&mut fields);
            let Err(Error::Invalid(errors)) = fields.finish(said) else {
                panic!("412")
            };
            assert_eq!(errors[0].field, "type");
        }
    }
}
