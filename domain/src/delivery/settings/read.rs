//! Parsers of single settings. An error is the rule that the value must follow.

use serde_json::Value;

use crate::{
    delivery::OnReportTimeout,
    outreach::SenderId,
    values::{EmailAddress, Line},
};

/// The values of `if_silent`, the outcome of an accepted message without a delivery report.
pub(super) const ON_REPORT_TIMEOUT: [(&str, OnReportTimeout); 2] = [
    ("unknown", OnReportTimeout::Unknown),
    ("delivered", OnReportTimeout::Delivered),
];

/// Parses a domain for envelope addresses: ASCII only, since not every server supports
/// international domains, and a sender must work with all of them.
pub(super) fn domain(value: &Value) -> Result<String, String> {
    let text = value.as_str().unwrap_or_default().trim();
    let address = format!("a@{text}").parse::<EmailAddress>();
    match address {
        Ok(address) if address.domain() == text && text.is_ascii() && text.len() <= 180 => {
            Ok(text.to_ascii_lowercase())
        }
        _ => Err(
            "must be a domain name such as mail.example.com (an international one as xn--…)"
                .to_owned(),
        ),
    }
}

/// Parses an integer, also as text.
pub(super) fn within(value: &Value, least: u64, most: u64) -> Result<u64, String> {
    value
        .as_u64()
        .or_else(|| value.as_str()?.trim().parse().ok())
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("must be a whole number from {least} to {most}"))
}

/// Parses a certificate in PEM, at most 65,536 bytes.
pub(super) fn pem(value: &Value) -> Result<String, String> {
    value
        .as_str()
        .filter(|text| text.contains("-----BEGIN CERTIFICATE-----") && text.len() <= 65_536)
        .map(str::to_owned)
        .ok_or_else(|| "must be a certificate in PEM".to_owned())
}

/// Parses a flag: true, false, 1 or 0, also as text.
pub(super) fn flag(value: &Value) -> Result<bool, String> {
    let word = match value {
        Value::String(text) => text.trim().to_ascii_lowercase(),
        other => other.to_string(),
    };
    match word.as_str() {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err("must be true, false, 1 or 0".to_owned()),
    }
}

/// Parses one of these words.
pub(super) fn one_of<T: Copy>(value: &Value, words: &[(&str, T)]) -> Result<T, String> {
    let said = value.as_str().unwrap_or_default().trim();
    let known = words.iter().find(|(word, _)| *word == said);
    known.map(|(_, meant)| *meant).ok_or_else(|| {
        let all: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        format!("must be one of {}", all.join(", "))
    })
}

/// Parses one line of text of at most `most` characters.
pub(super) fn line(value: &Value, most: usize) -> Result<String, String> {
    let line = value.as_str().unwrap_or_default().parse::<Line>();
    line.ok()
        .map(String::from)
        .filter(|line| line.chars().count() <= most)
        .ok_or_else(|| format!("must be one line of at most {most} characters"))
}

/// Parses a host name or an IP address, optionally with a port.
pub(super) fn host(value: &Value) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
    line(value, 255)
        .ok()
        .filter(|host| host.chars().all(fits))
        .ok_or_else(|| "must be a host name or an IP address".to_owned())
}

/// Parses the sender of an SMS: a number, or up to eleven letters, digits and spaces.
pub(super) fn sender(value: &Value) -> Result<String, String> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        other => other.as_str().unwrap_or_default().trim().to_owned(),
    };
    let sender = text.parse::<SenderId>();
    sender.map(SenderId::into_string).map_err(ToOwned::to_owned)
}
