//! What is said and how.

pub mod documents;
pub mod programs;
pub mod recordings;
pub mod templates;
pub mod texts;
