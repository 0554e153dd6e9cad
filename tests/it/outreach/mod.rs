//! What is said to whom.

mod document_files;
mod documents;
mod hostile_uploads;
mod programs;
mod recordings;
mod templates;
mod texts;
mod tokens;
