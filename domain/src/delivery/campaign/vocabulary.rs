//! What a campaign is asked and what happens to it.

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use super::Campaign;
use crate::{
    Id, Patch,
    access::User,
    delivery::{
        Pace,
        hours::{ClockTime, QuietHours},
        schedule::Part,
    },
    flow::{Flow, Service},
    outreach::Program,
    people::{Account, Contact, Group},
    values::Line,
};

/// What a campaign is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct CampaignDetails {
    pub program_id: Id<Program>,
    /// The program's.
    pub service: Service,
    pub group_id: Id<Group>,
    /// The sender's newest active account at the moment of starting, if none is named.
    pub account_id: Option<Id<Account>>,
    pub pace: Pace,
    /// How many attempts of each transmission may end unanswered.
    pub try_allowed: u32,
    /// What made it, as the client says.
    pub source: Option<Line>,
    /// Whether a phone or address that two contacts have is reached twice.
    #[serde(default)]
    pub duplicates: bool,
    /// When nobody is to be reached, by the recipient's clocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet: Option<QuietHours>,
}

/// What an update changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct CampaignPatch {
    /// With its service.
    pub program: Patch<(Id<Program>, Service)>,
    pub group_id: Patch<Id<Group>>,
    pub account_id: Patch<Id<Account>>,
    pub pace: Option<Pace>,
    /// Once if cleared.
    pub try_allowed: Patch<u32>,
    pub source: Patch<Line>,
    pub duplicates: Option<bool>,
    pub quiet_from: Patch<ClockTime>,
    pub quiet_to: Patch<ClockTime>,
    pub quiet_days: Patch<Part>,
}

/// What is sent, and as whom: fixed at the moment of sending, by id and version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Briefing {
    /// What is done.
    pub flow: Flow,
    /// The program's sequence at that moment.
    pub program_version: u64,
    /// As whom.
    pub account_id: Id<Account>,
}

/// A piece of a campaign's way through its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    /// The last contact that was looked at; contacts come in the order of their ids.
    pub to: Id<Contact>,
    /// How many transmissions were made on it.
    pub made: u64,
    /// Whether it was the last one.
    pub last: bool,
}

/// What became of a campaign's transmissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Tally {
    pub delivered: u64,
    pub rejected: u64,
    pub unanswered: u64,
    pub unavailable: u64,
    pub unknown: u64,
    /// Not sent, because they must not be or cannot be.
    pub suppressed: u64,
}

/// What one can ask of a campaign.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum CampaignCommand {
    Create {
        id: Id<Campaign>,
        owner: Id<User>,
        details: CampaignDetails,
    },
    Update(Box<CampaignPatch>),
    /// Starts it, or goes on where it was stopped.
    Start {
        at: DateTime<Utc>,
        briefing: Box<Briefing>,
        /// How many contacts are in its group.
        contacts: u64,
    },
    Stop {
        at: DateTime<Utc>,
    },
    /// A piece of the group has its transmissions.
    Advance(Leg),
    /// All its transmissions are done.
    Complete {
        at: DateTime<Utc>,
        tally: Tally,
    },
    /// It cannot go on.
    Break {
        at: DateTime<Utc>,
        reason: String,
    },
    Delete,
}

/// What happened to a campaign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum CampaignEvent {
    CampaignCreated {
        id: Id<Campaign>,
        owner: Id<User>,
        details: CampaignDetails,
    },
    CampaignUpdated {
        details: CampaignDetails,
    },
    /// Who is in the group at this position is reached, and nobody who comes later.
    CampaignStarted {
        at: DateTime<Utc>,
        briefing: Briefing,
        contacts: u64,
    },
    CampaignPaused {
        at: DateTime<Utc>,
    },
    CampaignResumed {
        at: DateTime<Utc>,
        briefing: Briefing,
    },
    CampaignAdvanced {
        leg: Leg,
    },
    CampaignCompleted {
        at: DateTime<Utc>,
        tally: Tally,
    },
    CampaignBroken {
        at: DateTime<Utc>,
        reason: String,
    },
    CampaignDeleted {},
}

impl DomainEvent for CampaignEvent {
    fn event_type(&self) -> String {
        match self {
            Self::CampaignCreated { .. } => "CampaignCreated",
            Self::CampaignUpdated { .. } => "CampaignUpdated",
            Self::CampaignStarted { .. } => "CampaignStarted",
            Self::CampaignPaused { .. } => "CampaignPaused",
            Self::CampaignResumed { .. } => "CampaignResumed",
            Self::CampaignAdvanced { .. } => "CampaignAdvanced",
            Self::CampaignCompleted { .. } => "CampaignCompleted",
            Self::CampaignBroken { .. } => "CampaignBroken",
            Self::CampaignDeleted {} => "CampaignDeleted",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0.0".to_owned()
    }
}
