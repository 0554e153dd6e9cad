//! The event log, as an auditor sees it.

mod command_line;
mod feed;
mod upcasting;
