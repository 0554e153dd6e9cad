//! Resolution of the sources to one text per setting, and parsing of the texts.

use std::{
    collections::HashMap,
    ffi::OsString,
    fmt::Display,
    io::ErrorKind,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use secrecy::SecretString;

use super::{
    error::ConfigError,
    settings::{SETTINGS, Setting},
};

/// The file in the working directory that is read if no other is named.
const USUAL_FILE: &str = "ledgerline.toml";
const PREFIX: &str = "LEDGERLINE_";

/// The sources of settings. The environment goes before the file.
#[derive(Default)]
pub struct Sources {
    /// The path and the text of the file.
    pub file: Option<(PathBuf, String)>,
    /// The environment; variables of other programs are ignored.
    pub environment: Vec<(OsString, OsString)>,
}

impl Sources {
    /// This process's environment and the named file, else `ledgerline.toml` if that exists.
    pub fn of_process(file: Option<&Path>) -> Result<Self, ConfigError> {
        let path = file.unwrap_or(Path::new(USUAL_FILE));
        let file = match std::fs::read_to_string(path) {
            Ok(text) => Some((path.to_owned(), text)),
            Err(error) if file.is_none() && error.kind() == ErrorKind::NotFound => None,
            Err(source) => {
                return Err(ConfigError::File {
                    path: path.to_owned(),
                    source,
                });
            }
        };
        Ok(Self {
            file,
            environment: std::env::vars_os().collect(),
        })
    }
}

/// The text of a setting, and its name in an error.
struct Value {
    text: String,
    said_in: String,
}

/// The text of every setting that was given or has a default.
pub struct Values(HashMap<&'static str, Value>);

impl Values {
    pub fn resolve(sources: &Sources) -> Result<Self, ConfigError> {
        let mut values = HashMap::new();
        for setting in SETTINGS {
            let value = Value {
                text: setting.default.to_owned(),
                said_in: setting.name.to_owned(),
            };
            values.insert(setting.name, value);
        }
        // An empty text means unset: compose files and unit files pass on variables that are not
        // set.
        let mut put = |setting: &Setting, text: &str, said_in: String| {
            if !text.trim().is_empty() {
                values.insert(
                    setting.name,
                    Value {
                        text: text.trim().to_owned(),
                        said_in,
                    },
                );
            }
        };
        if let Some((path, text)) = &sources.file {
            for (key, value) in parse_file(path, text)? {
                let said_in = format!("{key} in {}", path.display());
                let Some(setting) = SETTINGS.iter().find(|setting| setting.key == key) else {
                    let meant = nearest(&key, |setting| setting.key);
                    return Err(ConfigError::Unknown {
                        name: said_in,
                        meant,
                    });
                };
                match value {
                    toml::Value::String(text) => put(setting, &text, said_in),
                    toml::Value::Integer(number) => put(setting, &number.to_string(), said_in),
                    toml::Value::Boolean(flag) => put(setting, &flag.to_string(), said_in),
                    other => {
                        return Err(ConfigError::Wrong {
                            setting: said_in,
                            given: format!("of the type {}", other.type_str()),
                            expected: "a string, a number, true or false".to_owned(),
                        });
                    }
                }
            }
        }
        for (name, text) in &sources.environment {
            let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else {
                continue;
            };
            let Some(setting) = SETTINGS.iter().find(|setting| setting.name == name) else {
                if is_of_others(name, text) {
                    continue;
                }
                let meant = nearest(name, |setting| setting.name);
                return Err(ConfigError::Unknown {
                    name: name.to_owned(),
                    meant,
                });
            };
            let text = text.to_str().ok_or_else(|| ConfigError::Wrong {
                setting: name.to_owned(),
                given: "not Unicode".to_owned(),
                expected: "valid UTF-8".to_owned(),
            })?;
            put(setting, text, name.to_owned());
        }
        Ok(Self(values))
    }

    /// The text of a setting, if there is one.
    pub fn text(&self, name: &'static str) -> Option<&str> {
        self.0
            .get(name)
            .map(|value| value.text.as_str())
            .filter(|text| !text.is_empty())
    }

    pub fn secret(&self, name: &'static str) -> Option<SecretString> {
        self.text(name).map(SecretString::from)
    }

    pub fn path(&self, name: &'static str) -> Option<PathBuf> {
        self.text(name).map(PathBuf::from)
    }

    /// The value of a setting that may be unset.
    pub fn optional<T: FromStr>(
        &self,
        name: &'static str,
        expected: &str,
    ) -> Result<Option<T>, ConfigError> {
        let parse = |text: &str| text.parse().map_err(|_| self.wrong(name, expected));
        self.text(name).map(parse).transpose()
    }

    /// The value of a setting that has a default.
    pub fn value<T: FromStr>(&self, name: &'static str, expected: &str) -> Result<T, ConfigError> {
        self.optional(name, expected)?
            .ok_or_else(|| self.wrong(name, expected))
    }

    pub fn within<T>(&self, name: &'static str, range: RangeInclusive<T>) -> Result<T, ConfigError>
    where
        T: FromStr + PartialOrd + Display,
    {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let value = self.value(name, &expected)?;
        if range.contains(&value) {
            Ok(value)
        } else {
            Err(self.wrong(name, &expected))
        }
    }

    pub fn seconds(
        &self,
        name: &'static str,
        range: RangeInclusive<u64>,
    ) -> Result<Duration, ConfigError> {
        self.within(name, range).map(Duration::from_secs)
    }

    /// The error for a wrong value; the value of a secret stays out of it.
    pub fn wrong(&self, name: &'static str, expected: &str) -> ConfigError {
        let secret = SETTINGS
            .iter()
            .any(|setting| setting.name == name && setting.secret);
        let (setting, given) = match self.0.get(name) {
            Some(value) if secret => (value.said_in.clone(), "wrong (it is not shown)".to_owned()),
            Some(value) => (value.said_in.clone(), format!("\"{}\"", value.text)),
            None => (name.to_owned(), "not set".to_owned()),
        };
        ConfigError::Wrong {
            setting,
            given,
            expected: expected.to_owned(),
        }
    }
}

fn parse_file(path: &Path, text: &str) -> Result<toml::Table, ConfigError> {
    // The error's own display quotes the line, which may hold a secret.
    text.parse()
        .map_err(|error: toml::de::Error| ConfigError::Toml {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| {
                text.bytes()
                    .take(span.start)
                    .filter(|byte| *byte == b'\n')
                    .count()
                    + 1
            }),
            message: error.message().to_owned(),
        })
}

/// True for variables of other programs: of the tests, and of Kubernetes, which puts the address of
/// a service named ledgerline into every container.
fn is_of_others(name: &str, text: &OsString) -> bool {
    let kubernetes = name.contains("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.contains("_PORT_")
        || name.ends_with("_PORT") && text.to_string_lossy().contains("://");
    name.starts_with("LEDGERLINE_TEST_") || kubernetes
}

fn nearest(given: &str, named: fn(&Setting) -> &'static str) -> Option<&'static str> {
    let by_distance = SETTINGS
        .iter()
        .map(|setting| (distance(given, named(setting)), named(setting)));
    by_distance
        .min()
        .filter(|(distance, _)| *distance <= 4)
        .map(|(_, name)| name)
}

/// Levenshtein's distance: the number of bytes to change, add or drop.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let changed = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
