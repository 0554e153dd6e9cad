//! Bad input: a 4xx that names the field, nothing half done, and never a 5xx.

mod bodies;
mod body_memory;
mod fields;
mod filters;
mod ids;
