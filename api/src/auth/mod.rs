//! Who is asking: tokens, passwords, and what every process knows of its users.
//!
//! [`Mirror`] folds users, roles, permissions and revoked sessions from the log
//! into memory, so that recognising a caller costs no query.

mod attempts;
mod bootstrap;
mod credentials;
mod keys;
mod login;
mod mirror;
mod mirror_state;
mod password;
mod policy;
mod token;
mod turn;
mod turns;

pub use bootstrap::{Bootstrapped, FirstUser, bootstrap};
pub(crate) use keys::key;
pub(crate) use login::{Authenticator, LoginLimits, Proof};
pub(crate) use mirror::Mirror;
pub(crate) use password::Passwords;
pub use policy::PasswordPolicy;
pub(crate) use token::Tokens;
pub(crate) use turn::Turn;
pub(crate) use turns::Network;
