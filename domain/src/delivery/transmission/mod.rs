//! A transmission: one message to one contact, with all its attempts (spools).
//!
//! `Absent → Pending → Processing → Completed | Failed`, from `Failed` back to `Processing` when a
//! person sends again, and from `Processing` to `Withdrawn` and back when the queued attempt is
//! withdrawn and sent later. A bounce turns `Completed` into `Failed`, a late report or a person's
//! decision `Failed` into `Completed`.
//!
//! An inbound message goes from `Absent` to `Completed` in one decision; an inbound session opens as
//! `Processing`, and its only attempt ends as others do.
//!
//! The aggregate holds the rules of delivery: one open attempt at a time, an attempt starts once,
//! and a message that may have been sent is never sent again without a person's decision.

mod acceptance;
mod aggregate;
mod arrival;
mod decide;
mod ending;
mod opening;
mod order;
mod session;
mod vocabulary;

pub use acceptance::{Acceptance, Awaited, OnReportTimeout};
pub use aggregate::{Assignment, Transmission};
pub use arrival::{Arrival, Attachment, Message};
pub use opening::{Holder, Opened, Opening};
pub use order::{Direction, Order, OrderPatch};
pub use session::{SpoolProgress, SpoolReport};
pub use vocabulary::{Retry, Spool, TransmissionCommand, TransmissionError, TransmissionEvent};

#[cfg(test)]
mod tests;
