//! Compiles programs to flows.

use super::{
    Action::{
        Connect, Disconnect, EmailReceive, FaxReceive, FaxSend, Inbound, Originate, SmsConfirm,
        SmsReceive, Tts, VoicePlay, Wait,
    },
    Flow, Service,
};
use crate::{
    Id,
    outreach::{Program, ProgramKind},
};

impl Flow {
    /// The flow that confirms an opt-out by short message, with this text.
    pub fn confirming(words: String) -> Self {
        Self::chain(Service::Sms, [SmsConfirm { words }])
    }

    /// True if the flow confirms an opt-out, and so may go to a recipient who opted out.
    pub fn confirms(&self) -> bool {
        let mut steps = self.steps.iter();
        steps.any(|step| matches!(step.action, SmsConfirm { .. }))
    }

    /// The flow of a program. `version` is the sequence number of the message that the program
    /// refers to or, where the program holds the text itself, that of the program.
    pub fn compile(program_id: Id<Program>, kind: &ProgramKind, version: u64) -> Self {
        let service = kind.service();
        match *kind {
            ProgramKind::SendEmail { template_id, .. } => Self::send_email(template_id, version),
            ProgramKind::SendFax { document_id, .. } => {
                let send = FaxSend {
                    document_id,
                    version,
                };
                Self::chain(service, [Originate, send, Disconnect])
            }
            ProgramKind::SendSms { text_id, .. } => Self::send_sms(text_id, version),
            ProgramKind::VoiceMessage { recording_id, .. } => {
                let play = VoicePlay {
                    recording_id,
                    version,
                };
                Self::chain(service, [Originate, play, Disconnect])
            }
            ProgramKind::VoiceTts { delay, .. } => {
                let say = || Tts {
                    program_id,
                    version,
                };
                let wait = Wait { seconds: delay };
                Self::chain(service, [Originate, say(), wait, say(), Disconnect])
            }
            ProgramKind::ReceiveSms { .. } => Self::chain(service, [SmsReceive]),
            // The forwarding of a received mail or fax is a transmission of its own.
            ProgramKind::ReceiveEmail { .. } | ProgramKind::EmailToFax { .. } => {
                Self::chain(service, [EmailReceive])
            }
            ProgramKind::ReceiveFax { .. } | ProgramKind::FaxToEmail { .. } => {
                Self::chain(service, [Inbound, Connect, FaxReceive, Disconnect])
            }
        }
    }
}
