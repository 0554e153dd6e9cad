//! A schedule's life: `Absent → Pending → Done | Cancelled`. What it is for has one
//! pending at most: scheduling again changes it. Done is what comes no more: what was
//! to be once, what had its last time, and what is for something that has ended.

use chrono::{DateTime, Utc};
use cqrs_es::{Aggregate, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use super::{
    Job, Plan, ScheduleCommand, ScheduleEvent,
    ScheduleEvent::{
        ScheduleCancelled, ScheduleChanged, ScheduleCreated, ScheduleFired, ScheduleMissed,
    },
    Timing, Verdict,
};
use crate::{Claim, Entity, Id, Refusal, access::User};

/// A schedule's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    stage: Stage,
    owner: Option<Id<User>>,
    job: Option<Job>,
    /// Its `next_run` moves on each time it fires.
    plan: Option<Plan>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    #[default]
    Absent,
    Pending,
    Done,
    Cancelled,
}
use Stage::{Absent, Cancelled, Done, Pending};

impl Schedule {
    /// What is to be done.
    pub fn job(&self) -> Option<Job> {
        self.job
    }

    /// If it is time.
    pub fn is_due(&self, at: DateTime<Utc>) -> bool {
        self.will_run(at) != Verdict::NotYet
    }

    /// What `Fire` comes to at this moment.
    pub fn will_run(&self, at: DateTime<Utc>) -> Verdict {
        self.pending()
            .map_or(Verdict::NotYet, |plan| plan.verdict(at))
    }

    /// When it is due next, if it is still to come.
    pub fn next_run(&self) -> Option<DateTime<Utc>> {
        self.pending().map(|plan| plan.next_run)
    }

    /// When it is due, the next time first.
    pub fn runs(&self) -> impl Iterator<Item = DateTime<Utc>> {
        self.pending().into_iter().flat_map(|plan| {
            let after = |at: &DateTime<Utc>| plan.when.next_after(*at, plan.zone);
            std::iter::successors(Some(plan.next_run), after)
        })
    }

    fn pending(&self) -> Option<&Plan> {
        self.plan.as_ref().filter(|_| self.stage == Pending)
    }

    pub(super) fn decide(&self, command: ScheduleCommand) -> Result<Vec<ScheduleEvent>, Refusal> {
        use ScheduleCommand::{Abandon, Cancel, Change, Create, Fire};
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
            (Pending, Change { timing, at }) => self.change(timing, at)?,
            (Pending, Cancel) => vec![ScheduleCancelled { reason: None }],
            (Pending, Abandon { reason }) => vec![ScheduleCancelled {
                reason: Some(reason),
            }],
            (Pending, Fire { at, refused, over }) => self.fire(at, refused, over),
            // Somebody else was faster, or there is nothing left to call off.
            (Done, Fire { .. } | Abandon { .. }) => vec![],
            (Done, Change { .. } | Cancel) => {
                return Err(Refusal::not_ready("it has been fired"));
            }
            (Absent | Cancelled, _) => return Err(Refusal::NotFound),
        })
    }

    fn change(&self, timing: Timing, at: DateTime<Utc>) -> Result<Vec<ScheduleEvent>, Refusal> {
        let plan = timing.plan(at)?;
        Ok(match self.plan.as_ref() == Some(&plan) {
            true => vec![],
            false => vec![ScheduleChanged { plan }],
        })
    }

    fn fire(&self, at: DateTime<Utc>, refused: Option<String>, over: bool) -> Vec<ScheduleEvent> {
        let Some(plan) = &self.plan else {
            return vec![];
        };
        let due_at = plan.next_run;
        let next_run = plan.next_run_after(at).filter(|_| !over);
        match plan.verdict(at) {
            Verdict::NotYet => vec![],
            Verdict::Run => vec![ScheduleFired {
                due_at,
                at,
                refused,
                next_run,
            }],
            Verdict::Skip => vec![ScheduleMissed {
                due_at,
                at,
                next_run,
            }],
        }
    }

    fn go_on(&mut self, next_run: Option<DateTime<Utc>>) {
        match (next_run, &mut self.plan) {
            (Some(next_run), Some(plan)) => plan.next_run = next_run,
            _ => self.stage = Done,
        }
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
            ScheduleFired { next_run, .. } | ScheduleMissed { next_run, .. } => {
                self.go_on(next_run);
            }
            ScheduleCancelled { .. } => self.stage = Cancelled,
        }
    }
}

impl Entity for Schedule {
    fn exists(&self) -> bool {
        matches!(self.stage, Pending | Done)
    }

    fn owner(&self) -> Option<Id<User>> {
        self.owner
    }

    fn claims(&self) -> Vec<Claim> {
        let job = self.job.filter(|_| self.stage == Pending);
        job.map(Job::claim).into_iter().collect()
    }
}
