//! The inbox: where adapters hand over what their remote side sends by itself.

use async_trait::async_trait;
use domain::{Id, delivery::Provider, outreach::sms::Encoding};

use crate::reports::Said;

/// The answer to something that came in. The remote side keeps what is not on record here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ingested {
    /// It is on record, or was before.
    Ack,
    /// Not now; it is to be sent again.
    Retry,
    /// No account here takes it in, and why.
    Reject(&'static str),
}

/// An inbound (mobile-originated) SMS, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboundSms {
    /// Who brings it.
    pub provider: Id<Provider>,
    /// The number or the name that it came from.
    pub source: String,
    /// The number that it came to.
    pub destination: String,
    /// What its octets are.
    pub encoding: Encoding,
    /// What it says, GSM letters one to an octet.
    pub octets: Vec<u8>,
    /// Which part of a longer one it is.
    pub part: Option<Part>,
    /// What the provider calls it, each time that it brings it.
    pub name: Option<String>,
}

/// A place in a longer message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// What the parts have in common.
    pub reference: u16,
    /// How many there are.
    pub count: u8,
    /// Which it is, from 1.
    pub number: u8,
}

/// Takes in what comes. It answers once that is on record.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// Takes in a delivery receipt, by the id that the provider gave the message.
    async fn report(&self, provider: Id<Provider>, message_id: String, said: Said) -> Ingested;

    /// Takes in an inbound SMS or a part of one.
    async fn sms(&self, sms: &InboundSms) -> Ingested;

    /// Notes that the remote side has the acknowledgement: from now on the same words are
    /// another message.
    fn settled(&self, sms: &InboundSms);
}

impl Part {
    /// Finds it in a header (3GPP TS 23.040, 9.2.3.24): elements of a name, a length and as
    /// many octets. Of a single message, or one whose header makes no sense, nothing.
    pub fn of_header(header: &[u8]) -> Option<Self> {
        let mut rest = header;
        while let [name, length, more @ ..] = rest {
            let (element, others) = more.split_at_checked(usize::from(*length))?;
            let part = match (name, element) {
                (0x00, [reference, count, number]) => {
                    Self::of(u16::from(*reference), *count, *number)
                }
                (0x08, [high, low, count, number]) => {
                    Self::of(u16::from_be_bytes([*high, *low]), *count, *number)
                }
                _ => None,
            };
            if part.is_some() {
                return part;
            }
            rest = others;
        }
        None
    }

    /// One of several, if these numbers can be.
    pub fn of(reference: u16, count: u8, number: u8) -> Option<Self> {
        let several = count > 1 && (1..=count).contains(&number);
        several.then_some(Self {
            reference,
            count,
            number,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_found_in_a_header() {
        let part = Part::of(7, 3, 2);
        assert!(part.is_some());
        assert_eq!(Part::of_header(&[0, 3, 7, 3, 2]), part);
        assert_eq!(Part::of_header(&[8, 4, 0, 7, 3, 2]), part);
        assert_eq!(Part::of_header(&[5, 4, 1, 2, 3, 4, 0, 3, 7, 3, 2]), part);
        let none: [&[u8]; 7] = [
            &[],
            &[0],
            &[0, 3, 7, 3],
            &[0, 3, 7, 1, 1],
            &[0, 3, 7, 3, 0],
            &[0, 3, 7, 3, 4],
            &[1, 255, 0],
        ];
        for header in none {
            assert_eq!(Part::of_header(header), None, "{header:?}");
        }
    }
}
