//! What is said to whom.

mod recordings;
mod templates;
mod texts;
mod tokens;
