//! The PBX: its records, the decisions by them, and the documented API.

mod cdr;
mod configuration;
mod documented;
mod examples;
mod isolation;
mod kinds;
mod limits;
mod lists;
mod records;
mod refusals;
mod routes;
mod secrets;
mod tenants;
mod walk;
