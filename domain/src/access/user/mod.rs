//! A user: who logs in and owns things. `Absent → Live → Deleted`.

mod aggregate;
#[cfg(test)]
mod tests;
mod vocabulary;

pub use aggregate::User;
pub use vocabulary::{UserCommand, UserEvent, UserPatch, UserProfile};
