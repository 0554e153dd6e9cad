//! The log, as auditors see it.

mod command_line;
mod feed;
mod upcasting;
