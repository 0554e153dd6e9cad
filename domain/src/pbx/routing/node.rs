//! The records that a call meets, by kind and id.

use crate::pbx::{SourceKind, TargetKind};

/// The kind of a record. Where a number is used twice, the earlier kind has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum NodeKind {
    Extension,
    Hunt,
    Did,
    Ivr,
    Condition,
    Voicemail,
    Custom,
    Disa,
    /// In problems only: calls meet what a destination leads to.
    Destination,
}

/// A record, by kind and id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node {
    /// The kind.
    pub kind: NodeKind,
    /// The id among the records of this kind.
    pub id: i64,
}

impl Node {
    /// The record of this kind and id.
    pub const fn new(kind: NodeKind, id: i64) -> Self {
        Self { kind, id }
    }

    /// The target of a destination; `None` for the end of the call.
    pub const fn of_target(kind: TargetKind, id: i64) -> Option<Self> {
        let kind = match kind {
            TargetKind::Extension => NodeKind::Extension,
            TargetKind::Hunt => NodeKind::Hunt,
            TargetKind::Ivr => NodeKind::Ivr,
            TargetKind::Condition => NodeKind::Condition,
            TargetKind::Voicemail => NodeKind::Voicemail,
            TargetKind::Custom => NodeKind::Custom,
            TargetKind::Disa => NodeKind::Disa,
            TargetKind::HangUp => return None,
        };
        Some(Self { kind, id })
    }

    /// The source of a destination.
    pub const fn of_source(source: SourceKind, id: i64) -> Self {
        let kind = match source {
            SourceKind::Did | SourceKind::DidUnconditional => NodeKind::Did,
            SourceKind::ExtBusy
            | SourceKind::ExtNoAnswer
            | SourceKind::ExtOffline
            | SourceKind::ExtUnconditional => NodeKind::Extension,
            SourceKind::HuntList | SourceKind::HuntListTimeout => NodeKind::Hunt,
            SourceKind::IvrDigit(_)
            | SourceKind::IvrStar
            | SourceKind::IvrSharp
            | SourceKind::IvrTimeout
            | SourceKind::IvrWrong => NodeKind::Ivr,
            SourceKind::Condition | SourceKind::NotCondition => NodeKind::Condition,
            SourceKind::VoicemailOperator => NodeKind::Voicemail,
        };
        Self { kind, id }
    }
}

impl NodeKind {
    /// The word for programs, the same as the aggregate type where there is one.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Extension => "extension",
            Self::Hunt => "hunt",
            Self::Did => "did",
            Self::Ivr => "ivr",
            Self::Condition => "condition",
            Self::Voicemail => "voicemail",
            Self::Custom => "custom",
            Self::Disa => "disa",
            Self::Destination => "destination",
        }
    }

    /// The noun for people.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Hunt => "hunt group",
            Self::Did => "DID",
            Self::Ivr => "IVR",
            Self::Voicemail => "voicemail box",
            Self::Custom => "custom destination",
            Self::Disa => "DISA",
            Self::Extension | Self::Condition | Self::Destination => self.as_str(),
        }
    }
}
