//! What is said to whom.

mod templates;
mod tokens;
