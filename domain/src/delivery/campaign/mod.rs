//! A campaign: a program for every contact of a group, at a pace.
//! `Absent → New → Running ⇄ Paused → Completed`, or `Broken` on an error; a broken campaign can be
//! started again.
//!
//! The aggregate does not list its transmissions. Its progress is the last contact processed,
//! recorded in the same append as the transmissions created up to that contact.

mod vocabulary;

use cqrs_es::{Aggregate, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use crate::{Entity, Id, Owner, Refusal, delivery::hours::QuietHours, people::Contact};

pub use vocabulary::{
    Batch, CampaignCommand, CampaignDetails, CampaignEvent, CampaignPatch, SendPlan, Tally,
};

use CampaignEvent::{
    CampaignAdvanced, CampaignBroken, CampaignCompleted, CampaignCreated, CampaignDeleted,
    CampaignPaused, CampaignResumed, CampaignStarted, CampaignUpdated,
};
use Stage::{Absent, Broken, Completed, Deleted, New, Paused, Running};

/// A campaign's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Campaign {
    stage: Stage,
    owner: Option<Owner>,
    details: Option<CampaignDetails>,
    /// The send plan of its transmissions since it was last started.
    #[serde(default)]
    briefing: Option<SendPlan>,
    /// The last contact processed.
    #[serde(default)]
    reached: Option<Id<Contact>>,
    /// True if all contacts of the group have been processed.
    #[serde(default)]
    through: bool,
    /// True if the campaign was changed after it had been started.
    #[serde(default)]
    amended: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    #[default]
    Absent,
    New,
    Running,
    Paused,
    Completed,
    Broken,
    Deleted,
}

impl Campaign {
    /// The details that the client set.
    pub fn details(&self) -> Option<&CampaignDetails> {
        self.details.as_ref()
    }

    /// The send plan of the campaign's transmissions; `None` unless it is running.
    pub fn running(&self) -> Option<&SendPlan> {
        self.briefing.as_ref().filter(|_| self.stage == Running)
    }

    /// The last contact of the group that was processed.
    pub fn reached(&self) -> Option<Id<Contact>> {
        self.reached
    }

    /// True if the whole group has been processed.
    pub fn is_through(&self) -> bool {
        self.through
    }

    /// True if the campaign was changed after it had been started: transmissions created before may
    /// not match its details.
    pub fn is_amended(&self) -> bool {
        self.amended
    }

    /// True if all transmissions are done: the campaign can be neither started nor stopped again.
    pub fn is_completed(&self) -> bool {
        self.stage == Completed
    }

    /// The reason for which the campaign can be neither started nor resumed; `None` if it can.
    pub fn is_settled(&self) -> Option<&'static str> {
        match self.stage {
            Running => Some("it is running already"),
            Completed => Some("it is completed"),
            Absent | New | Paused | Broken | Deleted => None,
        }
    }

    fn decide(&self, command: CampaignCommand) -> Result<Vec<CampaignEvent>, Refusal> {
        use CampaignCommand::{Advance, Break, Complete, Create, Delete, Start, Stop, Update};
        let not_ready = |reason: &str| Err(Refusal::not_ready(reason));
        Ok(match (self.stage, command) {
            (Absent, Create { id, owner, details }) => vec![CampaignCreated { id, owner, details }],
            (_, Create { .. }) => return Err(Refusal::AlreadyExists),
            (Absent | Deleted, _) => return Err(Refusal::NotFound),

            (Completed, Update(_)) => return not_ready("it is completed"),
            (_, Update(patch)) => self.updated(*patch)?,

            (New, Start { contacts: 0, .. }) => return not_ready("its group is empty"),
            (
                New,
                Start {
                    at,
                    briefing,
                    contacts,
                },
            ) => vec![CampaignStarted {
                at,
                briefing: *briefing,
                contacts,
            }],
            (Paused | Broken, Start { at, briefing, .. }) => vec![CampaignResumed {
                at,
                briefing: *briefing,
            }],
            (Running | Completed, Start { .. }) => {
                return not_ready(self.is_settled().unwrap_or_default());
            }

            (Running, Stop { at }) => vec![CampaignPaused { at }],
            (New, Stop { .. }) => return not_ready("it has not been started"),
            (Paused, Stop { .. }) => return not_ready("it is stopped already"),
            (Completed, Stop { .. }) => return not_ready("it is completed"),
            (Broken, Stop { .. }) => return not_ready("it is broken"),

            (Running, Advance(leg)) if !self.through => vec![CampaignAdvanced { leg }],
            (_, Advance(_)) => return not_ready("it is not on its way"),
            (Running, Complete { at, tally }) if self.through => {
                vec![CampaignCompleted { at, tally }]
            }
            (_, Complete { .. }) => return not_ready("it is not through"),
            (Running, Break { at, reason }) => vec![CampaignBroken { at, reason }],
            (_, Break { .. }) => return not_ready("it is not running"),

            (Running, Delete) => return not_ready("it is running; stop it first"),
            (New | Paused | Completed | Broken, Delete) => vec![CampaignDeleted {}],
        })
    }

    /// The events of an update. While the campaign is running only the pace can change; once it has
    /// been started, its group and service cannot.
    fn updated(&self, patch: CampaignPatch) -> Result<Vec<CampaignEvent>, Refusal> {
        let before = self.details.as_ref().ok_or(Refusal::NotFound)?;
        let details = before.clone().patched(patch)?;
        if details == *before {
            return Ok(vec![]);
        }
        let but_for_pace = CampaignDetails {
            pace: before.pace,
            ..details.clone()
        };
        if self.stage == Running && but_for_pace != *before {
            let reason = "while it is running only cpm can be changed; stop it first";
            return Err(Refusal::not_ready(reason));
        }
        let other = details.group_id != before.group_id || details.service != before.service;
        if self.stage != New && other {
            let reason = "it has begun, and keeps its group and its service";
            return Err(Refusal::not_ready(reason));
        }
        Ok(vec![CampaignUpdated { details }])
    }
}

