//! Events of transmissions, as the read models of deliveries take them.

use domain::{Event, delivery::TransmissionEvent};
use eventstore::Recorded;

/// An event of a transmission, with its place in the log.
#[derive(Clone, Copy)]
pub(super) struct Occurred<'e> {
    pub recorded: &'e Recorded,
    pub event: &'e TransmissionEvent,
}

pub(super) fn occurred(recorded: &Recorded) -> Option<Occurred<'_>> {
    match &recorded.event {
        Event::Transmission(event) => Some(Occurred { recorded, event }),
        _ => None,
    }
}

/// The remote side's text with NUL replaced, which Postgres cannot store.
pub(crate) fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
