//! This version on the database of an earlier one: `tests/files/dump`.

mod addresses;
mod as_it_was;
mod under_way;
