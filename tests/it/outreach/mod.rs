//! What is said to whom.

mod templates;
mod texts;
mod tokens;
