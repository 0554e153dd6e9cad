//! The contract, route by route: `tests/contract/routes.tsv`.

mod aliases;
mod mutating_gets;
mod openapi;
mod routes;
mod walk;
