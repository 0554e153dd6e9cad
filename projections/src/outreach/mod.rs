//! What is said and how.

pub mod programs;
pub mod recordings;
pub mod templates;
pub mod texts;
