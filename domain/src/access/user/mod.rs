//! A user, who logs in and owns other aggregates. `Absent → Live → Deleted`.

mod aggregate;
mod rights;
mod sms_senders;
#[cfg(test)]
mod tests;
mod vocabulary;

pub use aggregate::User;
pub use rights::Rights;
pub use sms_senders::SmsSenders;
pub use vocabulary::{UserCommand, UserEvent, UserPatch, UserProfile};
