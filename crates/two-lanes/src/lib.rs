//! Queues of two lanes: single items, each of which somebody waits for, do not queue behind bulk
//! items, which come by the thousand.
//!
//! - [`TwoLanes`]: a queue in memory, from which single items are always taken first;
//! - [`channel`]: a bounded channel between tasks, whose receiver takes groups of items, in which
//!   the bulk lane has its part.
//!
//! Nothing here knows what an item is. To add a queue: one of the two in the crate that has the
//! items, which says of each item whether it is [`Lane::Bulk`].

mod channel;
mod queue;

pub use channel::{GroupLimits, Receiver, Sender, channel};
pub use queue::TwoLanes;

/// The lane of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// The lane of items that somebody waits for.
    Single,
    /// The lane of items that come by the thousand, such as those of a campaign.
    Bulk,
}

impl Lane {
    /// The bulk lane if `bulk` is true.
    pub const fn bulk_if(bulk: bool) -> Self {
        if bulk { Self::Bulk } else { Self::Single }
    }
}
