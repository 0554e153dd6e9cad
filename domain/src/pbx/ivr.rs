//! IVRs: menus that a caller answers by digits.
//!
//! The choices are the destinations whose source is the IVR (`IVR_0` to `IVR_9`, `IVR_STAR`,
//! `IVR_SHARP`, `IVR_TIMEOUT`, `IVR_WRONG`).

use serde::{Deserialize, Serialize};

use super::{Details, Record, RecordCommand, RecordEvent, required};
use crate::{Id, Patch, Refusal, outreach::Recording, values::Line};

/// An IVR.
pub type Ivr = Record<IvrDetails>;
/// A command to an IVR.
pub type IvrCommand = RecordCommand<IvrDetails>;
/// An event of an IVR.
pub type IvrEvent = RecordEvent<IvrDetails>;

/// The details of an IVR.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IvrDetails {
    /// The name, for people.
    pub name: Option<Line>,
    /// The recording that is played to the caller.
    pub recording_id: Option<Id<Recording>>,
    /// The seconds that a digit is waited for.
    pub timeout: Option<u32>,
}

/// The fields of a new IVR, or a partial update.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct IvrPatch {
    pub name: Patch<Line>,
    pub recording_id: Patch<Id<Recording>>,
    pub timeout: Patch<u32>,
}

impl Details for IvrDetails {
    const TYPE: &'static str = "ivr";
    const NOUN: &'static str = "Ivr";
    type Patch = IvrPatch;

    fn patched(mut self, patch: IvrPatch) -> Result<Self, Refusal> {
        patch.name.apply(&mut self.name);
        patch.recording_id.apply(&mut self.recording_id);
        patch.timeout.apply(&mut self.timeout);
        required("name", &self.name)?;
        Ok(self)
    }
}
