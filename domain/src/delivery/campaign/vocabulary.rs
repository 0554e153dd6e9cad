//! The commands and events of a campaign.

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use super::Campaign;
use crate::{
    Id, Owner, Patch,
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

/// The details of a campaign that the client sets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct CampaignDetails {
    pub program_id: Id<Program>,
    /// The service of the program.
    pub service: Service,
    pub group_id: Id<Group>,
    /// The sending account; `None`: the owner's newest active account at the time of starting.
    pub account_id: Option<Id<Account>>,
    pub pace: Pace,
    /// The number of unanswered attempts after which a transmission fails.
    pub try_allowed: u32,
    /// The source of the campaign, as given by the client.
    pub source: Option<Line>,
    /// True if a phone number or address that several contacts share gets a transmission for each.
    #[serde(default)]
    pub duplicates: bool,
    /// The hours in which nothing is sent, in the recipient's time zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet: Option<QuietHours>,
}

/// A partial update of a campaign.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct CampaignPatch {
    /// The program and its service.
    pub program: Patch<(Id<Program>, Service)>,
    pub group_id: Patch<Id<Group>>,
    pub account_id: Patch<Id<Account>>,
    pub pace: Option<Pace>,
    /// Becomes 1 if cleared.
    pub try_allowed: Patch<u32>,
    pub source: Patch<Line>,
    pub duplicates: Option<bool>,
    pub quiet_from: Patch<ClockTime>,
    pub quiet_to: Patch<ClockTime>,
    pub quiet_days: Patch<Part>,
}

/// The send plan: flow, program version and sending account, fixed at the time of sending by id and
/// version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendPlan {
    /// The steps to run.
    pub flow: Flow,
    /// The program's sequence number at that time.
    pub program_version: u64,
    /// The sending account.
    pub account_id: Id<Account>,
}

/// A batch of the contacts of a campaign's group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// The last contact of the batch; contacts are processed in the order of their ids.
    pub to: Id<Contact>,
    /// The number of transmissions created for the batch.
    pub made: u64,
    /// True if this is the last batch.
    pub last: bool,
}

/// The number of a campaign's transmissions by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Tally {
    pub delivered: u64,
    pub rejected: u64,
    pub unanswered: u64,
    pub unavailable: u64,
    pub unknown: u64,
    /// The transmissions not sent because sending was forbidden or impossible.
    pub suppressed: u64,
}

/// A command to a campaign.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum CampaignCommand {
    Create {
        id: Id<Campaign>,
        owner: Owner,
        details: CampaignDetails,
    },
    Update(Box<CampaignPatch>),
    /// Starts the campaign, or resumes it after its last batch.
    Start {
        at: DateTime<Utc>,
        briefing: Box<SendPlan>,
        /// The number of contacts in the group.
        contacts: u64,
    },
    Stop {
        at: DateTime<Utc>,
    },
    /// Records that the transmissions of a batch were created.
    Advance(Batch),
    /// Records that all transmissions of the campaign are done.
    Complete {
        at: DateTime<Utc>,
        tally: Tally,
    },
    /// Records an error after which the campaign cannot go on.
    Break {
        at: DateTime<Utc>,
        reason: String,
    },
    Delete,
}

/// An event of a campaign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum CampaignEvent {
    CampaignCreated {
        id: Id<Campaign>,
        owner: Owner,
        details: CampaignDetails,
    },
    CampaignUpdated {
        details: CampaignDetails,
    },
    /// Fixes the recipients: the contacts that are in the group at the log position of this event.
    /// Contacts added later are not reached.
    CampaignStarted {
        at: DateTime<Utc>,
        briefing: SendPlan,
        contacts: u64,
    },
    CampaignPaused {
        at: DateTime<Utc>,
    },
    CampaignResumed {
        at: DateTime<Utc>,
        briefing: SendPlan,
    },
    CampaignAdvanced {
        leg: Batch,
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
