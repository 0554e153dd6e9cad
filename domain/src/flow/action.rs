//! The actions of the steps of a flow.

use serde::{Deserialize, Serialize};

use crate::{
    Id,
    outreach::{Document, Program, Recording, Template, Text},
};

/// The names of the applications, as they stand in flows and result rows.
#[allow(missing_docs)]
pub mod application {
    pub const AMD: &str = "amd";
    pub const CONNECT: &str = "connect";
    pub const DISCONNECT: &str = "disconnect";
    pub const EMAIL_RECEIVE: &str = "email_receive";
    pub const EMAIL_SEND: &str = "email_send";
    pub const FAX_RECEIVE: &str = "fax_receive";
    pub const FAX_SEND: &str = "fax_send";
    pub const INBOUND: &str = "inbound";
    pub const INPUT: &str = "input";
    pub const ORIGINATE: &str = "originate";
    pub const PLAY_MENU: &str = "play_menu";
    pub const SMS_RECEIVE: &str = "sms_receive";
    pub const SMS_SEND: &str = "sms_send";
    pub const TTS: &str = "tts";
    pub const VOICE_PLAY: &str = "voice_play";
    pub const WAIT: &str = "wait";
}

/// The action of one step of a flow. A `version` is an aggregate's sequence number: the message is
/// sent as it was at that version.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "application", rename_all = "snake_case")]
pub enum Action {
    /// Finds out whether a person or a machine answered the call.
    Amd,
    /// Answers an inbound call.
    Connect,
    /// Hangs up.
    Disconnect,
    /// Receives an email.
    EmailReceive,
    /// Sends an email made from a template.
    EmailSend {
        /// The template.
        template_id: Id<Template>,
        /// Its sequence number at the time of sending.
        version: u64,
    },
    /// Receives a fax, on a call that was answered.
    FaxReceive,
    /// Sends a fax, on a call that was answered.
    FaxSend {
        /// The document.
        document_id: Id<Document>,
        /// Its sequence number at the time of sending.
        version: u64,
    },
    /// Starts with an inbound call.
    Inbound,
    /// Takes the keys that the other side presses, up to `#`.
    Input,
    /// Calls the destination; succeeds once the call is answered.
    Originate,
    /// Plays a recording and takes one key.
    PlayMenu {
        /// The recording.
        recording_id: Id<Recording>,
        /// Its sequence number at the time of sending.
        version: u64,
    },
    /// Confirms an opt-out by short message: the one message that is sent in spite of the opt-out.
    SmsConfirm {
        /// The text of the confirmation.
        words: String,
    },
    /// Receives a short message.
    SmsReceive,
    /// Sends a short message.
    SmsSend {
        /// The text.
        text_id: Id<Text>,
        /// Its sequence number at the time of sending.
        version: u64,
    },
    /// Reads out the text of a program.
    Tts {
        /// The program, which holds the text itself.
        program_id: Id<Program>,
        /// Its sequence number at the time of sending.
        version: u64,
    },
    /// Plays a recording.
    VoicePlay {
        /// The recording.
        recording_id: Id<Recording>,
        /// Its sequence number at the time of sending.
        version: u64,
    },
    /// Plays silence.
    Wait {
        /// The duration, in seconds.
        seconds: u32,
    },
}

impl Action {
    /// The name of the action's application.
    pub const fn application(&self) -> &'static str {
        match self {
            Self::Amd => application::AMD,
            Self::Connect => application::CONNECT,
            Self::Disconnect => application::DISCONNECT,
            Self::EmailReceive => application::EMAIL_RECEIVE,
            Self::EmailSend { .. } => application::EMAIL_SEND,
            Self::FaxReceive => application::FAX_RECEIVE,
            Self::FaxSend { .. } => application::FAX_SEND,
            Self::Inbound => application::INBOUND,
            Self::Input => application::INPUT,
            Self::Originate => application::ORIGINATE,
            Self::PlayMenu { .. } => application::PLAY_MENU,
            Self::SmsReceive => application::SMS_RECEIVE,
            Self::SmsConfirm { .. } | Self::SmsSend { .. } => application::SMS_SEND,
            Self::Tts { .. } => application::TTS,
            Self::VoicePlay { .. } => application::VOICE_PLAY,
            Self::Wait { .. } => application::WAIT,
        }
    }
}
