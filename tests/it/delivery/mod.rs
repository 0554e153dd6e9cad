//! From a request to a report.

mod demo;
mod main_job;
mod outcomes;
mod peers;
mod providers;
mod roles;
mod weights;
