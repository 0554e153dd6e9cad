//! Complaints: reports of mailbox providers that a recipient marked a mail as unwanted (ARF,
//! RFC 5965).

use domain::{Id, delivery::Spool};
use mail_parser::{MessagePart, MimeHeaders};

use super::{
    bounds,
    guarded::guarded,
    report::{fields_of, is},
    structure,
};
use crate::smtp::Verp;

/// Types of report that are no complaint: the mail is wanted after all, or its
/// authentication failed (RFC 6591).
const NO_COMPLAINTS: [&str; 2] = ["not-spam", "auth-failure"];

/// A parsed feedback report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// True if the report is a complaint.
    pub complains: bool,
    /// The attempt that it is about, if it names one of ours.
    pub spool: Option<Id<Spool>>,
}

/// Reads a report; `None` if the mail is not a feedback report.
///
/// Providers leave the recipient out, so the attempt is identified by our own tags: the return
/// path in the report, or the return path or Message-ID of the enclosed mail.
pub(crate) fn read(mail: &[u8], verp: &Verp) -> Option<Report> {
    guarded(|| read_unguarded(mail, verp))
}

fn read_unguarded(mail: &[u8], verp: &Verp) -> Option<Report> {
    let neutral = structure::neutralise(mail)?;
    let mail = bounds::parser().parse(&*neutral)?;
    let fields = fields_of(&mail, &["feedback-report"])?;
    let field = |wanted: &str| {
        let mut found = fields.iter().filter(|(name, _)| name == wanted);
        found.next().map(|(_, value)| value.as_str())
    };
    let kind = field("feedback-type").filter(|kind| !kind.is_empty())?;
    let enclosed = mail.parts.iter().find_map(enclosed);
    let (return_path, message_id) = enclosed.unwrap_or_default();
    let from = field("original-mail-from").unwrap_or_default();
    let spool = [from, &return_path]
        .into_iter()
        .find_map(|path| verp.bounced(local_part(path)?))
        .or_else(|| verp.mentioned(local_part(&message_id)?));
    Some(Report {
        complains: !NO_COMPLAINTS.iter().any(|it| kind.eq_ignore_ascii_case(it)),
        spool,
    })
}

/// The return path and the Message-ID of an enclosed mail, whole or its header only.
fn enclosed(part: &MessagePart<'_>) -> Option<(String, String)> {
    let kind = part.content_type()?;
    if !is(kind, "message", "rfc822") && !is(kind, "text", "rfc822-headers") {
        return None;
    }
    // The fields of an encoded part were not counted by the bounds.
    let head = bounds::raw_parser().parse_headers(structure::head(part.contents()))?;
    let of = |name: &str| head.header_raw(name).unwrap_or_default().trim().to_owned();
    Some((of("Return-Path"), of("Message-ID")))
}

fn local_part(address: &str) -> Option<&str> {
    let bare = address.trim_matches(|letter: char| "<> \t".contains(letter));
    Some(bare.rsplit_once('@')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verp() -> Verp {
        Verp::new(b"key".to_vec().into())
    }

    fn report(fields: &str, enclosed: &str) -> Option<Report> {
        let mail = format!(
            "From: fbl@provider.example\r\nContent-Type: multipart/report; \
             report-type=feedback-report; boundary=x\r\n\r\n--x\r\n\r\nA complaint.\r\n--x\r\n\
             Content-Type: message/feedback-report\r\n\r\n{fields}\r\n--x\r\n\
             {enclosed}\r\n--x--\r\n"
        );
        read(mail.as_bytes(), &verp())
    }

    #[test]
    fn the_attempt_is_known_by_its_return_path_or_its_message_id() {
        let spool = Id::new(42);
        let complaint = Some(Report {
            complains: true,
            spool: Some(spool),
        });
        let path = format!("{}@verp.example", verp().return_path(spool));
        let id = verp().message_id(spool, "sender.example");
        let kind = "Feedback-Type: abuse\r\nVersion: 1\r\n";
        let fields = format!("{kind}Original-Mail-From: <{path}>\r\n");
        assert_eq!(report(&fields, "\r\n"), complaint);
        let head = format!("Content-Type: text/rfc822-headers\r\n\r\nReturn-Path: <{path}>\r\n");
        assert_eq!(report(kind, &head), complaint);
        let whole = format!(
            "Content-Type: message/rfc822\r\n\r\nSubject: a\r\nMessage-ID: {id}\r\n\r\nBuy!"
        );
        assert_eq!(report(kind, &whole), complaint);
    }

    #[test]
    fn a_forged_complaint_matches_no_attempt() {
        let fields =
            "Feedback-Type: abuse\r\nOriginal-Mail-From: <bounce+42.0011223344@v.example>\r\n";
        let enclosed =
            "Content-Type: message/rfc822\r\n\r\nMessage-ID: <spool-42.0011223344@v>\r\n\r\n";
        let report = report(fields, enclosed).unwrap();
        assert_eq!(report.spool, None);
    }

    #[test]
    fn a_mail_that_is_wanted_after_all_is_not_complained_about() {
        for kind in ["not-spam", "Auth-Failure"] {
            let fields = format!("Feedback-Type: {kind}\r\n");
            assert!(!report(&fields, "\r\n").unwrap().complains, "{kind}");
        }
        assert!(
            report("Feedback-Type: fraud\r\n", "\r\n")
                .unwrap()
                .complains
        );
    }

    #[test]
    fn what_is_no_report_is_none() {
        assert_eq!(report("Version: 1\r\n", "\r\n"), None);
        assert_eq!(
            read(b"Subject: unwanted\r\n\r\nFeedback-Type: abuse", &verp()),
            None
        );
    }
}
