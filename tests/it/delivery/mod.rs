//! From a request to a report.

mod main_job;
mod outcomes;
mod peers;
mod providers;
mod weights;
