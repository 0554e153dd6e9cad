//! The channels, addresses and sources of opt-outs.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{
    flow::Service,
    values::{EmailAddress, InvalidValue, PhoneNumber},
};

/// The channel that an opt-out closes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Channel {
    Voice,
    Fax,
    Sms,
    Email,
    /// All channels.
    #[default]
    Any,
}

impl Channel {
    /// All variants.
    pub const ALL: [Self; 5] = [Self::Voice, Self::Fax, Self::Sms, Self::Email, Self::Any];
    /// The names of all variants.
    pub const NAMES: [&'static str; 5] = ["voice", "fax", "sms", "email", "any"];

    /// The name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Voice => "voice",
            Self::Fax => "fax",
            Self::Sms => "sms",
            Self::Email => "email",
            Self::Any => "any",
        }
    }

    /// The channel of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.name() == name)
    }

    /// True if the channel includes this service.
    pub fn covers(self, service: Service) -> bool {
        self == Self::Any || self == Self::from(service)
    }

    /// True if the channel uses addresses of this kind.
    pub fn takes(self, address: &Address) -> bool {
        match self {
            Self::Voice | Self::Fax | Self::Sms => matches!(address, Address::Phone(_)),
            Self::Email => matches!(address, Address::Email(_)),
            Self::Any => true,
        }
    }

    /// The rule for addresses of the channel, as the error text for one that breaks it.
    pub const fn wanted(self) -> &'static str {
        match self {
            Self::Voice | Self::Fax | Self::Sms => "must be a phone number for this channel",
            Self::Email => "must be an email address for this channel",
            Self::Any => "must be a phone number or an email address",
        }
    }
}

impl From<Service> for Channel {
    fn from(service: Service) -> Self {
        match service {
            Service::Voice => Self::Voice,
            Service::Fax => Self::Fax,
            Service::Sms => Self::Sms,
            Service::Email => Self::Email,
        }
    }
}

/// The source of an opt-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptOutSource {
    /// A request for this opt-out alone.
    Api,
    /// An imported list.
    Csv,
    /// The person replied STOP, or another keyword of opt-outs.
    Stop,
    /// The person followed a link in a mail.
    Unsubscribe,
    /// The person's provider forwarded a complaint.
    Complaint,
}

impl OptOutSource {
    /// The names of all variants.
    pub const NAMES: [&'static str; 5] = ["api", "csv", "stop", "unsubscribe", "complaint"];

    /// The name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Csv => "csv",
            Self::Stop => "stop",
            Self::Unsubscribe => "unsubscribe",
            Self::Complaint => "complaint",
        }
    }
}

/// A phone number or an email address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Address {
    Phone(PhoneNumber),
    Email(EmailAddress),
}

impl Address {
    /// The address as it was written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Phone(phone) => phone.as_str(),
            Self::Email(email) => email.as_str(),
        }
    }
}

/// The normal form of an address, in which equal addresses compare equal. Email addresses are
/// wholly in lower case: no server in use keeps two mailboxes apart by it. Their domain is in
/// Unicode, also where it was written in its ASCII form (RFC 5890 section 2.3.2.1). A phone number
/// has no `+` or `00` in front, which mean the same.
pub fn normal_address(address: &str) -> String {
    if let Some((local, domain)) = address.rsplit_once('@') {
        let (unicode, valid) = idna::domain_to_unicode(domain);
        let domain = valid.map_or_else(|_| domain.to_lowercase(), |()| unicode);
        return format!("{}@{domain}", lower_case(local));
    }
    let rest = address.strip_prefix('+');
    let rest = rest.or_else(|| address.strip_prefix("00"));
    let rest = rest.filter(|rest| !rest.is_empty());
    rest.unwrap_or(address).to_owned()
}

/// Lower case, but for letters outside of ASCII whose small letter is one within (U+212A, the
/// Kelvin sign): a mailbox with one is not the mailbox with a `k`.
fn lower_case(local: &str) -> String {
    let is_disguised = |c: char| !c.is_ascii() && c.to_lowercase().any(|small| small.is_ascii());
    let mut folded = String::with_capacity(local.len());
    let mut rest = local;
    while let Some(at) = rest.find(is_disguised) {
        let (before, from) = rest.split_at(at);
        let length = from.chars().next().map_or(1, char::len_utf8);
        folded += &before.to_lowercase();
        folded += &from[..length];
        rest = &from[length..];
    }
    folded + &rest.to_lowercase()
}

/// An email address with its domain in ASCII (RFC 5890 section 2.3.2.1), the form that every mail
/// server accepts; `None` if it has no such form.
pub fn in_ascii(address: &str) -> Option<String> {
    let (local, domain) = address.rsplit_once('@')?;
    Some(format!("{local}@{}", idna::domain_to_ascii(domain).ok()?))
}

/// Every way in which an address with this normal form may be written.
pub fn spellings(normal: &str) -> Vec<String> {
    if normal.contains('@') {
        let ascii = in_ascii(normal).filter(|ascii| ascii != normal);
        [normal.to_owned()].into_iter().chain(ascii).collect()
    } else {
        ["", "+", "00"]
            .map(|front| format!("{front}{normal}"))
            .into()
    }
}

impl FromStr for Address {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim().is_empty() {
            return Err(InvalidValue::Empty);
        }
        if text.contains('@') {
            return text.parse().map(Self::Email);
        }
        let phone = text.parse().map(Self::Phone);
        phone.map_err(|_| InvalidValue::Form(Channel::Any.wanted()))
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        match address {
            Address::Phone(phone) => phone.into(),
            Address::Email(email) => email.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_covers_every_service_and_the_others_their_own() {
        for service in Service::ALL {
            assert!(Channel::Any.covers(service));
            let covering = Channel::ALL.into_iter().filter(|it| it.covers(service));
            assert_eq!(covering.count(), 2);
            assert_eq!(Channel::from(service).name(), service.name());
        }
        assert_eq!(Channel::ALL.map(Channel::name), Channel::NAMES);
    }

    #[test]
    fn a_number_is_the_same_in_every_spelling_and_a_mailbox_in_any_case() {
        for text in [
            "+1 555-0100",
            "001 (555) 0100",
            "15550100",
            "+001 5550100",
            "+1 (0) 555-0100",
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(normal_address(address.as_str()), "15550100", "{text}");
        }
        let mailbox: Address = "Ada.L@Example.COM".parse().unwrap();
        assert_eq!(normal_address(mailbox.as_str()), "ada.l@example.com");
        let kelvin = "bac\u{212a}up@example.com";
        assert_eq!(normal_address(kelvin), kelvin, "not the mailbox backup");
        assert_eq!(
            normal_address("B\u{212a}\u{dc}@X.example"),
            "b\u{212a}\u{fc}@x.example"
        );
        let both = ["ada@b\u{fc}cher.example", "ada@xn--bcher-kva.example"];
        assert_eq!(spellings(both[0]), both);
        assert_eq!(spellings("ada@example.com"), ["ada@example.com"]);
        for text in ["ada@b\u{fc}cher.example", "Ada@XN--bcher-kva.example"] {
            assert_eq!(normal_address(text), "ada@b\u{fc}cher.example", "{text}");
        }
        for (text, normal) in [("0300", "0300"), ("00", "00"), ("*31#", "*31#")] {
            assert_eq!(normal_address(text), normal);
        }
    }

    #[test]
    fn what_is_neither_a_phone_nor_an_email_address_is_none() {
        for text in ["", " ", "555-CALL", "ada", "@example.com", "a@b>\r\nx"] {
            assert!(text.parse::<Address>().is_err(), "{text:?}");
        }
    }
}
