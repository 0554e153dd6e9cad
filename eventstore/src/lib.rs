//! The event store: appends events to the log in Postgres, and reads them back.
//!
//! - writing: [`Store`] appends in groups what the caller's aggregates decided, together with the
//!   [`Effect`]s of other crates; [`Metadata`] names the causes;
//! - reading: [`Log`] hands every subscriber the same events in the same order, and
//!   [`subscriber`] runs those that write, with their checkpoints;
//! - sealing: the [`codec`] seals personal data with its subject's key;
//! - also: ids in blocks, claims, [`Locks`], snapshots, upcasters.
//!
//! Nothing here knows what an event means, nor a table of another crate. A new aggregate, a new
//! subscriber ([`subscriber`]) and a new kind of effect ([`EffectKind`]) need no change here; a
//! changed event needs a line in `upcasters`, a new lock one in [`LockName`].

mod appender;
mod cause;
pub mod clock;
pub mod codec;
mod commit;
pub mod database;
mod effect;
mod error;
mod ids;
mod kept;
mod keys;
mod loaded;
mod lock_name;
mod locks;
mod log;
mod member;
mod memory;
mod notices;
mod read;
mod recorded;
mod snapshots;
mod statement;
mod store;
pub mod subscriber;
#[cfg(test)]
mod tests;
mod upcasters;
mod vault;

pub use appender::random_id;
pub use cause::{Cause, Metadata};
pub use commit::{Batch, Before, Prepared};
pub use effect::{Effect, EffectKind, Late, LateEffect};
pub use error::StoreError;
pub use ids::Ids;
pub use loaded::Loaded;
pub use lock_name::LockName;
pub use locks::{Lock, Locks};
pub use log::{Log, Subscription};
pub use memory::StateSource;
pub use notices::Topic;
pub use recorded::{Committed, Position, Recorded};
pub use store::Store;
pub use vault::{MasterKey, Vault};
