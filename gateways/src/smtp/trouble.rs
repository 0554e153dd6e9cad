//! Errors of an SMTP session, and their classification as outcomes.

use std::{fmt, io::ErrorKind, time::Duration};

use domain::delivery::Outcome;
use lettre::transport::smtp;

use crate::{network::AddressRefused, words::one_line};

/// The most characters of a server's answer that are kept.
pub(super) const WORDS: usize = 500;

/// The step of the session at which an error occurred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Connect,
    Greet,
    Encrypt,
    LogIn,
    Mail,
    Recipient,
    Data,
    /// From the first byte of the message on, since from then on it is not known how much of
    /// it arrived.
    Message,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting",
            Self::Greet => "greeting",
            Self::Encrypt => "encrypting",
            Self::LogIn => "logging in",
            Self::Mail => "MAIL",
            Self::Recipient => "RCPT",
            Self::Data => "DATA",
            Self::Message => "the message",
        })
    }
}

/// An error of an SMTP session.
#[derive(Debug)]
pub(super) enum Fault {
    /// The server answered with a refusal.
    Replied { code: u16, text: String },
    /// The server's answer violates the protocol.
    Nonsense(String),
    /// The server's address must not be connected to.
    Refused(AddressRefused),
    /// The connection broke, or could not be made.
    Lost(String, Option<ErrorKind>),
    /// The server did not answer within the time-out.
    Silent(Duration),
}

/// An error and the step at which it occurred.
#[derive(Debug)]
pub(super) struct Trouble {
    pub step: Step,
    pub fault: Fault,
}

impl Trouble {
    pub fn new(step: Step, fault: impl Into<Fault>) -> Self {
        Self {
            step,
            fault: fault.into(),
        }
    }

    /// Classifies the error. Before MAIL the server does not know the recipient, so a 5xx is
    /// about the provider, and another provider may succeed. A mail may have been delivered if
    /// its transfer had begun when the server stopped answering.
    pub fn outcome(&self) -> Outcome {
        match &self.fault {
            Fault::Replied { code: 500.., .. } if self.step >= Step::Mail => Outcome::Rejected,
            Fault::Replied { .. } => Outcome::Unavailable,
            _ if self.step == Step::Message => Outcome::Unknown,
            _ => Outcome::Unavailable,
        }
    }

    /// True if the server works, although it did not take this mail.
    pub fn reachable(&self) -> bool {
        self.step >= Step::Mail && matches!(self.fault, Fault::Replied { code, .. } if code != 421)
    }

    /// The server's answer, or a description of the error, on one line.
    pub fn words(&self) -> String {
        let step = self.step;
        let words = match &self.fault {
            Fault::Replied { code, text } if self.step >= Step::Mail => format!("{code} {text}"),
            Fault::Replied { code, text } => format!("{code} {text} (while {step})"),
            Fault::Nonsense(what) => format!("the server broke the protocol at {step}: {what}"),
            Fault::Refused(why) => format!("not connected: {why}"),
            Fault::Lost(why, _) => format!("the connection failed at {step}: {why}"),
            Fault::Silent(time) => {
                format!("no answer within {:.1} s at {step}", time.as_secs_f32())
            }
        };
        one_line(&words, WORDS)
    }

    /// A description of the error for the provider's health: without the server's text, which may
    /// hold addresses.
    pub fn summary(&self) -> String {
        let step = self.step;
        match &self.fault {
            Fault::Replied { code, .. } => format!("{step}: answered {code}"),
            Fault::Nonsense(_) => format!("{step}: protocol error"),
            Fault::Refused(why) => format!("not connected: {why}"),
            Fault::Lost(_, Some(kind)) => format!("{step}: {kind}"),
            Fault::Lost(_, None) => format!("{step}: connection failed"),
            Fault::Silent(_) => format!("{step}: no answer in time"),
        }
    }
}

impl From<smtp::Error> for Fault {
    fn from(error: smtp::Error) -> Self {
        use std::error::Error;
        if let Some(code) = error.status() {
            let text = error.source().map(ToString::to_string).unwrap_or_default();
            return Self::Replied {
                code: code.into(),
                text,
            };
        }
        let text = error
            .source()
            .map_or_else(|| error.to_string(), ToString::to_string);
        if text == "incomplete response" {
            return Self::Lost("closed by the server".to_owned(), None);
        }
        if error.is_response() || error.is_client() {
            return Self::Nonsense(text);
        }
        let mut source = error.source();
        let mut kind = None;
        while let Some(inner) = source {
            kind = kind.or_else(|| {
                inner
                    .downcast_ref::<std::io::Error>()
                    .map(std::io::Error::kind)
            });
            source = inner.source();
        }
        Self::Lost(text, kind)
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        match AddressRefused::of_error(&error) {
            Some(refused) => Self::Refused(refused),
            None => Self::Lost(error.to_string(), Some(error.kind())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(step: Step, code: u16) -> Trouble {
        Trouble {
            step,
            fault: Fault::Replied {
                code,
                text: "5.1.1 <a@b> no".to_owned(),
            },
        }
    }

    #[test]
    fn a_5xx_is_final_from_mail_on_and_the_providers_fault_before() {
        for step in [Step::Mail, Step::Recipient, Step::Data, Step::Message] {
            assert_eq!(said(step, 550).outcome(), Outcome::Rejected);
            assert_eq!(said(step, 450).outcome(), Outcome::Unavailable);
            assert_eq!(said(step, 421).outcome(), Outcome::Unavailable);
        }
        for step in [Step::Greet, Step::Encrypt, Step::LogIn] {
            assert_eq!(said(step, 535).outcome(), Outcome::Unavailable);
        }
    }

    #[test]
    fn silence_is_unknown_only_once_the_message_is_under_way() {
        for step in [
            Step::Connect,
            Step::Greet,
            Step::LogIn,
            Step::Mail,
            Step::Recipient,
            Step::Data,
        ] {
            let trouble = Trouble {
                step,
                fault: Fault::Silent(Duration::ZERO),
            };
            assert_eq!(trouble.outcome(), Outcome::Unavailable);
        }
        for fault in [
            Fault::Silent(Duration::ZERO),
            Fault::Lost(String::new(), None),
            Fault::Nonsense(String::new()),
        ] {
            assert_eq!(
                Trouble {
                    step: Step::Message,
                    fault
                }
                .outcome(),
                Outcome::Unknown
            );
        }
    }

    #[test]
    fn a_summary_holds_no_address() {
        assert_eq!(said(Step::Recipient, 550).summary(), "RCPT: answered 550");
        assert_eq!(said(Step::Recipient, 550).words(), "550 5.1.1 <a@b> no");
    }
}
