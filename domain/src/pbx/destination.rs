//! Destinations: the edges of a PBX configuration, from where a call is to what it goes to next.

use serde::{Deserialize, Serialize};

use super::{Details, Record, RecordCommand, RecordEvent, required};
use crate::{Patch, Refusal, values::Line};

/// A destination.
pub type Destination = Record<DestinationDetails>;
/// A command to a destination.
pub type DestinationCommand = RecordCommand<DestinationDetails>;
/// An event of a destination.
pub type DestinationEvent = RecordEvent<DestinationDetails>;

/// The details of a destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DestinationDetails {
    /// The word for the source, as it was written; [`SourceKind`] reads it.
    pub source_type: Option<Line>,
    /// The id of the source: of a DID, an extension, a hunt group, an IVR, a condition or a
    /// voicemail.
    pub source_id: Option<i64>,
    /// The word for the target, as it was written; [`TargetKind`] reads it.
    pub target_type: Option<Line>,
    /// The id of the target; none for a target that has none (`HANGUP`).
    pub target_id: Option<i64>,
    /// The place among the destinations of the same source, from 1.
    pub order: u32,
}

/// What a call goes on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum SourceKind {
    Did,
    /// Of a DID: before anything else that the DID leads to.
    DidUnconditional,
    ExtBusy,
    ExtNoAnswer,
    ExtOffline,
    /// Of an extension: instead of ringing it.
    ExtUnconditional,
    /// The members of a hunt group.
    HuntList,
    HuntListTimeout,
    /// A digit in an IVR, 0 to 9.
    IvrDigit(u8),
    IvrStar,
    IvrSharp,
    IvrTimeout,
    IvrWrong,
    Condition,
    NotCondition,
    /// The operator that a caller of a voicemail asks for by 0.
    VoicemailOperator,
}

impl SourceKind {
    /// The source of this word, in any case.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word.trim().to_ascii_uppercase().as_str() {
            "DID" => Self::Did,
            "DID-UNCONDITIONAL" => Self::DidUnconditional,
            "EXT-BUSY" => Self::ExtBusy,
            "EXT-NOANSWER" => Self::ExtNoAnswer,
            "EXT-OFFLINE" => Self::ExtOffline,
            "EXT-UNCONDITIONAL" => Self::ExtUnconditional,
            "HUNTLIST" => Self::HuntList,
            "HUNTLIST-TIMEOUT" => Self::HuntListTimeout,
            "IVR_STAR" => Self::IvrStar,
            "IVR_SHARP" => Self::IvrSharp,
            "IVR_TIMEOUT" => Self::IvrTimeout,
            "IVR_WRONG" => Self::IvrWrong,
            "CONDITION" => Self::Condition,
            "NOTCONDITION" => Self::NotCondition,
            "VOICEMAIL-OPERATOR" => Self::VoicemailOperator,
            word => match word.strip_prefix("IVR_")?.as_bytes() {
                [digit @ b'0'..=b'9'] => Self::IvrDigit(digit - b'0'),
                _ => return None,
            },
        })
    }

    /// The documented word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Did => "DID",
            Self::DidUnconditional => "DID-UNCONDITIONAL",
            Self::ExtBusy => "EXT-BUSY",
            Self::ExtNoAnswer => "EXT-NOANSWER",
            Self::ExtOffline => "EXT-OFFLINE",
            Self::ExtUnconditional => "EXT-UNCONDITIONAL",
            Self::HuntList => "HUNTLIST",
            Self::HuntListTimeout => "HUNTLIST-TIMEOUT",
            Self::IvrDigit(digit) => match digit {
                0 => "IVR_0",
                1 => "IVR_1",
                2 => "IVR_2",
                3 => "IVR_3",
                4 => "IVR_4",
                5 => "IVR_5",
                6 => "IVR_6",
                7 => "IVR_7",
                8 => "IVR_8",
                _ => "IVR_9",
            },
            Self::IvrStar => "IVR_STAR",
            Self::IvrSharp => "IVR_SHARP",
            Self::IvrTimeout => "IVR_TIMEOUT",
            Self::IvrWrong => "IVR_WRONG",
            Self::Condition => "CONDITION",
            Self::NotCondition => "NOTCONDITION",
            Self::VoicemailOperator => "VOICEMAIL-OPERATOR",
        }
    }
}

