//! A schedule: something to be done at a moment, or again and again.

mod aggregate;
mod recurrence;
mod timing;
mod zone;

pub use aggregate::{Job, Schedule, ScheduleCommand, ScheduleEvent};
pub use recurrence::{Part, Recurrence, Unit};
pub use timing::{Moment, Plan, Timing, When};
pub use zone::Zone;
