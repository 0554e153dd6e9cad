//! Read models: how they follow the log, and how they are built anew.

mod connections;
mod following;
mod poison;
mod rebuilding;
