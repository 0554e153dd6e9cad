//! Voicemail boxes.

use serde::{Deserialize, Serialize};

use super::{Details, Record, RecordCommand, RecordEvent, required};
use crate::{
    Patch, Refusal,
    values::{EmailAddress, Line, Sealed},
};

/// A voicemail box.
pub type Voicemail = Record<VoicemailDetails>;
/// A command to a voicemail box.
pub type VoicemailCommand = RecordCommand<VoicemailDetails>;
/// An event of a voicemail box.
pub type VoicemailEvent = RecordEvent<VoicemailDetails>;

/// The details of a voicemail box.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VoicemailDetails {
    /// The number of the box within the tenant.
    pub mailbox: Option<Line>,
    /// The name of the person or desk.
    pub fullname: Option<Line>,
    /// The address that messages are sent to.
    pub email: Option<EmailAddress>,
    /// The PIN by which messages are listened to.
    pub pin: Option<Sealed>,
}

/// The fields of a new voicemail box, or a partial update.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct VoicemailPatch {
    pub mailbox: Patch<Line>,
    pub fullname: Patch<Line>,
    pub email: Patch<EmailAddress>,
    pub pin: Patch<Sealed>,
}

impl Details for VoicemailDetails {
    const TYPE: &'static str = "voicemail";
    const NOUN: &'static str = "Voicemail";
    type Patch = VoicemailPatch;

    fn patched(mut self, patch: VoicemailPatch) -> Result<Self, Refusal> {
        patch.mailbox.apply(&mut self.mailbox);
        patch.fullname.apply(&mut self.fullname);
        patch.email.apply(&mut self.email);
        patch.pin.apply(&mut self.pin);
        required("fullname", &self.fullname)?;
        Ok(self)
    }
}
