//! What a schedule is for, what one can ask of it, and what happens to it.

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use super::{Plan, Schedule, Timing};
use crate::{
    Claim, Id,
    access::User,
    delivery::{Campaign, Transmission},
};

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Job {
    TransmissionSend { transmission_id: Id<Transmission> },
    CampaignStart { campaign_id: Id<Campaign> },
    CampaignStop { campaign_id: Id<Campaign> },
}

impl Job {
    /// The word for it.
    pub const fn action(self) -> &'static str {
        match self {
            Self::TransmissionSend { .. } => "transmission_send",
            Self::CampaignStart { .. } => "campaign_start",
            Self::CampaignStop { .. } => "campaign_stop",
        }
    }

    /// The transmission it is about.
    pub fn transmission(self) -> Option<Id<Transmission>> {
        match self {
            Self::TransmissionSend { transmission_id } => Some(transmission_id),
            Self::CampaignStart { .. } | Self::CampaignStop { .. } => None,
        }
    }

    /// The campaign it is about.
    pub fn campaign(self) -> Option<Id<Campaign>> {
        match self {
            Self::TransmissionSend { .. } => None,
            Self::CampaignStart { campaign_id } | Self::CampaignStop { campaign_id } => {
                Some(campaign_id)
            }
        }
    }

    /// What one schedule at most holds: the right to do it later.
    pub fn claim(self) -> Claim {
        let (scope, id) = match self {
            Self::TransmissionSend { transmission_id } => {
                ("schedule.transmission_send", transmission_id.get())
            }
            Self::CampaignStart { campaign_id } => ("schedule.campaign_start", campaign_id.get()),
            Self::CampaignStop { campaign_id } => ("schedule.campaign_stop", campaign_id.get()),
        };
        Claim {
            field: "schedule",
            scope,
            value: id.to_string(),
        }
    }
}

/// What one can ask of a schedule.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum ScheduleCommand {
    /// It belongs to whom its transmission or campaign belongs to.
    Create {
        id: Id<Schedule>,
        owner: Id<User>,
        job: Job,
        timing: Timing,
        /// Now.
        at: DateTime<Utc>,
    },
    /// Another time for the same.
    Change {
        timing: Timing,
        at: DateTime<Utc>,
    },
    Cancel,
    /// It is time, if it is: what it is for was done, or refused for this reason. In the
    /// same commit as what was done, so that it is done once.
    Fire {
        /// Now.
        at: DateTime<Utc>,
        refused: Option<String>,
        /// Whether there will be nothing to do the next time either.
        over: bool,
    },
    /// What it is for is gone, or whose it was.
    Abandon {
        reason: String,
    },
}

/// What happened to a schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum ScheduleEvent {
    ScheduleCreated {
        id: Id<Schedule>,
        owner: Id<User>,
        job: Job,
        plan: Plan,
    },
    ScheduleChanged {
        plan: Plan,
    },
    /// It was time.
    ScheduleFired {
        /// Since when.
        due_at: DateTime<Utc>,
        at: DateTime<Utc>,
        /// Why what it is for was not done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refused: Option<String>,
        /// When it is due again.
        next_run: Option<DateTime<Utc>>,
    },
    /// It was time, and nobody was there to do it while it was.
    ScheduleMissed {
        due_at: DateTime<Utc>,
        at: DateTime<Utc>,
        next_run: Option<DateTime<Utc>>,
    },
    ScheduleCancelled {
        /// Where nobody asked for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}
use ScheduleEvent::{
    ScheduleCancelled, ScheduleChanged, ScheduleCreated, ScheduleFired, ScheduleMissed,
};

impl DomainEvent for ScheduleEvent {
    fn event_type(&self) -> String {
        match self {
            ScheduleCreated { .. } => "ScheduleCreated",
            ScheduleChanged { .. } => "ScheduleChanged",
            ScheduleFired { .. } => "ScheduleFired",
            ScheduleMissed { .. } => "ScheduleMissed",
            ScheduleCancelled { .. } => "ScheduleCancelled",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0.0".to_owned()
    }
}
