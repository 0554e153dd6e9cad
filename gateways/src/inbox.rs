//! Where adapters put what their remote side sends by itself.

use async_trait::async_trait;
use domain::{Id, delivery::Provider};

use crate::reports::Said;

/// What became of something that came in. The remote side is answered accordingly: what is
/// not on record here is for it to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is on record, or was before.
    Yes,
    /// Not now; it is to be sent again.
    Later,
}

/// Takes what comes in. An answer is given once it is on record.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// What became of a message, by the name that the provider gave it.
    async fn report(&self, provider: Id<Provider>, message_id: String, said: Said) -> Taken;
}
