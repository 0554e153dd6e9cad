//! Programs, messages and their media.

mod confinement;
mod document_files;
mod documents;
mod fair_conversions;
mod hostile_uploads;
mod in_use;
mod programs;
mod recordings;
mod simulations;
mod sounds;
mod templates;
mod texts;
mod tokens;
