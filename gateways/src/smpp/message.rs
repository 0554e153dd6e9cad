//! A short message as submit_sm, one for each part (SMPP 3.4, 4.4.1).

use domain::{
    delivery::settings::Alphabet,
    outreach::{
        TextClass,
        sms::{Encoding, Sms as Encoded, text_of},
    },
};
use rusmpp::{
    pdus::SubmitSm,
    types::{COctetString, OctetString},
    values::{DataCoding, EsmClass, Npi, RegisteredDelivery, Ton},
};

use super::SmppConfig;
use crate::{
    Spool,
    content::Sms,
    sms::{dialled, fits, part_header, sender},
};

/// The bit of esm_class for a user data header (UDHI).
const WITH_HEADER: u8 = 0x40;
/// The value of registered_delivery that asks for a receipt of success or failure.
const REPORT: u8 = 1;
/// The most digits of a short code: a number without a country code, specific to the network.
const SHORT: usize = 8;

/// The submit_sm PDUs of this message; the last one asks for the receipt.
///
/// # Errors
/// The reason for which it cannot be sent through this provider.
pub(super) fn parts(
    config: &SmppConfig,
    spool: &Spool,
    sms: &Sms,
) -> Result<Vec<SubmitSm>, String> {
    let settings = &config.settings;
    let sms = &in_alphabet(sms, settings.alphabet)?;
    fits(sms, settings.max_messages)?;
    let sender = sender(sms, settings.sender.as_deref())?;
    let (source_ton, source_npi, source) = address(sender.unwrap_or_default(), settings.source)
        .ok_or("the sender cannot be written in an SMPP address")?;
    let destination = dialled(config.prefix.as_deref(), &spool.destination);
    let (dest_ton, dest_npi, destination) = address(&destination, settings.dest)
        .ok_or("the number cannot be written in an SMPP address")?;
    let count = sms.encoded.parts.len();
    let latin = settings.alphabet == Alphabet::Latin1 && sms.encoded.encoding == Encoding::Gsm;
    let part = |(at, octets): (usize, &Vec<u8>)| {
        let header = part_header(spool.id, count, at + 1);
        let body = if latin {
            latin1(octets)
        } else {
            octets.clone()
        };
        let message = [header.map(Vec::from).unwrap_or_default(), body].concat();
        let message = OctetString::from_slice(&message)
            .map_err(|_| "a part is longer than SMPP takes".to_owned())?;
        let is_last = at + 1 == count;
        Ok(SubmitSm::builder()
            .source_addr_ton(source_ton)
            .source_addr_npi(source_npi)
            .source_addr(source.clone())
            .dest_addr_ton(dest_ton)
            .dest_addr_npi(dest_npi)
            .destination_addr(destination.clone())
            .esm_class(EsmClass::from(header.map_or(0, |_| WITH_HEADER)))
            .registered_delivery(RegisteredDelivery::from(
                if is_last && settings.awaits_reports() {
                    REPORT
                } else {
                    0
                },
            ))
            .data_coding(DataCoding::from(coding(sms.encoded.encoding, sms.class)))
            .short_message(message)
            .build())
    };
    sms.encoded.parts.iter().enumerate().map(part).collect()
}

/// Encodes as Unicode a text that does not fit a message centre's alphabet Latin-1.
fn in_alphabet(sms: &Sms, alphabet: Alphabet) -> Result<Sms, String> {
    let is_text = sms.encoded.encoding == Encoding::Gsm;
    if alphabet == Alphabet::Gsm || !is_text || sms.text.chars().all(|c| u32::from(c) < 256) {
        return Ok(sms.clone());
    }
    let encoded = Encoded::encode(&sms.text, Some(Encoding::Unicode));
    Ok(Sms {
        encoded: encoded.map_err(|error| error.to_string())?,
        ..sms.clone()
    })
}

/// The octets of a part in Latin-1, which must have all of its characters.
fn latin1(octets: &[u8]) -> Vec<u8> {
    let text = text_of(octets, Encoding::Gsm).unwrap_or_default();
    let letter = |c: char| u8::try_from(u32::from(c)).unwrap_or(b'?');
    text.chars().map(letter).collect()
}

/// The data_coding with the message class (3GPP TS 23.038, 4: the general group).
const fn coding(encoding: Encoding, class: TextClass) -> u8 {
    let alphabet = match encoding {
        Encoding::Gsm => 0x00,
        Encoding::Binary => 0x04,
        Encoding::Unicode => 0x08,
    };
    match class {
        TextClass::Off => alphabet,
        TextClass::Flash => alphabet | 0x10,
        TextClass::Normal => alphabet | 0x11,
        TextClass::Sim => alphabet | 0x12,
        TextClass::Toolkit => alphabet | 0x13,
    }
}

type Address = (Ton, Npi, COctetString<1, 21>);

/// An address with its TON and NPI (SMPP 3.4, 5.2.5 and 5.2.6), by its form or as configured.
fn address(text: &str, said: (Option<u64>, Option<u64>)) -> Option<Address> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    let (ton, npi) = match text {
        "" => (0, 0),
        _ if !is_number => (5, 0),
        _ if text.starts_with('+') => (1, 1),
        _ if digits.len() <= SHORT => (3, 0),
        _ => (0, 1),
    };
    let octet =
        |said: Option<u64>, usual: u8| said.and_then(|it| u8::try_from(it).ok()).unwrap_or(usual);
    let address = if is_number { digits } else { text };
    Some((
        Ton::from(octet(said.0, ton)),
        Npi::from(octet(said.1, npi)),
        c_string(address)?,
    ))
}

/// A C-octet string (zero-terminated); `None` if the text does not fit.
pub(super) fn c_string<const MOST: usize>(text: &str) -> Option<COctetString<1, MOST>> {
    if !text.is_ascii() || text.contains('\0') {
        return None;
    }
    COctetString::from_vec([text.as_bytes(), &[0]].concat()).ok()
}
