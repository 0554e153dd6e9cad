//! A transmission: one message to one contact, with all its attempts (spools).
//!
//! `Absent → Pending → Processing → Completed | Failed`, and from `Failed` back
//! to `Processing` when a person sends again. It owns the rules of delivery: one
//! open attempt at a time, an attempt starts once, and what may have been sent is
//! never silently sent again.

mod acceptance;
mod aggregate;
mod arrival;
mod decide;
mod ending;
mod vocabulary;

pub use acceptance::{Acceptance, Awaited, IfSilent};
pub use aggregate::{Assignment, Transmission};
pub use arrival::{Arrival, Attachment, Message};
pub use vocabulary::{
    Direction, Order, OrderPatch, Retry, Spool, SpoolReport, TransmissionCommand,
    TransmissionError, TransmissionEvent,
};

#[cfg(test)]
mod tests;
