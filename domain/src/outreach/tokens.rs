//! Replacement of tokens such as `[contact:first_name]` in a message, for each recipient.
//!
//! The names are a fixed list: no configuration, request or secret can be reached through them. The
//! text is scanned once; a value that was filled in is not scanned again, so a value that looks
//! like a token stays text.
//!
//! | token | value |
//! |---|---|
//! | `[contact:…]` | the recipient, or the sender of an inbound message |
//! | `[account:…]` | the sending or receiving account |
//! | `[destination:…]`, `[source:…]` | recipient and sender; contact and account where not set |
//! | `[user:…]` | the account's owner |
//! | `[transmission:title]`, `[program:name]`, `[company:name]` | the field of that name |
//! | `[result:NAME:data]` | the data of the result NAME of earlier steps |
//!
//! The tokens of the first three rows may be written with `transmission:` before them. The fields
//! of a person are `first_name last_name phone email address custom1 custom2 custom3 description`,
//! and `username` for accounts and users.

use std::collections::BTreeMap;

/// The limit of the length of a filled text, in bytes: a value that would exceed it is left out, so
/// that a message full of tokens cannot exhaust memory.
pub const MOST: usize = 4 << 20;

/// The greatest length of a token's name in bytes, at which the search for a closing bracket stops.
const MAX_TOKEN_NAME: usize = 128;

/// The fields of a person or an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Person {
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub phone: Option<String>,
    pub email: Option<String>,
    pub address: Option<String>,
    pub custom1: Option<String>,
    pub custom2: Option<String>,
    pub custom3: Option<String>,
    pub description: Option<String>,
    /// The username, for accounts and users only.
    pub username: Option<String>,
}

/// The values of the tokens. An absent value is replaced by nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// The values of `[contact:…]`.
    pub contact: Person,
    /// The values of `[account:…]`.
    pub account: Person,
    /// The values of `[user:…]`.
    pub user: Person,
    /// The values of `[destination:…]`, if it is not the contact.
    pub destination: Option<Person>,
    /// The values of `[source:…]`, if it is not the account.
    pub source: Option<Person>,
    /// The value of `[transmission:title]`.
    pub title: Option<String>,
    /// The value of `[program:name]`.
    pub program_name: Option<String>,
    /// The value of `[company:name]`.
    pub company_name: Option<String>,
    /// The values of `[result:NAME:data]`, by name.
    pub results: BTreeMap<String, String>,
}

/// The format of the filled text, which decides how values are escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Landing {
    /// HTML, in text or attributes: `& < > " '` become entities.
    Html,
    /// Plain text: values are unchanged, but for NUL, which is removed.
    Plain,
    /// A header or other single line: control characters become spaces.
    Header,
}

/// `text` with every known token replaced; all other brackets stay as they are.
pub fn fill(text: &str, tokens: &Tokens, landing: Landing) -> String {
    let mut filled = String::with_capacity(text.len() + 64);
    let mut rest = text;
    while let Some(open) = rest.find('[') {
        let (before, at) = rest.split_at(open);
        filled.push_str(before);
        let token = name(at).and_then(|name| Some((name.len() + 2, tokens.value(name)?)));
        match token {
            Some((length, value)) => {
                if filled.len() + value.len() <= MOST {
                    escape(value, landing, &mut filled);
                }
                rest = &at[length..];
            }
            None => {
                filled.push('[');
                rest = &at[1..];
            }
        }
    }
    filled.push_str(rest);
    filled
}

/// The text between the bracket that `text` begins with and the closing one, if it has the form of
/// a token's name.
fn name(text: &str) -> Option<&str> {
    let name = &text[1..];
    let end = name
        .bytes()
        .take(MAX_TOKEN_NAME)
        .position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'_' | b'-')))?;
    (name.as_bytes()[end] == b']').then(|| &name[..end])
}

fn escape(value: &str, landing: Landing, filled: &mut String) {
    for c in value.chars() {
        match (landing, c) {
            (Landing::Html | Landing::Plain, '\0') => {}
            (Landing::Html, '&') => filled.push_str("&amp;"),
            (Landing::Html, '<') => filled.push_str("&lt;"),
            (Landing::Html, '>') => filled.push_str("&gt;"),
            (Landing::Html, '"') => filled.push_str("&quot;"),
            (Landing::Html, '\'') => filled.push_str("&#39;"),
            (Landing::Header, c) if c.is_control() => filled.push(' '),
            (_, c) => filled.push(c),
        }
    }
}

impl Tokens {
    /// The value of the token of this name: `None` if there is no such token, the empty string if
    /// it has no value.
    fn value(&self, name: &str) -> Option<&str> {
        let value = match name.strip_prefix("transmission:") {
            Some("title") => &self.title,
            Some(inner) => self.party(inner)?,
            None => match name {
                "program:name" => &self.program_name,
                "company:name" => &self.company_name,
                _ => match name.split_once(':')? {
                    ("user", field) => self.user.named(field)?,
                    ("result", result) => return self.result(result),
                    _ => self.party(name)?,
                },
            },
        };
        Some(value.as_deref().unwrap_or_default())
    }

    fn party(&self, name: &str) -> Option<&Option<String>> {
        match name.split_once(':')? {
            ("contact", field) => self.contact.field(field),
            ("account", field) => self.account.named(field),
            ("destination", field) => self
                .destination
                .as_ref()
                .unwrap_or(&self.contact)
                .field(field),
            ("source", field) => self.source.as_ref().unwrap_or(&self.account).field(field),
            _ => None,
        }
    }

    fn result(&self, name: &str) -> Option<&str> {
        let name = name.strip_suffix(":data")?;
        let known = !name.is_empty() && !name.contains(':');
        known.then(|| self.results.get(name).map_or("", String::as_str))
    }
}

impl Person {
    fn field(&self, name: &str) -> Option<&Option<String>> {
        Some(match name {
            "first_name" => &self.first_name,
            "last_name" => &self.last_name,
            "phone" => &self.phone,
            "email" => &self.email,
            "address" => &self.address,
            "custom1" => &self.custom1,
            "custom2" => &self.custom2,
            "custom3" => &self.custom3,
            "description" => &self.description,
            _ => return None,
        })
    }

    fn named(&self, name: &str) -> Option<&Option<String>> {
        if name == "username" {
            Some(&self.username)
        } else {
            self.field(name)
        }
    }
}

#[cfg(test)]
#[path = "tokens_tests.rs"]
mod tests;
