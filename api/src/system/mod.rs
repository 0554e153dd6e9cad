//! The installation itself: its log, its health.

mod event_payload;
mod events;
mod health;

use axum::Router;

use crate::App;

/// The area's resources.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .merge(events::routes())
        .merge(health::routes())
}
