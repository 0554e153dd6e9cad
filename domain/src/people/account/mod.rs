//! An account: the identity under which one sends and is reached, such as a
//! number, an extension or an address. `Absent → Live → Deleted`.

mod aggregate;
#[cfg(test)]
mod tests;
mod vocabulary;

pub use aggregate::Account;
pub use vocabulary::{AccountCommand, AccountEvent, AccountKind, AccountPatch, AccountProfile};
