//! The senders of short messages.

use std::str::FromStr;

use crate::{people::normal_address, values::PhoneNumber};

/// The account setting that names the sender of the account's short messages.
pub const SMS_SENDER: &str = "sms_sender";

/// The most digits of a sender's number (3GPP TS 23.040, 9.1.2.5; SMPP 3.4, 5.2.8).
const DIGITS: usize = 20;

/// The sender of a short message: a number, or a name of at most eleven letters, digits and spaces
/// (3GPP TS 23.040, 9.1.2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SenderId(String);

impl SenderId {
    /// The sender as it is sent.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl FromStr for SenderId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let letter = |c: char| c.is_ascii_alphanumeric() || c == ' ';
        let is_name = (1..=11).contains(&text.len()) && text.chars().all(letter);
        let fits = text.chars().filter(char::is_ascii_digit).count() <= DIGITS;
        match text.parse::<PhoneNumber>() {
            Ok(number) if fits => Ok(Self(number.into())),
            Ok(_) => Err("must have at most 20 digits"),
            Err(_) if is_name => Ok(Self(text.to_owned())),
            Err(_) => Err("must be a number, or at most 11 letters, digits and spaces"),
        }
    }
}

/// True if two senders are the same number in any spelling, or the same name.
pub fn is_same_sender(one: &str, other: &str) -> bool {
    let (one, other) = (one.trim(), other.trim());
    let is_number = |text: &str| text.parse::<PhoneNumber>().is_ok();
    if is_number(one) && is_number(other) {
        normal_address(one) == normal_address(other)
    } else {
        one == other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_same_in_any_spelling_and_names_are_not() {
        assert!(is_same_sender("+4930123", "004930123"));
        assert!(is_same_sender(" ACME ", "ACME"));
        for (one, other) in [("00ABC", "ABC"), ("Bank", "BANK"), ("49301", "49302")] {
            assert!(!is_same_sender(one, other), "{one}");
        }
    }

    #[test]
    fn a_sender_is_a_number_or_a_short_name() {
        for good in ["+4930123", "ACME Shop", " 12345 ", "A"] {
            let sender: SenderId = good.parse().unwrap();
            assert_eq!(sender.into_string(), good.trim());
        }
        assert!("4".repeat(21).parse::<SenderId>().is_err());
        for bad in ["", " ", "far too long a name", "a\nb", "Ä", "a.b"] {
            assert!(bad.parse::<SenderId>().is_err(), "{bad:?}");
        }
    }
}
