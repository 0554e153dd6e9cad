//! Reads inbound PDUs. Each is framed by its length first, and then parsed leniently: message
//! centres leave out the zero octet that ends a string, write names in Latin-1 and add
//! parameters that are not used here. None of that is a reason to lose the bind and its
//! outstanding requests.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use rusmpp::{CommandId, CommandStatus};
use tokio_util::codec::Decoder;

/// The most octets of a PDU: more than any that is used here has, message_payload included.
const MAX_PDU_BYTES: usize = 70_000;
/// The most characters that are kept of an address or an id: more than any has (3.4, 5.2.8,
/// 5.2.9, 5.2.23).
const STRING: usize = 255;
/// The octets of a PDU header.
const HEAD: usize = 16;

/// A PDU: its parsed header (SMPP 3.4, 3.2), and its body as received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The command: a request or a response.
    pub id: CommandId,
    /// The status of a response.
    pub status: CommandStatus,
    /// The sequence number, by which a response belongs to its request.
    pub sequence: u32,
    /// The body.
    pub body: Bytes,
}

/// The decoder that frames PDUs.
#[derive(Debug, Default)]
pub struct Frames;

impl Decoder for Frames {
    type Item = Frame;
    type Error = io::Error;

    /// # Errors
    /// If a length is invalid: then the beginning of the next PDU is not known.
    fn decode(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Frame>> {
        let Some(length) = buffer.first_chunk().copied().map(u32::from_be_bytes) else {
            return Ok(None);
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if !(HEAD..=MAX_PDU_BYTES).contains(&length) {
            let words = format!("a PDU of {length} octets");
            return Err(io::Error::new(io::ErrorKind::InvalidData, words));
        }
        if buffer.len() < length {
            buffer.reserve(length - buffer.len());
            return Ok(None);
        }
        let mut pdu = buffer.split_to(length).freeze();
        pdu.advance(4);
        Ok(Some(Frame {
            id: CommandId::from(pdu.get_u32()),
            status: CommandStatus::from(pdu.get_u32()),
            sequence: pdu.get_u32(),
            body: pdu,
        }))
    }
}

/// The id in the body of a submit_sm_resp (4.4.2): up to a zero octet, or all of it.
pub fn message_id(body: &[u8]) -> String {
    let end = body.iter().position(|octet| *octet == 0);
    latin1(&body[..end.unwrap_or(body.len())])
}

/// The source or destination address of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// The type of number, TON (5.2.5).
    pub ton: u8,
    /// The number or name.
    pub text: String,
}

/// A deliver_sm (4.6.1), as far as its fields are used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deliver {
    /// The source address.
    pub source: Address,
    /// The destination address.
    pub destination: Address,
    /// The message type and features (5.2.12).
    pub esm_class: u8,
    /// The encoding of its octets (5.2.19).
    pub data_coding: u8,
    /// The user data: its short_message, or if that is empty its message_payload.
    pub octets: Bytes,
    /// The receipted_message_id: the id of the message that a receipt is about, as given in the
    /// response to its submission.
    pub message_id: Option<String>,
    /// The state of that message (5.2.28).
    pub message_state: Option<u8>,
    /// Reference, count and number of a part, where they are given as parameters.
    pub part: (Option<u16>, Option<u8>, Option<u8>),
}

mod tag {
    //! Optional parameters (5.3.2).
    pub(super) const RECEIPTED_MESSAGE_ID: u16 = 0x001e;
    pub(super) const MESSAGE_STATE: u16 = 0x0427;
    pub(super) const MESSAGE_PAYLOAD: u16 = 0x0424;
    pub(super) const SAR_MSG_REF_NUM: u16 = 0x020c;
    pub(super) const SAR_TOTAL_SEGMENTS: u16 = 0x020e;
    pub(super) const SAR_SEGMENT_SEQNUM: u16 = 0x020f;
}

impl Deliver {
    /// Parses a body; `None` if mandatory fields are missing.
    pub fn read(body: &Bytes) -> Option<Self> {
        let mut rest = body.clone();
        let _service_type = string(&mut rest)?;
        let source = address(&mut rest)?;
        let destination = address(&mut rest)?;
        let esm_class = rest.try_get_u8().ok()?;
        let _protocol_and_priority = rest.try_get_u16().ok()?;
        let _delivery_time = string(&mut rest)?;
        let _validity_period = string(&mut rest)?;
        let _report_and_replace = rest.try_get_u16().ok()?;
        let data_coding = rest.try_get_u8().ok()?;
        let _default_message = rest.try_get_u8().ok()?;
        let length = usize::from(rest.try_get_u8().ok()?);
        if rest.len() < length {
            return None;
        }
        let mut deliver = Self {
            source,
            destination,
            esm_class,
            data_coding,
            octets: rest.split_to(length),
            ..Self::default()
        };
        while let (Ok(tag), Ok(length)) = (rest.try_get_u16(), rest.try_get_u16()) {
            let length = usize::from(length).min(rest.len());
            deliver.parameter(tag, rest.split_to(length));
        }
        Some(deliver)
    }

