//! A schedule's life: `Absent → Pending → Cancelled`. What it is for has one at most:
//! scheduling again changes it.

use chrono::{DateTime, Utc};
use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use super::{Plan, Timing};
use crate::{
    Claim, Entity, Id, Refusal,
    access::User,
    delivery::{Campaign, Transmission},
};

/// A schedule's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    stage: Stage,
    owner: Option<Id<User>>,
    job: Option<Job>,
    plan: Option<Plan>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    #[default]
    Absent,
    Pending,
    Cancelled,
}
use Stage::{Absent, Cancelled, Pending};

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
    ScheduleCancelled {},
}
use ScheduleEvent::{ScheduleCancelled, ScheduleChanged, ScheduleCreated};

impl Schedule {
    fn decide(&self, command: ScheduleCommand) -> Result<Vec<ScheduleEvent>, Refusal> {
        use ScheduleCommand::{Cancel, Change, Create};
        Ok(match (self.stage, command) {
            (
                Absent,
                Create {
                    id,
                    owner,
                    job,
                    timing,
                    at,
                },
            ) => vec![ScheduleCreated {
                id,
                owner,
                job,
                plan: timing.plan(at)?,
            }],
            (_, Create { .. }) => return Err(Refusal::AlreadyExists),
            (Pending, Change { timing, at }) => {
                let plan = timing.plan(at)?;
                match self.plan.as_ref() == Some(&plan) {
                    true => vec![],
                    false => vec![ScheduleChanged { plan }],
                }
            }
            (Pending, Cancel) => vec![ScheduleCancelled {}],
            (Absent | Cancelled, _) => return Err(Refusal::NotFound),
        })
    }
}

impl Aggregate for Schedule {
    const TYPE: &'static str = "schedule";
    type Command = ScheduleCommand;
    type Event = ScheduleEvent;
    type Error = Refusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: ScheduleCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Refusal> {
        for event in self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: ScheduleEvent) {
        match event {
            ScheduleCreated {
                owner, job, plan, ..
            } => {
                self.stage = Pending;
                self.owner = Some(owner);
                self.job = Some(job);
                self.plan = Some(plan);
            }
            ScheduleChanged { plan } => self.plan = Some(plan),
            ScheduleCancelled {} => self.stage = Cancelled,
        }
    }
}

impl DomainEvent for ScheduleEvent {
    fn event_type(&self) -> String {
        match self {
            ScheduleCreated { .. } => "ScheduleCreated",
            ScheduleChanged { .. } => "ScheduleChanged",
            ScheduleCancelled {} => "ScheduleCancelled",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0.0".to_owned()
    }
}

impl Entity for Schedule {
    fn exists(&self) -> bool {
        self.stage == Pending
    }

    fn owner(&self) -> Option<Id<User>> {
        self.owner
    }

    fn claims(&self) -> Vec<Claim> {
        let job = self.job.filter(|_| self.stage == Pending);
        job.map(Job::claim).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::TestFramework;

    use super::*;
    use crate::delivery::schedule::{When, Zone};

    fn noon() -> DateTime<Utc> {
        "2027-01-15T12:00:00Z".parse().unwrap()
    }

    fn later(seconds: i64) -> Plan {
        let at = noon() + chrono::TimeDelta::seconds(seconds);
        Plan {
            when: When::Once { at },
            zone: Zone::default(),
            next_run: at,
        }
    }

    fn delay(seconds: i64) -> Timing {
        Timing {
            delay: Some(seconds),
            ..Timing::default()
        }
    }

    fn job() -> Job {
        Job::TransmissionSend {
            transmission_id: Id::new(3),
        }
    }

    fn created() -> ScheduleEvent {
        ScheduleCreated {
            id: Id::new(7),
            owner: Id::new(1),
            job: job(),
            plan: later(60),
        }
    }

    fn given(events: Vec<ScheduleEvent>) -> cqrs_es::test::AggregateTestExecutor<Schedule> {
        TestFramework::with(()).given(events)
    }

    #[test]
    fn what_is_created_knows_when_it_is_due() {
        given(vec![])
            .when(ScheduleCommand::Create {
                id: Id::new(7),
                owner: Id::new(1),
                job: job(),
                timing: delay(60),
                at: noon(),
            })
            .then_expect_events(vec![created()]);
    }

    #[test]
    fn another_time_replaces_the_first() {
        let change = |seconds| ScheduleCommand::Change {
            timing: delay(seconds),
            at: noon(),
        };
        given(vec![created()])
            .when(change(90))
            .then_expect_events(vec![ScheduleChanged { plan: later(90) }]);
        given(vec![created()])
            .when(change(60))
            .then_expect_events(vec![]);
    }

    #[test]
    fn what_is_cancelled_is_gone() {
        given(vec![created(), ScheduleCancelled {}])
            .when(ScheduleCommand::Cancel)
            .then_expect_error(Refusal::NotFound);
    }

    #[test]
    fn a_transmission_has_one_schedule_while_it_is_pending() {
        let mut schedule = Schedule::default();
        assert_eq!(schedule.claims(), vec![]);
        schedule.apply(created());
        assert_eq!(schedule.claims(), vec![job().claim()]);
        schedule.apply(ScheduleCancelled {});
        assert_eq!(schedule.claims(), vec![]);
    }

    #[test]
    fn an_event_reads_as_it_was_written() {
        let json = serde_json::to_value(created()).unwrap();
        assert_eq!(
            json["ScheduleCreated"]["job"]["action"],
            "transmission_send"
        );
        let read: ScheduleEvent = serde_json::from_value(json).unwrap();
        assert_eq!(read, created());
    }
}
