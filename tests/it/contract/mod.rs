//! The contract, route by route: `tests/contract/routes.tsv`.

mod aliases;
mod mutating_gets;
mod routes;
mod walk;
