//! Entry points of the fuzz targets in `tests/fuzz`: one function for each kind of input
//! from the network. Each parses arbitrary bytes as the adapters do, and panics if the
//! result breaks an invariant.

use bytes::{Bytes, BytesMut};
use domain::{
    Id,
    delivery::settings::{Alphabet, MessageIds},
    outreach::sms::{Encoding, text_of},
};
use smtp_proto::Request;
use tokio_util::codec::Decoder as _;

use crate::{
    inbound_mail::{
        bounce, complaint, letter,
        wire::{self, Data, Found},
    },
    inbox::{InboundSms, Part},
    kannel,
    reports::ReportedOutcome,
    smpp::{
        mobile_originated,
        pdu::{Deliver, Frames, message_id},
        receipt,
    },
    smtp::Verp,
};

/// The most characters that are kept of a text from a remote side.
const WORDS: usize = 500;
/// The size limit of mails under the fuzzer, in bytes.
const LIMIT: usize = 4_096;

/// Parses bytes from a message centre (SMPP 3.4): as frames, and as the body of a deliver_sm.
pub fn pdu(bytes: &[u8]) {
    let mut buffer = BytesMut::from(bytes);
    while let Ok(Some(frame)) = Frames.decode(&mut buffer) {
        message_id(&frame.body);
        Deliver::read(&frame.body).iter().for_each(delivered);
    }
    let body = Bytes::copy_from_slice(bytes);
    Deliver::read(&body).iter().for_each(delivered);
}

fn delivered(deliver: &Deliver) {
    for ids in [
        MessageIds::Same,
        MessageIds::HexThenDecimal,
        MessageIds::DecimalThenHex,
    ] {
        if let Some(receipt) = receipt::read(deliver, ids) {
            assert!(!receipt.message_id.is_empty(), "a report of nothing");
            receipt.said.iter().for_each(short_words);
        }
    }
    for alphabet in [Alphabet::Gsm, Alphabet::Latin1] {
        short_message(&mobile_originated::read(Id::new(1), deliver, alphabet));
    }
}

fn short_message(short: &InboundSms) {
    if let Some(part) = short.part {
        assert_eq!(
            Part::new(part.reference, part.count, part.number),
            Some(part)
        );
    }
    let text = text_of(&short.octets, short.encoding);
    assert_eq!(text.is_none(), short.encoding == Encoding::Binary);
}

fn short_words(said: &ReportedOutcome) {
    assert!(!said.words.is_empty(), "nothing was said");
    assert!(!said.words.contains(char::is_control), "{:?}", said.words);
    assert!(said.words.chars().count() <= WORDS, "too much was said");
}

/// Parses the text of a delivery receipt (SMPP 3.4, appendix B).
pub fn receipt(bytes: &[u8]) {
    delivered(&Deliver {
        octets: Bytes::copy_from_slice(bytes),
        ..Deliver::default()
    });
}

/// Parses the user data header of a part (3GPP TS 23.040, 9.2.3.24).
pub fn header(bytes: &[u8]) {
    if let Some(Part { count, number, .. }) = Part::of_header(bytes) {
        assert!(
            count > 1 && (1..=count).contains(&number),
            "{number} of {count}"
        );
    }
}

/// Parses a query of Kannel's callbacks: as a message, and as a report.
pub fn query(bytes: &[u8]) {
    let query = String::from_utf8_lossy(bytes);
    if let Ok(short) = kannel::mobile_originated::read(Id::new(1), &query) {
        short_message(&short);
    }
    let (status, answer) = query.split_once('&').unwrap_or((&query, ""));
    if let Ok(Some(said)) = kannel::report::read(status, answer) {
        short_words(&said);
    }
}

/// Parses a mail: its content, and as a bounce (RFC 3464) and as a complaint (RFC 5965).
pub fn mail(bytes: &[u8]) {
    let letter = letter::read(bytes);
    for file in &letter.files {
        assert!(!file.name.is_empty(), "a file without a name");
        let path = |c: char| c.is_control() || matches!(c, '/' | '\\');
        assert!(!file.name.contains(path), "{:?}", file.name);
    }
    let said = [&letter.message.subject, &letter.message.source];
    for line in said.into_iter().flatten() {
        assert!(!line.contains(char::is_control), "{line:?}");
    }
    if let Some(bounce::DsnOutcome::Failed(words)) = bounce::read(bytes) {
        assert!(
            !words.is_empty() && words.chars().count() <= WORDS,
            "{words:?}"
        );
        assert!(!words.contains(char::is_control), "{words:?}");
    }
    let tags = Verp::new(b"nobody knows this key".to_vec().into());
    let complaint = complaint::read(bytes, &tags);
    let spool = complaint.and_then(|complaint| complaint.spool);
    assert_eq!(spool, None, "a tag was made up");
}

/// Parses the client's side of an LMTP or SMTP session. The result must not depend on how
/// the bytes are split: the first byte is the place of the cut in two.
pub fn lmtp(bytes: &[u8]) {
    let Some((at, said)) = bytes.split_first() else {
        return;
    };
    let (before, after) = said.split_at(usize::from(*at).min(said.len()));
    let whole = heard(&[said]);
    assert_eq!(heard(&[before, after]), whole, "cut at {at}");
    for heard in whole {
        if let Heard::Mail { bytes, bare: false } = heard {
            let mut mail = BytesMut::from(&bytes[..]);
            while let Found::Line(_) = wire::line(&mut mail) {}
            assert_ne!(wire::line(&mut mail), Found::Bare, "a bare CR or LF");
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Line(Vec<u8>),
    Mail { bytes: Vec<u8>, bare: bool },
    HangsUp,
}

fn heard(pieces: &[&[u8]]) -> Vec<Heard> {
    let (mut all, mut buffer, mut data) = (Vec::new(), BytesMut::new(), None::<Data>);
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            if let Some(mail) = &mut data {
                if !mail.take(&mut buffer, LIMIT) {
                    break;
                }
                let Data { bytes, bare, .. } = data.take().unwrap_or_default();
                assert!(bytes.len() <= LIMIT, "more was kept than may be");
                all.push(Heard::Mail { bytes, bare });
                continue;
            }
            match wire::line(&mut buffer) {
                Found::Nothing => break,
                Found::Line(line) => {
                    let line = [&line[..], b"\r\n"].concat();
                    let request = Request::parse(&mut line.iter());
                    data = matches!(request, Ok(Request::Data)).then(Data::default);
                    all.push(Heard::Line(line));
                }
                Found::TooLong | Found::Bare => {
                    all.push(Heard::HangsUp);
                    return all;
                }
            }
        }
    }
    all
}
