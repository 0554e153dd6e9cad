//! Models of phones. They belong to the installation.

use serde::{Deserialize, Serialize};

use super::{Details, Record, RecordCommand, RecordEvent, required};
use crate::{Patch, Refusal, values::Line};

/// A model of phones.
pub type PhoneModel = Record<PhoneModelDetails>;
/// A command to a model of phones.
pub type PhoneModelCommand = RecordCommand<PhoneModelDetails>;
/// An event of a model of phones.
pub type PhoneModelEvent = RecordEvent<PhoneModelDetails>;

/// The details of a model of phones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PhoneModelDetails {
    /// The name, such as `T46S`.
    pub name: Option<Line>,
    /// The manufacturer.
    pub vendor: Option<Line>,
}

/// The fields of a new model, or a partial update.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct PhoneModelPatch {
    pub name: Patch<Line>,
    pub vendor: Patch<Line>,
}

impl Details for PhoneModelDetails {
    const TYPE: &'static str = "phone_model";
    const NOUN: &'static str = "PhoneModel";
    type Patch = PhoneModelPatch;

    fn patched(mut self, patch: PhoneModelPatch) -> Result<Self, Refusal> {
        patch.name.apply(&mut self.name);
        patch.vendor.apply(&mut self.vendor);
        required("name", &self.name)?;
        Ok(self)
    }
}
