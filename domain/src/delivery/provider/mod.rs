//! A provider: a route to the outside, such as a mail server or a trunk. It belongs to the
//! installation. `Absent → Live → Deleted`.

mod aggregate;
mod details;
#[cfg(test)]
mod tests;
mod vocabulary;

pub use aggregate::Provider;
pub use vocabulary::{
    ProviderCommand, ProviderDetails, ProviderEvent, ProviderKind, ProviderPatch,
};
