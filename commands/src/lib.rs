//! The bus: how anything is changed.
//!
//! [`Commands::send`] loads an aggregate, lets it decide, appends what it
//! decided and answers with its place in the log. Bytes that events name are in
//! [`media`], those of a person in an [`envelope`]; [`conversion`] runs the programs that make other bytes of them,
//! [`documents`] and [`sound`] say which for documents and recordings. [`sending`] is
//! what a send needs to be there, [`addresses`] by what right an account uses its addresses, [`deprovisioning`] what ends with a user, [`receiving`] what is done with what comes in; [`verification`] proves that one reads what comes to an address; who is not to be reached [`suppression`] knows. What
//! turns events into commands, a policy, is one file each in [`policies`], named by what
//! it does.
//!
//! The command side registers nothing: an aggregate that exists in `domain` can
//! be sent to.

pub mod addresses;
mod bus;
pub mod conversion;
pub mod deprovisioning;
pub mod documents;
pub mod envelope;
mod error;
pub mod media;
pub mod policies;
pub mod receiving;
pub mod sending;
pub mod sound;
pub mod suppression;
pub mod verification;

pub use bus::{Actor, Commands, Scope, Together};
pub use error::CommandError;