/// What a call goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum TargetKind {
    Extension,
    Hunt,
    Ivr,
    Condition,
    Voicemail,
    Custom,
    Disa,
    /// The end of the call; without an id.
    HangUp,
}

impl TargetKind {
    /// The target of this word, in any case.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word.trim().to_ascii_uppercase().as_str() {
            "EXT" | "EXTENSION" => Self::Extension,
            "HUNTLIST" | "HUNT" => Self::Hunt,
            "IVR" => Self::Ivr,
            "CONDITION" => Self::Condition,
            "VOICEMAIL" => Self::Voicemail,
            "CUSTOM" => Self::Custom,
            "DISA" => Self::Disa,
            "HANGUP" => Self::HangUp,
            _ => return None,
        })
    }

    /// The word that this project writes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Extension => "EXT",
            Self::Hunt => "HUNTLIST",
            Self::Ivr => "IVR",
            Self::Condition => "CONDITION",
            Self::Voicemail => "VOICEMAIL",
            Self::Custom => "CUSTOM",
            Self::Disa => "DISA",
            Self::HangUp => "HANGUP",
        }
    }
}

impl DestinationDetails {
    /// The source, if its word is known and it has an id.
    pub fn source(&self) -> Option<(SourceKind, i64)> {
        let kind = SourceKind::from_word(self.source_type.as_ref()?.as_str())?;
        Some((kind, self.source_id?))
    }

    /// The target, if its word is known; the id is 0 where the target has none.
    pub fn target(&self) -> Option<(TargetKind, i64)> {
        let kind = TargetKind::from_word(self.target_type.as_ref()?.as_str())?;
        match (kind, self.target_id) {
            (TargetKind::HangUp, _) => Some((kind, 0)),
            (_, id) => Some((kind, id?)),
        }
    }
}

/// The fields of a new destination, or a partial update.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct DestinationPatch {
    pub source_type: Patch<Line>,
    pub source_id: Patch<i64>,
    pub target_type: Patch<Line>,
    pub target_id: Patch<i64>,
    pub order: Patch<u32>,
}

impl Details for DestinationDetails {
    const TYPE: &'static str = "destination";
    const NOUN: &'static str = "Destination";
    type Patch = DestinationPatch;

    fn patched(mut self, patch: DestinationPatch) -> Result<Self, Refusal> {
        patch.source_type.apply(&mut self.source_type);
        patch.source_id.apply(&mut self.source_id);
        patch.target_type.apply(&mut self.target_type);
        patch.target_id.apply(&mut self.target_id);
        match patch.order {
            Patch::Set(order) => self.order = order,
            Patch::Clear => self.order = 1,
            Patch::Keep => self.order = self.order.max(1),
        }
        required("source_type", &self.source_type)?;
        required("source_id", &self.source_id)?;
        required("target_type", &self.target_type)?;
        let target = self.target_type.as_ref().map_or("", Line::as_str);
        if TargetKind::from_word(target) != Some(TargetKind::HangUp) {
            required("target_id", &self.target_id)?;
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_read_from_its_own_word() {
        let digits = (0..=9).map(SourceKind::IvrDigit);
        let others = [
            SourceKind::Did,
            SourceKind::DidUnconditional,
            SourceKind::ExtBusy,
            SourceKind::ExtNoAnswer,
            SourceKind::ExtOffline,
            SourceKind::ExtUnconditional,
            SourceKind::HuntList,
            SourceKind::HuntListTimeout,
            SourceKind::IvrStar,
            SourceKind::IvrSharp,
            SourceKind::IvrTimeout,
            SourceKind::IvrWrong,
            SourceKind::Condition,
            SourceKind::NotCondition,
            SourceKind::VoicemailOperator,
        ];
        for source in digits.chain(others) {
            assert_eq!(SourceKind::from_word(source.as_str()), Some(source));
        }
    }
}
