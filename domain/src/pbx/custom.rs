//! Custom destinations: what a call can go to beyond extensions, hunt groups and the like.

use serde::{Deserialize, Serialize};

use super::{Details, Record, RecordCommand, RecordEvent, required};
use crate::{
    Patch, Refusal,
    values::{Line, PhoneNumber},
};

/// A custom destination.
pub type Custom = Record<CustomDetails>;
/// A command to a custom destination.
pub type CustomCommand = RecordCommand<CustomDetails>;
/// An event of a custom destination.
pub type CustomEvent = RecordEvent<CustomDetails>;

/// The type of a custom destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CustomKind {
    /// The call is forwarded to a number outside.
    #[default]
    Forward,
}

impl CustomKind {
    /// The documented name (`ct_name`).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Forward => "FORWARD",
        }
    }

    /// The documented id (`cu_ct_id`).
    pub const fn id(self) -> i64 {
        match self {
            Self::Forward => 1,
        }
    }

    /// The type of this name, in any case.
    pub fn from_word(word: &str) -> Option<Self> {
        word.eq_ignore_ascii_case("forward")
            .then_some(Self::Forward)
    }
}

/// The details of a custom destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CustomDetails {
    /// The name, for people.
    pub name: Option<Line>,
    /// The type.
    pub kind: CustomKind,
    /// The number that calls are forwarded to.
    pub number: Option<PhoneNumber>,
}

/// The fields of a new custom destination, or a partial update.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct CustomPatch {
    pub name: Patch<Line>,
    pub kind: Patch<CustomKind>,
    pub number: Patch<PhoneNumber>,
}

impl Details for CustomDetails {
    const TYPE: &'static str = "custom";
    const NOUN: &'static str = "Custom";
    type Patch = CustomPatch;

    fn patched(mut self, patch: CustomPatch) -> Result<Self, Refusal> {
        patch.name.apply(&mut self.name);
        patch.kind.apply_or_default(&mut self.kind);
        patch.number.apply(&mut self.number);
        required("name", &self.name)?;
        required("number", &self.number)?;
        Ok(self)
    }
}
