//! What adapters deliver: everything looked up, every token filled in.

use std::time::Duration;

use bytes::Bytes;
use domain::{
    delivery::{SenderAddress, SpoolResult},
    flow::{After, Service, application},
    outreach::{TextClass, sms},
};

use crate::email::Email;

/// What is to be delivered.
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
    /// The service that carries it.
    pub fn service(&self) -> Service {
        match self {
            Self::Email(_) => Service::Email,
            Self::Fax(_) => Service::Fax,
            Self::Sms(_) => Service::Sms,
            Self::Voice(_) => Service::Voice,
        }
    }
}

/// A document as fax machines take it.
#[derive(Debug, Clone)]
pub struct Fax {
    /// What the document is called.
    pub name: String,
    /// Its pages, a TIFF file of them all.
    pub tiff: Bytes,
    /// How many there are.
    pub pages: u32,
    /// The number that calls, if the account may send as one.
    pub caller: Option<String>,
}

/// A text as telephones take it.
#[derive(Debug, Clone)]
pub struct Sms {
    /// What it says; bytes in hex if it is binary.
    pub text: String,
    /// The same encoded, and in parts.
    pub encoded: sms::Sms,
    /// What the telephone is to do with it.
    pub class: TextClass,
    /// The number or name of the account, and its right to send as it.
    pub sender: Option<SenderAddress>,
}

/// A call: steps, of which those begin that follow nothing.
#[derive(Debug, Clone)]
pub struct Call {
    /// The number that calls, if the account may send as one.
    pub caller: Option<String>,
    /// What is done.
    pub steps: Vec<CallStep>,
}

/// A step of a call and when it runs.
#[derive(Debug, Clone)]
pub struct CallStep {
    /// What is done.
    pub action: CallAction,
    /// The ways that lead here.
    pub after: Vec<After>,
}

/// What is done on a telephone.
#[derive(Debug, Clone)]
pub enum CallAction {
    /// Calls the destination; a success once somebody answers.
    Originate,
    /// Plays a sound.
    Play(Recorded),
    /// Reads out a text.
    Say(Speech),
    /// Stays silent.
    Wait(Duration),
    /// Hangs up.
    Disconnect,
}

/// A recording.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// What it is called.
    pub name: String,
    /// A WAV file of 16 bits, 8 kHz, mono.
    pub wav: Bytes,
    /// How long it plays, in seconds, rounded up.
    pub seconds: i64,
}

/// A text to be read out.
#[derive(Debug, Clone)]
pub struct Speech {
    /// What is said.
    pub text: String,
    /// In which language, where that is said.
    pub language: Option<String>,
}

impl CallAction {
    /// The application's name, as result rows have it.
    pub const fn application(&self) -> &'static str {
        match self {
            Self::Originate => application::ORIGINATE,
            Self::Play(_) => application::VOICE_PLAY,
            Self::Say(_) => application::TTS,
            Self::Wait(_) => application::WAIT,
            Self::Disconnect => application::DISCONNECT,
        }
    }
}

impl Call {
    /// The steps it begins with.
    pub fn first(&self) -> impl Iterator<Item = usize> + '_ {
        let steps = self.steps.iter().enumerate();
        steps.filter_map(|(at, step)| step.after.is_empty().then_some(at))
    }

    /// The steps that follow on these results of that one.
    pub fn following<'c>(
        &'c self,
        step: usize,
        results: &'c [SpoolResult],
    ) -> impl Iterator<Item = usize> + 'c {
        let leads = move |after: &After| after.leads_from(step, results);
        let steps = self.steps.iter().enumerate();
        steps.filter_map(move |(at, step)| step.after.iter().any(leads).then_some(at))
    }
}
