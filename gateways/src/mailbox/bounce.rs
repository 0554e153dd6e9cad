//! Bounces: reports of mail servers that a mail did not arrive (RFC 3464), which come to the
//! return path of its attempt.

use commands::{CommandError, Commands};
use domain::{
    Id,
    delivery::{Spool, Transmission, TransmissionCommand, TransmissionError},
};
use eventstore::{Metadata, StoreError, clock};
use mail_parser::{MessageParser, MimeHeaders};
use projections::delivery::spools;
use sqlx::PgPool;

use crate::{smtp::Tags, words::one_line};

/// How much of a report is kept.
const WORDS: usize = 400;
/// How much of one is read.
const LONGEST: usize = 64 << 10;

/// What a report says of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It did not arrive, and will not; with the remote side's words.
    Failed(String),
    /// Something else: it is late, was passed on, or did arrive.
    Other,
}

/// Recognises bounces and puts them on record.
#[derive(Clone)]
pub struct Bounces {
    tags: Tags,
    commands: Commands,
    pool: PgPool,
}

impl Bounces {
    /// `tags` are those that return paths are made with.
    pub fn new(tags: Tags, commands: Commands) -> Self {
        let pool = commands.store().pool().clone();
        Self {
            tags,
            commands,
            pool,
        }
    }

    /// The attempt that this is the return path of.
    pub fn about(&self, address: &str) -> Option<Id<Spool>> {
        let (local_part, _) = address.rsplit_once('@')?;
        self.tags.bounced(local_part)
    }

    /// Turns the attempt into a failed one, if the report says so. What is answered for it.
    ///
    /// # Errors
    /// When the log does not answer.
    pub async fn take(&self, spool: Id<Spool>, mail: &[u8]) -> Result<&'static str, CommandError> {
        let words = match read(mail) {
            Some(Fate::Failed(words)) => words,
            Some(Fate::Other) => return Ok("250 2.0.0 ok, noted"),
            None => return Ok("550 5.6.0 only reports of delivery are taken here"),
        };
        let transmission = spools::transmission_of(&self.pool, spool.get()).await;
        let Some(transmission) = transmission.map_err(StoreError::Database)? else {
            return Ok("550 5.1.1 there is no such attempt any more");
        };
        let bounce = TransmissionCommand::Bounce {
            spool,
            at: clock::now(),
            response: words,
        };
        let bounces = vec![(Id::<Transmission>::new(transmission), bounce)];
        let metadata = Metadata::default();
        let answers = self.commands.send_many(bounces, &metadata, Vec::new());
        Ok(match answers.await?.into_iter().next() {
            Some(Ok(_) | Err(TransmissionError::AlreadyEnded)) => {
                metrics::counter!("ledgerline_bounces_total").increment(1);
                "250 2.0.0 ok, it is on record"
            }
            _ => "550 5.1.1 there is no such attempt any more",
        })
    }
}

/// Reads a report; nothing if the mail is none.
pub fn read(mail: &[u8]) -> Option<Fate> {
    let mail = MessageParser::default().parse(mail)?;
    let is_report = |kind: &mail_parser::ContentType<'_>| {
        let subtype = kind.subtype().unwrap_or_default();
        kind.ctype().eq_ignore_ascii_case("message")
            && ["delivery-status", "global-delivery-status"]
                .iter()
                .any(|known| subtype.eq_ignore_ascii_case(known))
    };
    let report = mail
        .parts
        .iter()
        .find(|part| part.content_type().is_some_and(is_report))?;
    let bytes = report.contents();
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(LONGEST)]);
    fate(&text)
}

/// What the fields say: of several recipients, what failed.
fn fate(text: &str) -> Option<Fate> {
    let mut fate = None;
    let (mut action, mut status, mut diagnostic) = (String::new(), String::new(), String::new());
    for (name, value) in fields(text) {
        match name.to_ascii_lowercase().as_str() {
            // The first field of each recipient (RFC 3464, 2.3).
            "final-recipient" => (action, status, diagnostic) = Default::default(),
            "action" => action = value.trim().to_ascii_lowercase(),
            "status" => status = value.trim().to_owned(),
            "diagnostic-code" => {
                let words = value
                    .split_once(';')
                    .map_or(value.as_str(), |(_, words)| words);
                diagnostic = words.trim().to_owned();
            }
            _ => continue,
        }
        if action == "failed" {
            let words = match diagnostic.contains(&status) {
                true => diagnostic.clone(),
                false => format!("{status} {diagnostic}"),
            };
            let words = one_line(&words, WORDS);
            fate = Some(Fate::Failed(match words.as_str() {
                "" => "it was returned".to_owned(),
                _ => words,
            }));
        } else if !action.is_empty() {
            fate = fate.or(Some(Fate::Other));
        }
    }
    fate
}

/// Fields, those over several lines put together.
fn fields(text: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        match (line.starts_with([' ', '\t']), fields.last_mut()) {
            (true, Some((_, value))) => {
                value.push(' ');
                value.push_str(line.trim());
            }
            _ => {
                if let Some((name, value)) = line.split_once(':') {
                    fields.push((name.trim().to_owned(), value.trim().to_owned()));
                }
            }
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(fields: &str) -> Option<Fate> {
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
        assert_eq!(report(fields), Some(Fate::Failed(words)));
        let fields = "Action: Failed\r\nStatus: 4.4.7\r\nDiagnostic-Code: X-mx; too late\r\n";
        let words = "4.4.7 too late".to_owned();
        assert_eq!(report(fields), Some(Fate::Failed(words)));
        let words = "it was returned".to_owned();
        assert_eq!(report("Action: failed\r\n"), Some(Fate::Failed(words)));
        // What follows is of another recipient, in whatever order.
        let fields = "Final-Recipient: rfc822; a@b\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n\
            Final-Recipient: rfc822; c@b\r\nStatus: 2.0.0\r\nAction: delivered\r\n";
        assert_eq!(report(fields), Some(Fate::Failed("5.1.1".to_owned())));
    }

    #[test]
    fn what_is_late_or_arrived_is_no_failure() {
        for action in ["delayed", "delivered", "relayed", "expanded"] {
            let fields = format!("Action: {action}\r\nStatus: 2.0.0\r\n");
            assert_eq!(report(&fields), Some(Fate::Other), "{action}");
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
