//! Authentication: tokens, passwords, and each process's cache of users and rights.
//!
//! [`AccessCache`] folds users, roles, permissions and revoked sessions from the log into memory, so
//! that recognising a caller costs no query.

mod access_cache;
mod access_cache_state;
mod attempts;
mod bootstrap;
mod credentials;
mod first_user;
mod hash_queue;
mod keys;
mod login;
mod password;
mod policy;
mod reset;
mod rights_lock;
mod token;

pub(crate) use access_cache::AccessCache;
pub use bootstrap::bootstrap;
pub use first_user::{FirstUser, ShowPassword, check_first_user};
pub(crate) use hash_queue::Network;
pub(crate) use keys::key;
pub(crate) use login::{Authenticator, LoginLimits, Proof};
pub(crate) use password::Passwords;
pub use policy::PasswordPolicy;
pub use reset::{reset_password, user_named};
pub(crate) use rights_lock::RightsLock;
pub(crate) use token::Tokens;
