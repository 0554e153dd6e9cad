//! Value types that are validated once, where they enter, and never again.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The reason for which a value is invalid.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidValue {
    /// The value is empty where one is required.
    #[error("must not be empty")]
    Empty,
    /// The value has more characters than the field allows.
    #[error("must have at most {0} characters")]
    TooLong(usize),
    /// The value has a control character.
    #[error("must not contain control characters")]
    Control,
    /// The value does not have the form of the field.
    #[error("{0}")]
    Form(&'static str),
}

/// One line of text: 1 to 255 characters, no control characters, trimmed.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Line(String);

impl Line {
    /// The most characters a line has.
    pub const MAX: usize = 255;
}

impl FromStr for Line {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidValue::Empty);
        }
        if text.chars().count() > Self::MAX {
            return Err(InvalidValue::TooLong(Self::MAX));
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidValue::Control);
        }
        Ok(Self(text.to_owned()))
    }
}

/// Text of any number of lines: at most 1,048,576 characters, no control
/// characters but line ends and tabs.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Body(String);

impl Body {
    /// The most characters a body has.
    pub const MAX: usize = 1 << 20;
}

impl FromStr for Body {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > Self::MAX && text.chars().count() > Self::MAX {
            return Err(InvalidValue::TooLong(Self::MAX));
        }
        if text
            .chars()
            .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
        {
            return Err(InvalidValue::Control);
        }
        Ok(Self(text.to_owned()))
    }
}

/// A telephone number as it is dialled: an optional `+`, then 1 to 32 of `0-9 * #`. Removes the
/// separators that people write (space, dot, dash, slash, parentheses), a `00` behind the `+`,
/// which means the same, and a `(0)` behind the country code, which is a trunk prefix for calls
/// within the country.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PhoneNumber(String);

impl FromStr for PhoneNumber {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: InvalidValue =
            InvalidValue::Form("must be an optional + and then 1 to 32 of 0-9, * and #");
        let dialled = match text.split_once("(0)") {
            Some((country, rest)) if omits_trunk_prefix(&bare(country)) => {
                bare(country) + &bare(rest)
            }
            _ => bare(text),
        };
        let dialled = match dialled.strip_prefix("+00") {
            Some(rest) => format!("+{rest}"),
            None => dialled,
        };
        let digits = dialled.strip_prefix('+').unwrap_or(&dialled);
        if digits.is_empty() || digits.len() > 32 {
            return Err(FORM);
        }
        if !digits
            .bytes()
            .all(|b| b.is_ascii_digit() || b == b'*' || b == b'#')
        {
            return Err(FORM);
        }
        Ok(Self(dialled))
    }
}

/// Removes the separators that people write.
fn bare(number: &str) -> String {
    let separates = |c: &char| matches!(c, ' ' | '.' | '-' | '/' | '(' | ')');
    number.trim().chars().filter(|c| !separates(c)).collect()
}

/// True if this is a country code (1 to 3 digits, ITU-T E.164) whose trunk prefix is not dialled
/// from abroad. In Italy and San Marino (39, 378) the trunk prefix has become a part of the number.
fn omits_trunk_prefix(country: &str) -> bool {
    let plus = country.strip_prefix('+');
    let zeros = plus.unwrap_or(country).strip_prefix("00");
    zeros.or(plus).is_some_and(|code| {
        let is_code = (1..=3).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_digit());
        is_code && !["39", "378"].contains(&code)
    })
}

/// An email address for an SMTP envelope: `local@domain`, dot-atom local part (RFC 5322 section
/// 3.2.3), at most 254 octets (RFC 5321 section 4.5.3.1).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// The domain: the part behind the `@`.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl FromStr for EmailAddress {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: InvalidValue = InvalidValue::Form("must be an email address, name@example.com");
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@').ok_or(FORM)?;
        let local_fits = !local.is_empty()
            && local.len() <= 64
            && local
                .split('.')
                .all(|atom| !atom.is_empty() && atom.chars().all(is_atext));
        let domain_fits = !domain.is_empty()
            && domain.len() <= 253
            && domain.split('.').all(|label| {
                !label.is_empty()
                    && label.len() <= 63
                    && !label.starts_with('-')
                    && !label.ends_with('-')
                    && label.chars().all(|c| c.is_alphanumeric() || c == '-')
            });
        if text.len() > 254 || !local_fits || !domain_fits {
            return Err(FORM);
        }
        Ok(Self(text.to_owned()))
    }
}