impl CampaignDetails {
    fn patched(mut self, patch: CampaignPatch) -> Result<Self, Refusal> {
        let mut program = (self.program_id, self.service);
        if !patch.program.apply_required(&mut program) {
            return Err(Refusal::invalid("program_id", "is required"));
        }
        (self.program_id, self.service) = program;
        if !patch.group_id.apply_required(&mut self.group_id) {
            return Err(Refusal::invalid("group_id", "is required"));
        }
        patch.account_id.apply(&mut self.account_id);
        self.pace = patch.pace.unwrap_or(self.pace);
        if !patch.try_allowed.apply_required(&mut self.try_allowed) {
            self.try_allowed = 1;
        }
        patch.source.apply(&mut self.source);
        self.duplicates = patch.duplicates.unwrap_or(self.duplicates);
        let quiet = self.quiet.as_ref();
        let mut from = quiet.and_then(QuietHours::from);
        let mut to = quiet.and_then(QuietHours::to);
        let mut days = quiet.and_then(QuietHours::days).cloned();
        patch.quiet_from.apply(&mut from);
        patch.quiet_to.apply(&mut to);
        patch.quiet_days.apply(&mut days);
        self.quiet = QuietHours::said(from, to, days)?;
        Ok(self)
    }
}

impl Aggregate for Campaign {
    const TYPE: &'static str = "campaign";
    type Command = CampaignCommand;
    type Event = CampaignEvent;
    type Error = Refusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: CampaignCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Refusal> {
        for event in self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: CampaignEvent) {
        match event {
            CampaignCreated { owner, details, .. } => {
                self.stage = New;
                self.owner = Some(owner);
                self.details = Some(details);
            }
            CampaignUpdated { details } => {
                self.amended |= self.stage != New;
                self.details = Some(details);
            }
            CampaignStarted { briefing, .. } | CampaignResumed { briefing, .. } => {
                self.stage = Running;
                self.briefing = Some(briefing);
            }
            CampaignPaused { .. } => self.stage = Paused,
            CampaignAdvanced { leg } => {
                self.reached = Some(leg.to);
                self.through = leg.last;
            }
            CampaignCompleted { .. } => self.stage = Completed,
            CampaignBroken { .. } => self.stage = Broken,
            CampaignDeleted {} => self.stage = Deleted,
        }
    }
}

impl Entity for Campaign {
    fn exists(&self) -> bool {
        !matches!(self.stage, Absent | Deleted)
    }

    fn owner(&self) -> Option<Owner> {
        self.owner
    }
}

#[cfg(test)]
mod tests;
