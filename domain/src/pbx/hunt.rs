//! Hunt groups: several extensions that ring for one call.
//!
//! The members are the destinations whose source is the hunt group (`HUNTLIST`), in their order.

use serde::{Deserialize, Serialize};

use super::{Details, Record, RecordCommand, RecordEvent, required};
use crate::{Patch, Refusal, values::Line};

/// A hunt group.
pub type Hunt = Record<HuntDetails>;
/// A command to a hunt group.
pub type HuntCommand = RecordCommand<HuntDetails>;
/// An event of a hunt group.
pub type HuntEvent = RecordEvent<HuntDetails>;

/// The details of a hunt group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HuntDetails {
    /// The number that is dialled within the tenant.
    pub number: Option<Line>,
    /// The name, for people.
    pub name: Option<Line>,
    /// The word for the order in which members ring, as it was written; [`HuntOrder`] reads it.
    pub hunt_type: Option<Line>,
    /// The seconds that members ring.
    pub ring_time: Option<u32>,
    /// True if members that are in a call are skipped.
    pub check_in_use: bool,
}

/// The order in which the members of a hunt group ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HuntOrder {
    /// All at once. An unknown type means this too.
    #[default]
    RingAll,
    /// One after the other, beginning behind the member that rang first for the last call.
    Cycle,
    /// One after the other, beginning with the first.
    Sequence,
    /// All at once, again and again until somebody answers or the caller hangs up.
    RingAllOverLoop,
}

impl HuntOrder {
    /// The order that a hunt type stands for; case, spaces and hyphens do not matter. `None` for an
    /// unknown type, which rings all.
    pub fn from_type(text: &str) -> Option<Self> {
        let letters = text.chars().filter(|c| !matches!(c, ' ' | '-' | '_'));
        let word: String = letters.flat_map(char::to_lowercase).collect();
        match word.as_str() {
            "ringall" => Some(Self::RingAll),
            "cycle" => Some(Self::Cycle),
            "sequence" => Some(Self::Sequence),
            "ringalloverloop" => Some(Self::RingAllOverLoop),
            _ => None,
        }
    }
}

impl HuntDetails {
    /// The order in which members ring.
    pub fn order(&self) -> HuntOrder {
        let written = self.hunt_type.as_ref();
        let known = written.and_then(|text| HuntOrder::from_type(text.as_str()));
        known.unwrap_or_default()
    }
}

/// The fields of a new hunt group, or a partial update.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct HuntPatch {
    pub number: Patch<Line>,
    pub name: Patch<Line>,
    pub hunt_type: Patch<Line>,
    pub ring_time: Patch<u32>,
    pub check_in_use: Patch<bool>,
}

impl Details for HuntDetails {
    const TYPE: &'static str = "hunt";
    const NOUN: &'static str = "Hunt";
    type Patch = HuntPatch;

    fn patched(mut self, patch: HuntPatch) -> Result<Self, Refusal> {
        patch.number.apply(&mut self.number);
        patch.name.apply(&mut self.name);
        patch.hunt_type.apply(&mut self.hunt_type);
        patch.ring_time.apply(&mut self.ring_time);
        patch.check_in_use.apply_or_default(&mut self.check_in_use);
        required("number", &self.number)?;
        required("name", &self.name)?;
        Ok(self)
    }
}
