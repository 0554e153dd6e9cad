//! The event store: appends events to the log in Postgres, and reads them back.
//!
//! - writing: [`Store`] appends in groups what the caller's aggregates decided;
//! - reading: [`Log`] hands every subscriber the same events in the same order, and
//!   [`subscriber`] runs those that write;
//! - sealing: the [`codec`] seals personal data with its subject's key;
//! - also: ids in blocks, claims, locks, snapshots, upcasters.
//!
//! Nothing here knows what an event means. A new aggregate needs no change here;
//! a changed event needs a line in `upcasters`.

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
mod lock_name;
mod locks;
mod log;
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
pub use lock_name::LockName;
pub use locks::{Lock, Locks};
pub use log::{Log, Subscription};
pub use memory::StateSource;
pub use notices::Topic;
pub use recorded::{Committed, Position, Recorded};
pub use store::{Loaded, Store};
pub use vault::{MasterKey, Vault};
