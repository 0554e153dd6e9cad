//! What is said and how.

pub mod programs;
pub mod templates;
