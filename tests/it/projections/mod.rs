//! Read models: following the log, and rebuilding.

mod connections;
mod following;
mod poison;
mod rebuilding;
