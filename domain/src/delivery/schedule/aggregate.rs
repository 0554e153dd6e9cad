//! A schedule. `Absent → Pending → Done | Cancelled`. A job has one pending schedule at most:
//! scheduling it again changes that schedule. A schedule is done when no run is left: after its
//! single or last run, and after a run that finds that its job is over.

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
use crate::{Claim, Entity, Owner, Refusal};

/// A schedule's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    stage: Stage,
    owner: Option<Owner>,
    job: Option<Job>,
    /// The plan; its `next_run` advances at every run.
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
    /// The job.
    pub fn job(&self) -> Option<Job> {
        self.job
    }

    /// True if the schedule is due.
    pub fn is_due(&self, at: DateTime<Utc>) -> bool {
        self.will_run(at) != Verdict::NotYet
    }

    /// The verdict on a `Fire` at this moment.
    pub fn will_run(&self, at: DateTime<Utc>) -> Verdict {
        self.pending()
            .map_or(Verdict::NotYet, |plan| plan.verdict(at))
    }

    /// The next run; `None` unless the schedule is pending.
    pub fn next_run(&self) -> Option<DateTime<Utc>> {
        self.pending().map(|plan| plan.next_run)
    }

    /// All future runs, beginning with the next.
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
            // Another worker fired it before, or the last run is over and there is nothing to
            // cancel.
            (Done, Fire { .. } | Abandon { .. }) => vec![],
            (Done, Change { .. } | Cancel) => {
                return Err(Refusal::not_ready("it has been fired"));
            }
            (Absent | Cancelled, _) => return Err(Refusal::NotFound),
        })
    }

    fn change(&self, timing: Timing, at: DateTime<Utc>) -> Result<Vec<ScheduleEvent>, Refusal> {
        let plan = timing.plan(at)?;
        Ok(if self.plan.as_ref() == Some(&plan) {
            vec![]
        } else {
            vec![ScheduleChanged { plan }]
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

    fn owner(&self) -> Option<Owner> {
        self.owner
    }

    fn claims(&self) -> Vec<Claim> {
        let job = self.job.filter(|_| self.stage == Pending);
        job.map(Job::claim).into_iter().collect()
    }
}
