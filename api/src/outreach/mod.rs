//! What is said and how: messages, their media, programs.

mod media;
mod program_fields;
mod program_ref;
mod program_transmissions;
mod programs;
mod templates;

use axum::Router;

use crate::App;

pub(crate) use program_ref::ProgramRef;

/// The area's resources.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .merge(templates::routes())
        .merge(programs::routes())
        .merge(program_transmissions::routes())
}
