//! SMS encoding: the alphabet of a text and its segmentation into the parts of a concatenated
//! message.
//!
//! A single message has 140 octets: 160 letters of the GSM alphabet (3GPP TS 23.038) at seven bits,
//! 70 UTF-16 units or 140 bytes. In a longer text each part gives up six octets to the user data
//! header (UDH) by which the parts are reassembled. A letter that takes two units, behind the
//! escape of the extension table or as a surrogate pair, is never divided between two parts:
//! telephones show each part as it arrives.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The most parts of a message: the UDH counts them in one octet.
pub const MOST_PARTS: usize = 255;

/// The encoding of a short message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// The GSM alphabet and its extension table.
    Gsm,
    /// Bytes, which the text gives in hex.
    Binary,
    /// UTF-16.
    Unicode,
}

impl Encoding {
    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gsm => "plain",
            Self::Binary => "binary",
            Self::Unicode => "unicode",
        }
    }

    /// The number in the API.
    pub const fn number(self) -> i32 {
        match self {
            Self::Gsm => 0,
            Self::Binary => 1,
            Self::Unicode => 2,
        }
    }

    /// The encoding of this number.
    pub const fn of_number(number: i32) -> Option<Self> {
        match number {
            0 => Some(Self::Gsm),
            1 => Some(Self::Binary),
            2 => Some(Self::Unicode),
            _ => None,
        }
    }

    /// The octets of a single message, and those of one part of several.
    const fn room(self) -> (usize, usize) {
        match self {
            // The GSM alphabet: septets, kept one to an octet until they are packed.
            Self::Gsm => (160, 153),
            Self::Binary | Self::Unicode => (140, 134),
        }
    }

    const fn octets_per_unit(self) -> usize {
        match self {
            Self::Gsm | Self::Binary => 1,
            Self::Unicode => 2,
        }
    }
}

/// The reason for which a text cannot be encoded as requested.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unfit {
    /// The text, requested as GSM, has a character outside the GSM alphabet.
    #[error(
        "has {0:?}, which the GSM alphabet has not; say unicode, or nothing and it is chosen by the text"
    )]
    Letter(char),
    /// The text, requested as binary, is not hex.
    #[error("must be bytes in hex, two digits each, when it is binary")]
    Hex,
    /// The text takes more than [`MOST_PARTS`] parts.
    #[error("takes more than {MOST_PARTS} messages")]
    TooLong,
}

/// An encoded text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sms {
    /// The encoding.
    pub encoding: Encoding,
    /// The length in the units of the encoding: letters of the GSM alphabet, those of the extension
    /// table counted twice; UTF-16 units; bytes.
    pub length: usize,
    /// The octets of each part without the UDH, GSM letters one to an octet.
    pub parts: Vec<Vec<u8>>,
}

impl Sms {
    /// Encodes a text as requested, or else in GSM if that has all its letters and in UTF-16 if
    /// not, and divides it into parts.
    ///
    /// # Errors
    /// See [`Unfit`]. A requested encoding is never changed silently: a letter would be lost, or
    /// the text would cost several times as much.
    pub fn encode(text: &str, asked: Option<Encoding>) -> Result<Self, Unfit> {
        // A bound on the work, checked before encoding: no unit has more than four bytes of UTF-8.
        if text.len() > 4 * MOST_PARTS * Encoding::Gsm.room().0 {
            return Err(Unfit::TooLong);
        }
        let (encoding, letters) = match asked {
            Some(Encoding::Gsm) => (Encoding::Gsm, gsm(text).map_err(Unfit::Letter)?),
            Some(Encoding::Binary) => (Encoding::Binary, bytes(text).ok_or(Unfit::Hex)?),
            Some(Encoding::Unicode) => (Encoding::Unicode, unicode(text)),
            None => match gsm(text) {
                Ok(letters) => (Encoding::Gsm, letters),
                Err(_) => (Encoding::Unicode, unicode(text)),
            },
        };
        let octets: usize = letters.iter().map(|letter| letter.octets().len()).sum();
        let parts = divided(&letters, octets, encoding);
        if parts.len() > MOST_PARTS {
            return Err(Unfit::TooLong);
        }
        Ok(Self {
            encoding,
            length: octets / encoding.octets_per_unit(),
            parts,
        })
    }
}

/// The octets of one character, at most four, which stay in one part.
#[derive(Clone, Copy)]
struct Letter {
    octets: [u8; 4],
    length: usize,
}

