//! Mobile-originated SMS: an inbound short message out of a deliver_sm (SMPP 3.4, 4.6.1).

use domain::{Id, delivery::Provider, delivery::settings::Alphabet, outreach::sms::Encoding};

use super::pdu::{Address, Deliver};
use crate::inbox::{InboundSms, Part};

/// The bit of esm_class for a user data header (UDHI).
const WITH_HEADER: u8 = 0x40;

/// Reads an inbound SMS. `alphabet` is the provider's meaning of data_coding 0.
pub fn read(provider: Id<Provider>, deliver: &Deliver, alphabet: Alphabet) -> InboundSms {
    let mut octets = &deliver.octets[..];
    let mut in_header = None;
    if deliver.esm_class & WITH_HEADER != 0
        && let Some((header, text)) = headed(octets)
    {
        in_header = Part::of_header(header);
        octets = text;
    }
    let part = in_header.or_else(|| {
        let (reference, count, number) = deliver.part;
        Part::new(reference?, count?, number?)
    });
    let (encoding, octets) = decoded(deliver.data_coding, octets, alphabet);
    InboundSms {
        provider,
        source: address(&deliver.source),
        destination: address(&deliver.destination),
        encoding,
        octets,
        part,
        name: None,
    }
}

/// The user data header, without its length, and the text after it.
fn headed(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = octets.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

/// An address: an international number (5.2.5) with `+`, anything else as it is.
fn address(Address { ton, text }: &Address) -> String {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match ton {
        1 if is_number => format!("+{text}"),
        _ => text.clone(),
    }
}

/// Decodes octets by their data_coding (SMPP 3.4, 5.2.19; 3GPP TS 23.038, 4). Text that is
/// neither GSM nor UTF-16 is converted to UTF-16.
fn decoded(coding: u8, octets: &[u8], alphabet: Alphabet) -> (Encoding, Vec<u8>) {
    let latin1 = || utf16(encoding_rs::WINDOWS_1252, octets);
    let by_alphabet = || match alphabet {
        Alphabet::Gsm => (Encoding::Gsm, octets.to_vec()),
        Alphabet::Latin1 => latin1(),
    };
    match coding {
        0x00 => by_alphabet(),
        0x01 | 0x03 => latin1(),
        0x02 | 0x04 => (Encoding::Binary, octets.to_vec()),
        0x06 => utf16(encoding_rs::ISO_8859_5, octets),
        0x07 => utf16(encoding_rs::ISO_8859_8, octets),
        0x08 => (Encoding::Unicode, octets.to_vec()),
        // The general group with a message class, then the groups of 23.038.
        0x10..=0x3f => match coding & 0x0c {
            0x00 => by_alphabet(),
            0x08 => (Encoding::Unicode, octets.to_vec()),
            _ => (Encoding::Binary, octets.to_vec()),
        },
        0xe0..=0xef => (Encoding::Unicode, octets.to_vec()),
        0xc0..=0xdf | 0xf0..=0xf3 | 0xf8..=0xfb => by_alphabet(),
        _ => (Encoding::Binary, octets.to_vec()),
    }
}

fn utf16(encoding: &'static encoding_rs::Encoding, octets: &[u8]) -> (Encoding, Vec<u8>) {
    let (text, _) = encoding.decode_without_bom_handling(octets);
    let units = text.encode_utf16().flat_map(u16::to_be_bytes);
    (Encoding::Unicode, units.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::outreach::sms::text_of;

    fn deliver(octets: &'static [u8], coding: u8, esm_class: u8) -> Deliver {
        let address = |ton, text: &str| Address {
            ton,
            text: text.to_owned(),
        };
        Deliver {
            source: address(1, "4930999"),
            destination: address(0, "80012"),
            data_coding: coding,
            esm_class,
            octets: octets.into(),
            ..Deliver::default()
        }
    }

    fn sms(deliver: &Deliver) -> InboundSms {
        read(Id::new(7), deliver, Alphabet::Gsm)
    }

    fn text(octets: &'static [u8], coding: u8) -> Option<String> {
        let sms = sms(&deliver(octets, coding, 0));
        text_of(&sms.octets, sms.encoding)
    }

    #[test]
    fn addresses_are_of_the_kind_that_they_are_said_to_be() {
        let sms = sms(&deliver(b"hi", 0, 0));
        assert_eq!(sms.source, "+4930999");
        assert_eq!(sms.destination, "80012");
    }

    #[test]
    fn the_coding_says_what_the_octets_are() {
        for (octets, coding, said) in [
            (&b"\x1b\x65 \x01"[..], 0x00, Some("€ £")),
            (b"\x1b\x65", 0x11, Some("€")),
            (b"\xe9", 0x03, Some("é")),
            (b"\xb1", 0x06, Some("Б")),
            (b"\x06\x45\xd8\x3d\xde\x00", 0x08, Some("م😀")),
            (b"\x06\x45", 0x18, Some("م")),
            (b"\x00\xff", 0x04, None),
            (b"\x00\xff", 0xf5, None),
            (b"", 0x00, Some("")),
            (b"\x1b", 0x00, Some("")),
            (b"\xd8", 0x08, Some("\u{fffd}")),
        ] {
            assert_eq!(text(octets, coding).as_deref(), said, "{octets:?} {coding}");
        }
    }

    #[test]
    fn parts_are_known_by_their_header_or_by_their_parameters() {
        let headed = deliver(b"\x05\x00\x03\x07\x02\x01abc", 0, 0x40);
        assert_eq!(sms(&headed).part, Part::new(7, 2, 1));
        assert_eq!(sms(&headed).octets, b"abc");
        let mut numbered = deliver(b"abc", 0, 0);
        numbered.part = (Some(300), Some(2), Some(2));
        assert_eq!(sms(&numbered).part, Part::new(300, 2, 2));
    }

    #[test]
    fn a_header_that_makes_no_sense_is_text() {
        let broken = sms(&deliver(b"\xffabc", 0, 0x40));
        assert_eq!((broken.part, &broken.octets[..]), (None, &b"\xffabc"[..]));
        let empty = sms(&deliver(b"", 0, 0x40));
        assert_eq!(empty.part, None);
    }
}
