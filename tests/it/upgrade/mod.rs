//! This version on the database of an earlier one: `tests/files/dump`.

mod as_it_was;
mod under_way;