impl Letter {
    fn decode(some: &[u8]) -> Self {
        let mut octets = [0; 4];
        let length = some.len().min(4);
        octets[..length].copy_from_slice(&some[..length]);
        Self { octets, length }
    }

    fn octets(&self) -> &[u8] {
        &self.octets[..self.length]
    }
}

fn divided(letters: &[Letter], octets: usize, encoding: Encoding) -> Vec<Vec<u8>> {
    let (single, several) = encoding.room();
    let room = if octets <= single { single } else { several };
    let mut parts = vec![Vec::with_capacity(room.min(octets))];
    for letter in letters {
        match parts.last_mut() {
            Some(part) if part.len() + letter.octets().len() <= room => {
                part.extend_from_slice(letter.octets());
            }
            _ => parts.push(letter.octets().to_vec()),
        }
    }
    parts
}

/// The letters of the GSM alphabet in the order of their codes, with the escape in its place.
const ALPHABET: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u{1b}ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
    ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const ESCAPE: u8 = 0x1b;
/// The extension table: letters with their codes behind the escape.
const EXTENSION: [(char, u8); 10] = [
    ('\u{0c}', 0x0a),
    ('^', 0x14),
    ('{', 0x28),
    ('}', 0x29),
    ('\\', 0x2f),
    ('[', 0x3c),
    ('~', 0x3d),
    (']', 0x3e),
    ('|', 0x40),
    ('€', 0x65),
];

/// Encodes a text in the GSM alphabet; the error is the first character that is not in it.
fn gsm(text: &str) -> Result<Vec<Letter>, char> {
    text.chars().map(|c| gsm_letter(c).ok_or(c)).collect()
}

fn gsm_letter(c: char) -> Option<Letter> {
    if let Some((_, code)) = EXTENSION.iter().find(|(letter, _)| *letter == c) {
        return Some(Letter::decode(&[ESCAPE, *code]));
    }
    let code = ALPHABET.chars().position(|letter| letter == c)?;
    let code = u8::try_from(code).ok().filter(|code| *code != ESCAPE)?;
    Some(Letter::decode(&[code]))
}

/// Decodes the octets of a part, the reverse of [`Sms::encode`]. Invalid octets become U+FFFD; `None`
/// for binary parts.
pub fn text_of(part: &[u8], encoding: Encoding) -> Option<String> {
    match encoding {
        Encoding::Binary => None,
        Encoding::Gsm => Some(gsm_text(part)),
        Encoding::Unicode => {
            let units = part.chunks(2).map(|pair| match pair {
                [high, low] => u16::from_be_bytes([*high, *low]),
                _ => 0xfffd,
            });
            let letters = char::decode_utf16(units);
            Some(letters.map(|it| it.unwrap_or('\u{fffd}')).collect())
        }
    }
}

fn gsm_text(octets: &[u8]) -> String {
    let mut escaped = false;
    let mut text = String::with_capacity(octets.len());
    for octet in octets {
        if *octet == ESCAPE && !escaped {
            escaped = true;
            continue;
        }
        let letter = if escaped {
            EXTENSION.iter().find(|it| it.1 == *octet).map(|it| it.0)
        } else {
            ALPHABET.chars().nth(usize::from(*octet))
        };
        text.push(letter.unwrap_or('\u{fffd}'));
        escaped = false;
    }
    text
}

fn unicode(text: &str) -> Vec<Letter> {
    let letter = |c: char| {
        let mut units = [0; 2];
        let octets: Vec<u8> = c
            .encode_utf16(&mut units)
            .iter()
            .flat_map(|unit| unit.to_be_bytes())
            .collect();
        Letter::decode(&octets)
    };
    text.chars().map(letter).collect()
}

/// Parses bytes from hex digits, with or without white space between them.
fn bytes(text: &str) -> Option<Vec<Letter>> {
    let digits: Cow<str> = if text.contains(char::is_whitespace) {
        text.split_whitespace().collect::<String>().into()
    } else {
        text.into()
    };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |pair: &[u8]| match pair {
        [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
        _ => None,
    };
    let byte = |pair| byte(pair).map(|byte| Letter::decode(&[byte]));
    digits.as_bytes().chunks(2).map(byte).collect()
}

#[cfg(test)]
#[path = "sms_tests.rs"]
mod tests;
