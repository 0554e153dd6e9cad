//! Phones: devices that are provisioned for extensions.

use serde::{Deserialize, Serialize};

use super::{Details, PhoneModel, Record, RecordCommand, RecordEvent, required};
use crate::{
    Id, Patch, Refusal,
    values::{Line, Sealed},
};

/// A phone.
pub type Phone = Record<PhoneDetails>;
/// A command to a phone.
pub type PhoneCommand = RecordCommand<PhoneDetails>;
/// An event of a phone.
pub type PhoneEvent = RecordEvent<PhoneDetails>;

/// The details of a phone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PhoneDetails {
    /// The name, for people.
    pub name: Option<Line>,
    /// The model.
    pub phone_model_id: Option<Id<PhoneModel>>,
    /// The MAC address as it was written; [`PhoneDetails::mac_address`] reads it.
    pub mac: Option<Line>,
    /// The name of the file that the phone asks for.
    pub filename: Option<Line>,
    /// The name that the phone logs in with to fetch its configuration.
    pub http_user: Option<Line>,
    /// The password that goes with it.
    pub http_password: Option<Sealed>,
}

impl PhoneDetails {
    /// The MAC address, twelve lower-case hexadecimal digits, if what was written is one. Only such
    /// a phone is ever provisioned.
    pub fn mac_address(&self) -> Option<String> {
        let written = self.mac.as_ref()?.as_str();
        let separators = written.chars().filter(|c| matches!(c, ':' | '-' | '.'));
        let digits = written.chars().filter(|c| !matches!(c, ':' | '-' | '.'));
        let digits: String = digits.map(|c| c.to_ascii_lowercase()).collect();
        let is_mac = digits.len() == 12 && digits.chars().all(|c| c.is_ascii_hexdigit());
        (is_mac && separators.count() <= 5).then_some(digits)
    }
}

/// The fields of a new phone, or a partial update.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct PhonePatch {
    pub name: Patch<Line>,
    pub phone_model_id: Patch<Id<PhoneModel>>,
    pub mac: Patch<Line>,
    pub filename: Patch<Line>,
    pub http_user: Patch<Line>,
    pub http_password: Patch<Sealed>,
}

impl Details for PhoneDetails {
    const TYPE: &'static str = "phone";
    const NOUN: &'static str = "Phone";
    type Patch = PhonePatch;

    fn patched(mut self, patch: PhonePatch) -> Result<Self, Refusal> {
        patch.name.apply(&mut self.name);
        patch.phone_model_id.apply(&mut self.phone_model_id);
        patch.mac.apply(&mut self.mac);
        patch.filename.apply(&mut self.filename);
        patch.http_user.apply(&mut self.http_user);
        patch.http_password.apply(&mut self.http_password);
        required("name", &self.name)?;
        required("phone_model_id", &self.phone_model_id)?;
        required("mac", &self.mac)?;
        Ok(self)
    }
}