    fn parameter(&mut self, tag: u16, value: Bytes) {
        let octet = || value.first().copied();
        match tag {
            tag::RECEIPTED_MESSAGE_ID => {
                self.message_id = Some(message_id(&value)).filter(|id| !id.is_empty());
            }
            tag::MESSAGE_STATE => self.message_state = octet(),
            tag::MESSAGE_PAYLOAD if self.octets.is_empty() => self.octets = value,
            tag::SAR_MSG_REF_NUM => {
                self.part.0 = value.first_chunk().copied().map(u16::from_be_bytes);
            }
            tag::SAR_TOTAL_SEGMENTS => self.part.1 = octet(),
            tag::SAR_SEGMENT_SEQNUM => self.part.2 = octet(),
            _ => {}
        }
    }
}

fn address(rest: &mut Bytes) -> Option<Address> {
    let ton = rest.try_get_u8().ok()?;
    let _plan = rest.try_get_u8().ok()?;
    let text = string(rest)?;
    Some(Address { ton, text })
}

/// Reads a zero-terminated string.
fn string(rest: &mut Bytes) -> Option<String> {
    let end = rest.iter().position(|octet| *octet == 0)?;
    let string = latin1(&rest.split_to(end));
    rest.advance(1);
    Some(string)
}

/// Decodes a string as Latin-1: strings must be ASCII (3.1), and most that are not are Latin-1.
fn latin1(octets: &[u8]) -> String {
    octets
        .iter()
        .take(STRING)
        .copied()
        .map(char::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(short_message: &[u8], parameters: &[u8]) -> Bytes {
        let mut body = b"\0\x05\x00Caf\xe9\0\x01\x014930901\0".to_vec();
        body.extend(b"\x04\0\0\x00260101\0\0\0\x03\0");
        body.push(u8::try_from(short_message.len()).unwrap());
        body.extend(short_message);
        body.extend(parameters);
        body.into()
    }

    #[test]
    fn what_is_not_as_it_should_be_is_read_all_the_same() {
        // An id without its zero octet, a state, and a parameter that is longer than the rest.
        let parameters = b"\x00\x1e\x00\x02m1\x04\x27\x00\x01\x02\x14\x00\x00\x09ab";
        let deliver = Deliver::read(&body(b"hello", parameters)).unwrap();
        assert_eq!(deliver.source.text, "Café");
        assert_eq!(
            deliver.destination,
            Address {
                ton: 1,
                text: "4930901".to_owned()
            }
        );
        assert_eq!((deliver.esm_class, deliver.data_coding), (4, 3));
        assert_eq!(&deliver.octets[..], b"hello");
        assert_eq!(deliver.message_id.as_deref(), Some("m1"));
        assert_eq!(deliver.message_state, Some(2));
    }

    #[test]
    fn a_payload_takes_the_place_of_an_empty_text_only() {
        let payload = b"\x04\x24\x00\x04long";
        let octets = |text| Deliver::read(&body(text, payload)).unwrap().octets;
        assert_eq!(&octets(b"")[..], b"long");
        assert_eq!(&octets(b"short")[..], b"short");
    }

    #[test]
    fn one_whose_fields_are_missing_is_none() {
        let whole = body(b"hello", b"");
        for length in 0..whole.len() {
            assert_eq!(Deliver::read(&whole.slice(..length)), None, "{length}");
        }
        assert!(Deliver::read(&whole).is_some());
    }

    #[test]
    fn pdus_are_cut_by_their_length_whatever_is_in_them() {
        let mut buffer = BytesMut::new();
        // A submit_sm_resp whose id does not end, and an enquire_link_resp with a body.
        buffer.extend(b"\0\0\0\x12\x80\0\0\x04\0\0\0\0\0\0\0\x07m1");
        buffer.extend(b"\0\0\0\x11\x80\0\0\x15\0\0\0\0\0\0\0\x08x\0\0");
        let first = Frames.decode(&mut buffer).unwrap().unwrap();
        assert_eq!((first.id, first.sequence), (CommandId::SubmitSmResp, 7));
        assert_eq!(message_id(&first.body), "m1");
        let second = Frames.decode(&mut buffer).unwrap().unwrap();
        assert_eq!(
            (second.id, second.sequence),
            (CommandId::EnquireLinkResp, 8)
        );
        assert_eq!(Frames.decode(&mut buffer).unwrap(), None);
        for length in [0_u32, 15, 70_001, u32::MAX] {
            let mut buffer = BytesMut::from(&length.to_be_bytes()[..]);
            assert!(Frames.decode(&mut buffer).is_err(), "{length}");
        }
    }
}
