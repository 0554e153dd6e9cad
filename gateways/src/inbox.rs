//! The inbox: receives from adapters what their remote sides send by themselves.

use async_trait::async_trait;
use domain::{Id, delivery::Provider, outreach::sms::Encoding};

use crate::{InboundAnswer, reports::ReportedOutcome};

/// An inbound (mobile-originated) SMS, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboundSms {
    /// The provider that delivered it.
    pub provider: Id<Provider>,
    /// The number or name of the sender.
    pub source: String,
    /// The number that it was sent to.
    pub destination: String,
    /// The encoding of its octets.
    pub encoding: Encoding,
    /// The user data; GSM characters one to an octet.
    pub octets: Vec<u8>,
    /// The place in a longer message, if it is a part of one.
    pub part: Option<Part>,
    /// The provider's id of the message, equal at each redelivery.
    pub name: Option<String>,
}

/// The place of a part in a longer (concatenated) message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The reference number that the parts have in common.
    pub reference: u16,
    /// The number of parts.
    pub count: u8,
    /// The position of this part, from 1.
    pub number: u8,
}

/// Records inbound items. Each method answers when the item is on record.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// Records a delivery receipt, by the id that the provider gave the message.
    async fn report(
        &self,
        provider: Id<Provider>,
        message_id: String,
        said: ReportedOutcome,
    ) -> InboundAnswer;

    /// Records an inbound SMS or a part of one.
    async fn sms(&self, sms: &InboundSms) -> InboundAnswer;

    /// Notes that the remote side has the acknowledgement: from now on an identical text is
    /// another message.
    fn settled(&self, sms: &InboundSms);
}

impl Part {
    /// Reads the part from a user data header (3GPP TS 23.040, 9.2.3.24): elements of an
    /// identifier, a length and as many octets. `None` for a single message or a malformed header.
    pub fn of_header(header: &[u8]) -> Option<Self> {
        let mut rest = header;
        while let [name, length, more @ ..] = rest {
            let (element, others) = more.split_at_checked(usize::from(*length))?;
            let part = match (name, element) {
                (0x00, [reference, count, number]) => {
                    Self::new(u16::from(*reference), *count, *number)
                }
                (0x08, [high, low, count, number]) => {
                    Self::new(u16::from_be_bytes([*high, *low]), *count, *number)
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

    /// The part with these numbers, if they are valid: more than one part, `number` among them.
    pub fn new(reference: u16, count: u8, number: u8) -> Option<Self> {
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
        let part = Part::new(7, 3, 2);
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
