//! This version on the databases of earlier ones: `tests/files/dump`.

mod addresses;
mod as_it_was;
mod companies;
mod under_way;
