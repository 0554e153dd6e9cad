//! A campaign: a program for every contact of a group, at a pace. `Absent → New →
//! Deleted`; it is stored, and nothing runs it yet.

use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use crate::{
    Entity, Id, Patch, Refusal,
    access::User,
    delivery::Pace,
    flow::Service,
    outreach::Program,
    people::{Account, Group},
    values::Line,
};

/// A campaign's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Campaign {
    stage: Stage,
    owner: Option<Id<User>>,
    details: Option<CampaignDetails>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    #[default]
    Absent,
    New,
    Deleted,
}
use Stage::{Absent, Deleted, New};

/// What a campaign is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct CampaignDetails {
    pub program_id: Id<Program>,
    /// The program's.
    pub service: Service,
    pub group_id: Id<Group>,
    /// The sender's newest active account at the moment of sending, if none is named.
    pub account_id: Option<Id<Account>>,
    pub pace: Pace,
    /// How many attempts of each transmission may end unanswered.
    pub try_allowed: u32,
    /// What made it, as the client says.
    pub source: Option<Line>,
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
    Update(CampaignPatch),
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
    CampaignDeleted {},
}
use CampaignEvent::{CampaignCreated, CampaignDeleted, CampaignUpdated};

impl Campaign {
    fn decide(&self, command: CampaignCommand) -> Result<Vec<CampaignEvent>, Refusal> {
        use CampaignCommand::{Create, Delete, Update};
        Ok(match (self.stage, command) {
            (Absent, Create { id, owner, details }) => vec![CampaignCreated { id, owner, details }],
            (_, Create { .. }) => return Err(Refusal::AlreadyExists),
            (New, Update(patch)) => {
                let before = self.details.as_ref().ok_or(Refusal::NotFound)?;
                let details = before.clone().patched(patch)?;
                match details == *before {
                    true => vec![],
                    false => vec![CampaignUpdated { details }],
                }
            }
            (New, Delete) => vec![CampaignDeleted {}],
            (Absent | Deleted, _) => return Err(Refusal::NotFound),
        })
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
            CampaignUpdated { details } => self.details = Some(details),
            CampaignDeleted {} => self.stage = Deleted,
        }
    }
}

impl DomainEvent for CampaignEvent {
    fn event_type(&self) -> String {
        match self {
            CampaignCreated { .. } => "CampaignCreated",
            CampaignUpdated { .. } => "CampaignUpdated",
            CampaignDeleted {} => "CampaignDeleted",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0.0".to_owned()
    }
}

impl Entity for Campaign {
    fn exists(&self) -> bool {
        self.stage == New
    }

    fn owner(&self) -> Option<Id<User>> {
        self.owner
    }
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::TestFramework;

    use super::*;
    use crate::delivery::PaceUnit;

    fn pace(cpm: f64) -> Pace {
        Pace::said(Some(cpm), None, PaceUnit::Second)
            .unwrap()
            .unwrap()
    }

    fn details() -> CampaignDetails {
        CampaignDetails {
            program_id: Id::new(1),
            service: Service::Email,
            group_id: Id::new(2),
            account_id: Some(Id::new(3)),
            pace: pace(2.0),
            try_allowed: 2,
            source: None,
        }
    }

    fn created() -> CampaignEvent {
        CampaignCreated {
            id: Id::new(7),
            owner: Id::new(1),
            details: details(),
        }
    }

    fn given(events: Vec<CampaignEvent>) -> cqrs_es::test::AggregateTestExecutor<Campaign> {
        TestFramework::with(()).given(events)
    }

    #[test]
    fn a_program_and_a_group_cannot_be_taken_away() {
        let program = CampaignPatch {
            program: Patch::Clear,
            ..CampaignPatch::default()
        };
        given(vec![created()])
            .when(CampaignCommand::Update(program))
            .then_expect_error(Refusal::invalid("program_id", "is required"));
        let group = CampaignPatch {
            group_id: Patch::Clear,
            ..CampaignPatch::default()
        };
        given(vec![created()])
            .when(CampaignCommand::Update(group))
            .then_expect_error(Refusal::invalid("group_id", "is required"));
    }

    #[test]
    fn a_program_brings_its_service() {
        let patch = CampaignPatch {
            program: Patch::Set((Id::new(9), Service::Sms)),
            account_id: Patch::Clear,
            try_allowed: Patch::Clear,
            pace: Some(pace(5.0)),
            ..CampaignPatch::default()
        };
        let details = CampaignDetails {
            program_id: Id::new(9),
            service: Service::Sms,
            account_id: None,
            try_allowed: 1,
            pace: pace(5.0),
            ..details()
        };
        given(vec![created()])
            .when(CampaignCommand::Update(patch))
            .then_expect_events(vec![CampaignUpdated { details }]);
    }

    #[test]
    fn an_update_that_says_nothing_new_emits_nothing() {
        let patch = CampaignPatch {
            pace: Some(pace(2.0)),
            ..CampaignPatch::default()
        };
        given(vec![created()])
            .when(CampaignCommand::Update(patch))
            .then_expect_events(vec![]);
    }

    #[test]
    fn what_is_deleted_is_gone() {
        given(vec![created(), CampaignDeleted {}])
            .when(CampaignCommand::Delete)
            .then_expect_error(Refusal::NotFound);
    }
}
