//! Outreach: messages, their media, programs.

mod document_pages;
mod documents;
pub(crate) mod media;
mod program_fields;
mod program_ref;
mod program_simulation;
mod program_transmissions;
mod programs;
mod recording_sound;
mod recordings;
mod simulation_fields;
mod templates;
mod texts;

use crate::openapi::Routes;

pub(crate) use program_ref::ProgramRef;

/// The area's routes.
pub(crate) fn routes() -> Routes {
    Routes::new()
        .merge(documents::routes())
        .merge(recordings::routes())
        .merge(templates::routes())
        .merge(texts::routes())
        .merge(programs::routes())
        .merge(program_simulation::routes())
        .merge(program_transmissions::routes())
}
