//! The jobs, commands and events of a schedule.

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use super::{Plan, Schedule, Timing};
use crate::{
    Claim, Id, Owner,
    delivery::{Campaign, Transmission},
};

/// The job of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Job {
    TransmissionSend { transmission_id: Id<Transmission> },
    CampaignStart { campaign_id: Id<Campaign> },
    CampaignStop { campaign_id: Id<Campaign> },
}

impl Job {
    /// The documented name of the action.
    pub const fn action(self) -> &'static str {
        match self {
            Self::TransmissionSend { .. } => "transmission_send",
            Self::CampaignStart { .. } => "campaign_start",
            Self::CampaignStop { .. } => "campaign_stop",
        }
    }

    /// The transmission to send.
    pub fn transmission(self) -> Option<Id<Transmission>> {
        match self {
            Self::TransmissionSend { transmission_id } => Some(transmission_id),
            Self::CampaignStart { .. } | Self::CampaignStop { .. } => None,
        }
    }

    /// The campaign to start or stop.
    pub fn campaign(self) -> Option<Id<Campaign>> {
        match self {
            Self::TransmissionSend { .. } => None,
            Self::CampaignStart { campaign_id } | Self::CampaignStop { campaign_id } => {
                Some(campaign_id)
            }
        }
    }

    /// The claim on the job, which one pending schedule can hold.
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

/// A command to a schedule.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum ScheduleCommand {
    /// Creates the schedule, with the owner of its transmission or campaign.
    Create {
        id: Id<Schedule>,
        owner: Owner,
        job: Job,
        timing: Timing,
        /// The present time.
        at: DateTime<Utc>,
    },
    /// Changes the time of the job.
    Change {
        timing: Timing,
        at: DateTime<Utc>,
    },
    Cancel,
    /// Records that the job was run, or was refused for this reason, if the schedule is due.
    /// Appended in the same commit as the job's own events, so that the job is run once.
    Fire {
        /// The present time.
        at: DateTime<Utc>,
        refused: Option<String>,
        /// True if no later run will have anything to do.
        over: bool,
    },
    /// Cancels the schedule because its transmission, its campaign or its owner was deleted.
    Abandon {
        reason: String,
    },
}

/// An event of a schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum ScheduleEvent {
    ScheduleCreated {
        id: Id<Schedule>,
        owner: Owner,
        job: Job,
        plan: Plan,
    },
    ScheduleChanged {
        plan: Plan,
    },
    /// The schedule was due, and its job was run or refused.
    ScheduleFired {
        /// The time at which it was due.
        due_at: DateTime<Utc>,
        at: DateTime<Utc>,
        /// The reason for which the job was refused; `None` if it was run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refused: Option<String>,
        /// The next run, if there is one.
        next_run: Option<DateTime<Utc>>,
    },
    /// A run was missed: it was late by the grace period or more, and missed runs are skipped.
    ScheduleMissed {
        due_at: DateTime<Utc>,
        at: DateTime<Utc>,
        next_run: Option<DateTime<Utc>>,
    },
    ScheduleCancelled {
        /// The reason of a cancellation by the system; `None` if a user cancelled.
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
