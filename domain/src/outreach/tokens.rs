//! Filling `[contact:first_name]` and its like into a message, once per recipient.
//!
//! The names are a fixed list: nothing of the configuration, of a request or of a
//! secret can be reached through them. The text is passed over once; what was
//! filled in is not looked at again, so a value that looks like a token stays text.
//!
//! | token | says |
//! |---|---|
//! | `[contact:…]` | whom it goes to, or who wrote in |
//! | `[account:…]` | the account it is sent from, or came in to |
//! | `[destination:…]`, `[source:…]` | the same two, as sent |
//! | `[user:…]` | the account's owner |
//! | `[transmission:title]`, `[program:name]`, `[company:name]` | themselves |
//! | `[result:NAME:data]` | what the step NAME has found out so far |
//!
//! The first two lines may be written with `transmission:` before them. The fields
//! of a person are `first_name last_name phone email address custom1 custom2 custom3
//! description`, and `username` for accounts and users.

use std::collections::BTreeMap;

/// Values are left out of a text that they have made this long, in bytes: a message
/// full of tokens must not fill the memory.
pub const MOST: usize = 4 << 20;

/// Longer names do not exist, so the search for a closing bracket stops there.
const LONGEST: usize = 128;

/// What can be said about a person or an account.
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
    /// Of accounts and users only.
    pub username: Option<String>,
}

/// The values that tokens stand for. What is not there reads as nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// `[contact:…]`
    pub contact: Person,
    /// `[account:…]`
    pub account: Person,
    /// `[user:…]`
    pub user: Person,
    /// `[destination:…]`, where it is not the contact.
    pub destination: Option<Person>,
    /// `[source:…]`, where it is not the account.
    pub source: Option<Person>,
    /// `[transmission:title]`
    pub title: Option<String>,
    /// `[program:name]`
    pub program_name: Option<String>,
    /// `[company:name]`
    pub company_name: Option<String>,
    /// `[result:NAME:data]`, by name.
    pub results: BTreeMap<String, String>,
}

/// Where the filled text goes, and with it how values are escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Landing {
    /// HTML, text or attribute: `& < > " '` become entities.
    Html,
    /// Plain text: as it is, without NUL.
    Plain,
    /// A header or anything else of one line: control characters become spaces.
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

/// What stands between the bracket that `text` begins with and the one that closes it,
/// if it could be a token's name.
fn name(text: &str) -> Option<&str> {
    let name = &text[1..];
    let end = name
        .bytes()
        .take(LONGEST)
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
    /// What this name stands for: `None` if there is no such token, nothing if there
    /// is no value.
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
