//! The installation itself: its log, its health, its reference data, its statistics.

mod event_payload;
mod events;
mod health;
mod reference;
mod shipped;
mod statistics;

pub use health::Health;

use crate::openapi::Routes;

/// The area's routes.
pub(crate) fn routes() -> Routes {
    Routes::new()
        .merge(events::routes())
        .merge(health::routes())
        .merge(reference::routes())
        .merge(statistics::routes())
}
