//! The event log, as an auditor sees it.

mod causes;
mod command_line;
mod feed;
mod upcasting;
