//! The details of accounts that are part of a PBX: extensions and DIDs.

use serde::{Deserialize, Serialize};

use crate::{
    Patch, Refusal,
    values::{Line, PhoneNumber},
};

/// The most digits of an extension's number.
const NUMBER_DIGITS: usize = 16;

/// The details of an extension. Its name is the first name of the profile, its SIP secret the
/// profile's `passwd`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExtensionDetails {
    /// The number that is dialled within the tenant, unique there; with the tenant's code it is the
    /// name of the SIP user (`100-CODE`).
    pub number: Option<Line>,
    /// The number that calls show.
    pub cid_number: Option<PhoneNumber>,
    /// The name that calls show.
    pub cid_name: Option<Line>,
    /// The number that calls show on follow-me legs.
    pub follow_me_caller_id: Option<PhoneNumber>,
    /// The setting of call waiting, as it was written.
    pub call_waiting: Option<Line>,
    /// The seconds that it rings.
    pub ring_time: Option<u32>,
}

/// A partial update of an extension's details.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ExtensionPatch {
    pub number: Patch<Line>,
    pub cid_number: Patch<PhoneNumber>,
    pub cid_name: Patch<Line>,
    pub follow_me_caller_id: Patch<PhoneNumber>,
    pub call_waiting: Patch<Line>,
    pub ring_time: Patch<u32>,
}

impl ExtensionDetails {
    pub(super) fn patched(mut self, patch: ExtensionPatch) -> Result<Self, Refusal> {
        patch.number.apply(&mut self.number);
        patch.cid_number.apply(&mut self.cid_number);
        patch.cid_name.apply(&mut self.cid_name);
        patch
            .follow_me_caller_id
            .apply(&mut self.follow_me_caller_id);
        patch.call_waiting.apply(&mut self.call_waiting);
        patch.ring_time.apply(&mut self.ring_time);
        if self
            .number
            .as_ref()
            .is_some_and(|it| !is_number(it.as_str()))
        {
            let reason = format!("must be 1 to {NUMBER_DIGITS} of 0-9, * and #");
            return Err(Refusal::invalid("number", reason));
        }
        Ok(self)
    }
}

/// True for a number that can be dialled within a tenant.
fn is_number(text: &str) -> bool {
    let is_key = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'*' | b'#');
    text.len() <= NUMBER_DIGITS && text.bytes().all(is_key)
}

/// The details of a DID. Its number is the phone of the profile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DidDetails {
    /// The country, as it was written.
    pub country: Option<Line>,
    /// The area, as it was written.
    pub area: Option<Line>,
    /// A note.
    pub comment: Option<Line>,
    /// True if calls are recorded.
    pub recording: bool,
    /// True if faxes are received.
    pub fax: bool,
    /// The digits that are put before the caller's number.
    pub prefix: Option<Line>,
    /// The text that is put before the caller's name.
    pub name_prefix: Option<Line>,
}

/// A partial update of a DID's details.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct DidPatch {
    pub country: Patch<Line>,
    pub area: Patch<Line>,
    pub comment: Patch<Line>,
    pub recording: Patch<bool>,
    pub fax: Patch<bool>,
    pub prefix: Patch<Line>,
    pub name_prefix: Patch<Line>,
}

impl DidDetails {
    pub(super) fn patched(mut self, patch: DidPatch) -> Self {
        patch.country.apply(&mut self.country);
        patch.area.apply(&mut self.area);
        patch.comment.apply(&mut self.comment);
        patch.recording.apply_or_default(&mut self.recording);
        patch.fax.apply_or_default(&mut self.fax);
        patch.prefix.apply(&mut self.prefix);
        patch.name_prefix.apply(&mut self.name_prefix);
        self
    }
}
