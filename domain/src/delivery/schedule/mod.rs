//! A schedule: a job to run at a moment, or repeatedly.

mod aggregate;
mod firing;
mod recurrence;
mod timing;
mod vocabulary;
mod zone;

pub use aggregate::Schedule;
pub use firing::{GRACE, IfMissed, Verdict};
pub use recurrence::{Part, Recurrence, Unit};
pub use timing::{Moment, Plan, Timing, When};
pub use vocabulary::{Job, ScheduleCommand, ScheduleEvent};
pub use zone::Zone;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod walks;
