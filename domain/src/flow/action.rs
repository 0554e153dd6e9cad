//! What a step of a flow does.

use serde::{Deserialize, Serialize};

use crate::{
    Id,
    outreach::{Document, Program, Recording, Template, Text},
};

/// The applications' names, as flows and result rows have them.
#[allow(missing_docs)]
pub mod application {
    pub const CONNECT: &str = "connect";
    pub const DISCONNECT: &str = "disconnect";
    pub const EMAIL_RECEIVE: &str = "email_receive";
    pub const EMAIL_SEND: &str = "email_send";
    pub const FAX_RECEIVE: &str = "fax_receive";
    pub const FAX_SEND: &str = "fax_send";
    pub const INBOUND: &str = "inbound";
    pub const ORIGINATE: &str = "originate";
    pub const SMS_RECEIVE: &str = "sms_receive";
    pub const SMS_SEND: &str = "sms_send";
    pub const TTS: &str = "tts";
    pub const VOICE_PLAY: &str = "voice_play";
    pub const WAIT: &str = "wait";
}

/// One step of a flow. A `version` is an aggregate's sequence: the message is sent as
/// it was then.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "application", rename_all = "snake_case")]
pub enum Action {
    /// Answers a call that came in.
    Connect,
    /// Hangs up.
    Disconnect,
    /// Takes in an email.
    EmailReceive,
    /// Sends an email made from a template.
    EmailSend {
        /// The template.
        template_id: Id<Template>,
        /// Its sequence at the moment of sending.
        version: u64,
    },
    /// Takes in a fax, on a call that was answered.
    FaxReceive,
    /// Sends a fax, on a call that was answered.
    FaxSend {
        /// The document.
        document_id: Id<Document>,
        /// Its sequence at the moment of sending.
        version: u64,
    },
    /// A call that came in.
    Inbound,
    /// Calls the destination; a success once somebody answers.
    Originate,
    /// Answers somebody who wished to get no more short messages: the one that they get in
    /// spite of it.
    SmsConfirm {
        /// What is said.
        words: String,
    },
    /// Takes in a short message.
    SmsReceive,
    /// Sends a short message.
    SmsSend {
        /// The text.
        text_id: Id<Text>,
        /// Its sequence at the moment of sending.
        version: u64,
    },
    /// Reads out the text of a program.
    Tts {
        /// The program, whose own the text is.
        program_id: Id<Program>,
        /// Its sequence at the moment of sending.
        version: u64,
    },
    /// Plays a recording.
    VoicePlay {
        /// The recording.
        recording_id: Id<Recording>,
        /// Its sequence at the moment of sending.
        version: u64,
    },
    /// Stays silent.
    Wait {
        /// For so long.
        seconds: u32,
    },
}

impl Action {
    /// The application's name.
    pub const fn application(&self) -> &'static str {
        match self {
            Self::Connect => application::CONNECT,
            Self::Disconnect => application::DISCONNECT,
            Self::EmailReceive => application::EMAIL_RECEIVE,
            Self::EmailSend { .. } => application::EMAIL_SEND,
            Self::FaxReceive => application::FAX_RECEIVE,
            Self::FaxSend { .. } => application::FAX_SEND,
            Self::Inbound => application::INBOUND,
            Self::Originate => application::ORIGINATE,
            Self::SmsReceive => application::SMS_RECEIVE,
            Self::SmsConfirm { .. } | Self::SmsSend { .. } => application::SMS_SEND,
            Self::Tts { .. } => application::TTS,
            Self::VoicePlay { .. } => application::VOICE_PLAY,
            Self::Wait { .. } => application::WAIT,
        }
    }
}
