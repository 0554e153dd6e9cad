//! Content: programs, templates, texts, documents and recordings.

pub mod documents;
pub mod programs;
pub mod recordings;
pub mod templates;
pub mod texts;
