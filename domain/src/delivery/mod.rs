//! How it gets there: providers, transmissions and their attempts.

mod outcome;
mod provider;
pub mod settings;
mod transmission;

pub use outcome::{Outcome, ResultKind, SpoolResult};
pub use provider::{
    Provider, ProviderCommand, ProviderDetails, ProviderEvent, ProviderKind, ProviderPatch,
};
pub use transmission::{
    Assignment, Direction, Order, Retry, Spool, SpoolReport, Transmission, TransmissionCommand,
    TransmissionError, TransmissionEvent,
};