fn is_atext(c: char) -> bool {
    c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c)
}

/// A language for speech synthesis: `en`, `en-GB`, `yue`; the first two parts of a BCP 47 tag.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Language(String);

impl FromStr for Language {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: InvalidValue = InvalidValue::Form("must be a language, en or en-GB");
        let text = text.trim();
        let (name, region) = match text.split_once('-') {
            Some((name, region)) => (name, Some(region)),
            None => (text, None),
        };
        let name_fits =
            (2..=3).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphabetic());
        let region_fits = region.is_none_or(|region| {
            (2..=4).contains(&region.len()) && region.bytes().all(|b| b.is_ascii_alphanumeric())
        });
        if name_fits && region_fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(FORM)
        }
    }
}

/// A secret that is encrypted with the master key; opaque here, and never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

impl Sealed {
    /// Wraps a ciphertext of the vault.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The ciphertext, for the vault to decrypt.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed")
    }
}

macro_rules! reads_as_text {
    ($($name:ident),*) => {$(
        impl $name {
            /// The value as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }
    )*};
}
reads_as_text!(Line, Body, PhoneNumber, EmailAddress, Language);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_keeps_its_plus_and_its_leading_zero() {
        assert_eq!(
            "+1 (555) 010-9".parse::<PhoneNumber>().unwrap().as_str(),
            "+15550109"
        );
        assert_eq!(
            "03001234567".parse::<PhoneNumber>().unwrap().as_str(),
            "03001234567"
        );
    }

    #[test]
    fn a_zero_for_who_dials_within_the_country_is_dropped_where_it_is_not_dialled_from_abroad() {
        for (text, dialled) in [
            ("+43 (0)660 1234", "+436601234"),
            ("0043(0)6601234", "00436601234"),
            ("+43(0)660(0)1", "+4366001"),
            ("+39 (0)6 1234", "+39061234"),
            ("+ (39) (0)6 1234", "+39061234"),
            ("+0039 (0)6 1234", "+39061234"),
            ("+1 555 (0) 1234", "+155501234"),
            ("(0)660 1234", "06601234"),
        ] {
            assert_eq!(text.parse::<PhoneNumber>().unwrap().as_str(), dialled);
        }
    }

    #[test]
    fn a_country_has_one_prefix() {
        assert_eq!(
            "+0043 660".parse::<PhoneNumber>().unwrap().as_str(),
            "+43660"
        );
        assert_eq!(
            "0043 660".parse::<PhoneNumber>().unwrap().as_str(),
            "0043660"
        );
        assert!("+00".parse::<PhoneNumber>().is_err());
    }

    #[test]
    fn a_phone_of_letters_nothing_or_forty_digits_is_refused() {
        for text in ["", "+", "12a", "１２", &"1".repeat(40), "1\r\n2"] {
            assert!(text.parse::<PhoneNumber>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_address_that_could_break_an_envelope_is_refused() {
        for text in [
            "a@b>\r\nRCPT TO:<c@d",
            "a b@c",
            "@c",
            "a@",
            "a..b@c",
            "a@-b",
            "a@b\0",
            "\"a\"@b",
        ] {
            assert!(text.parse::<EmailAddress>().is_err(), "{text:?}");
        }
        for text in [
            "user@domain.com",
            "a.b+c@x-y.example",
            "postmaster@localhost",
        ] {
            assert!(text.parse::<EmailAddress>().is_ok(), "{text:?}");
        }
    }

    #[test]
    fn a_language_is_one_and_not_an_option_of_a_program() {
        for text in ["en", "en-GB", "yue", "zh-Hans", "es-419"] {
            assert!(text.parse::<Language>().is_ok(), "{text:?}");
        }
        for text in ["", "e", "-v", "en-", "en GB", "../x", "en-GB-x", "français"] {
            assert!(text.parse::<Language>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_line_has_no_line_end_and_no_nul() {
        assert_eq!("a\r\nBcc: b".parse::<Line>(), Err(InvalidValue::Control));
        assert_eq!("a\0".parse::<Line>(), Err(InvalidValue::Control));
        assert_eq!(
            "x".repeat(256).parse::<Line>(),
            Err(InvalidValue::TooLong(255))
        );
    }
}
