//! Bounces: reports of mail servers that a mail did not arrive (RFC 3464).

use super::{bounds, guarded::guarded, report::fields_of, structure};
use crate::words::one_line;

/// The most characters of a report that are kept.
const MAX_REPORT: usize = 400;

/// The outcome of a mail according to a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DsnOutcome {
    /// The mail failed permanently, with the remote side's text.
    Failed(String),
    /// Anything else: the mail is delayed, was relayed, or was delivered.
    Other,
}

/// Reads a report; `None` if the mail is not a delivery report.
pub fn read(mail: &[u8]) -> Option<DsnOutcome> {
    guarded(|| {
        let neutral = structure::neutralise(mail)?;
        let mail = bounds::parser().parse(&*neutral)?;
        let kinds = ["delivery-status", "global-delivery-status"];
        outcome(&fields_of(&mail, &kinds)?)
    })
}

/// The outcome by the fields of a report: a failure, if any recipient has one.
fn outcome(fields: &[(String, String)]) -> Option<DsnOutcome> {
    let mut outcome = None;
    let (mut action, mut status, mut diagnostic) = (String::new(), String::new(), String::new());
    for (name, value) in fields {
        match name.as_str() {
            // The first field of each recipient (RFC 3464, 2.3).
            "final-recipient" => (action, status, diagnostic) = Default::default(),
            "action" => action = value.trim().to_ascii_lowercase(),
            "status" => status = value.trim().to_owned(),
            "diagnostic-code" => {
                let words = value.split_once(';').map_or(&**value, |(_, words)| words);
                diagnostic = words.trim().to_owned();
            }
            _ => continue,
        }
        if action == "failed" {
            let words = if diagnostic.contains(&status) {
                diagnostic.clone()
            } else {
                format!("{status} {diagnostic}")
            };
            let words = one_line(&words, MAX_REPORT);
            outcome = Some(DsnOutcome::Failed(match words.as_str() {
                "" => "it was returned".to_owned(),
                _ => words,
            }));
        } else if !action.is_empty() {
            outcome = outcome.or(Some(DsnOutcome::Other));
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(fields: &str) -> Option<DsnOutcome> {
        let mail = format!(
            "From: MAILER-DAEMON\r\nContent-Type: multipart/report; \
             report-type=delivery-status; boundary=x\r\n\r\n--x\r\n\r\nSorry.\r\n--x\r\n\
             Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n{fields}\
             \r\n--x\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: a\r\n--x--\r\n"
        );
        read(mail.as_bytes())
    }

    #[test]
    fn a_failure_has_the_remote_sides_words() {
        let fields = "Final-Recipient: rfc822; a@b.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\
            Diagnostic-Code: smtp; 550 5.1.1\r\n    nobody of that name\r\n";
        let words = "550 5.1.1 nobody of that name".to_owned();
        assert_eq!(report(fields), Some(DsnOutcome::Failed(words)));
        let fields = "Action: Failed\r\nStatus: 4.4.7\r\nDiagnostic-Code: X-mx; too late\r\n";
        let words = "4.4.7 too late".to_owned();
        assert_eq!(report(fields), Some(DsnOutcome::Failed(words)));
        let words = "it was returned".to_owned();
        assert_eq!(
            report("Action: failed\r\n"),
            Some(DsnOutcome::Failed(words))
        );
        // The fields after a blank line are about another recipient, in any order.
        let fields = "Final-Recipient: rfc822; a@b\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n\
            Final-Recipient: rfc822; c@b\r\nStatus: 2.0.0\r\nAction: delivered\r\n";
        assert_eq!(report(fields), Some(DsnOutcome::Failed("5.1.1".to_owned())));
    }

    #[test]
    fn deferred_and_delivered_reports_are_no_bounce() {
        for action in ["delayed", "delivered", "relayed", "expanded"] {
            let fields = format!("Action: {action}\r\nStatus: 2.0.0\r\n");
            assert_eq!(report(&fields), Some(DsnOutcome::Other), "{action}");
        }
    }

    #[test]
    fn what_is_no_report_is_none() {
        assert_eq!(report("Status: 5.0.0\r\n"), None);
        for mail in [
            "",
            "Subject: I am on holiday\r\n\r\nBye",
            "Action: failed\r\n\r\n",
        ] {
            assert_eq!(read(mail.as_bytes()), None, "{mail}");
        }
    }
}
