//! The contract, route by route: `tests/contract/routes.tsv`.

mod aliases;
mod bodies;
mod curl;
pub mod examples;
mod mutating_gets;
mod openapi;
pub mod routes;
mod schemathesis;
pub mod success;
pub mod things;
mod walk;
