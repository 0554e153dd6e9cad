//! Bad input: a 4xx that names the field, nothing half done, and never a 5xx.

mod bodies;
mod fields;
mod filters;
mod ids;
