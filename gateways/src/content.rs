//! The contents that adapters deliver: all data looked up, every token filled in.

use std::time::Duration;

use bytes::Bytes;
use domain::{
    delivery::SenderAddress,
    flow::Service,
    outreach::{TextClass, sms},
};

use crate::email::Email;

/// The time limit of a fax, from its start to its end.
const LONGEST_FAX: Duration = Duration::from_secs(30 * 60);
/// The time limit of a call, from its start to its end.
const LONGEST_CALL: Duration = Duration::from_secs(60 * 60);

/// The content of an attempt, by service.
#[derive(Debug, Clone)]
pub enum Content {
    /// An email.
    Email(Box<Email>),
    /// A fax.
    Fax(Box<Fax>),
    /// A short message.
    Sms(Box<Sms>),
    /// A telephone call.
    Voice(Box<Call>),
}

impl Content {
    /// The service that delivers it.
    pub fn service(&self) -> Service {
        match self {
            Self::Email(_) => Service::Email,
            Self::Fax(_) => Service::Fax,
            Self::Sms(_) => Service::Sms,
            Self::Voice(_) => Service::Voice,
        }
    }

    /// True if its attempts are sessions that last: calls and faxes.
    pub(crate) fn lasts(&self) -> bool {
        matches!(self, Self::Fax(_) | Self::Voice(_))
    }

    /// The time limit of an attempt with this content, if it is one of its own.
    pub(crate) fn time_limit(&self) -> Option<Duration> {
        longest(self.service())
    }

    /// The number of parts of a short message; 0 of anything else.
    pub(crate) fn parts(&self) -> u32 {
        match self {
            Self::Sms(sms) => u32::try_from(sms.encoded.parts.len()).unwrap_or(u32::MAX),
            Self::Email(_) | Self::Fax(_) | Self::Voice(_) => 0,
        }
    }
}

/// The time limit of the attempts of a service, if it is one of its own.
pub(crate) fn longest(service: Service) -> Option<Duration> {
    match service {
        Service::Email | Service::Sms => None,
        Service::Fax => Some(LONGEST_FAX),
        Service::Voice => Some(LONGEST_CALL),
    }
}

/// A document rendered for fax.
#[derive(Debug, Clone)]
pub struct Fax {
    /// The name of the document.
    pub name: String,
    /// The pages, all in one TIFF file.
    pub tiff: Bytes,
    /// The number of pages.
    pub pages: u32,
    /// The caller ID, if the account has a right to one.
    pub caller: Option<String>,
}

/// A text encoded as a short message.
#[derive(Debug, Clone)]
pub struct Sms {
    /// The text; octets in hex if it is binary.
    pub text: String,
    /// The text encoded, and split into parts.
    pub encoded: sms::Sms,
    /// The message class: how the handset treats the text.
    pub class: TextClass,
    /// The sender's number or name that the account names, and its right to it.
    pub sender: Option<SenderAddress>,
}

/// The contents of a call.
#[derive(Debug, Clone)]
pub struct Call {
    /// The caller ID, if the account has a right to one.
    pub caller: Option<String>,
    /// An action for each step of the flow, by its index.
    pub actions: Vec<CallAction>,
}

/// An action of a call, with what it needs.
#[derive(Debug, Clone)]
pub enum CallAction {
    /// Calls the destination; succeeds when the call is answered.
    Originate,
    /// Plays a recording.
    Play(Recorded),
    /// Reads out a text.
    Say(Speech),
    /// Waits in silence.
    Wait(Duration),
    /// Hangs up.
    Disconnect,
}

/// A recording.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The name.
    pub name: String,
    /// A WAV file of 16 bits, 8 kHz, mono.
    pub wav: Bytes,
    /// The duration in seconds, rounded up.
    pub seconds: i64,
}

/// A text to be read out.
#[derive(Debug, Clone)]
pub struct Speech {
    /// The text.
    pub text: String,
    /// The language, if one is set.
    pub language: Option<String>,
}
