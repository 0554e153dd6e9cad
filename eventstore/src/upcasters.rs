//! Upcasters: convert old events to the present form. Stored events are never rewritten; each
//! change of form has one entry here, under the version that introduced it.

use cqrs_es::persist::{EventUpcaster, SemanticVersionEventUpcaster, SerializedEvent};
use serde_json::Value;

/// All upcasters, in the order in which the changes were made.
pub(crate) fn all() -> Vec<Box<dyn EventUpcaster>> {
    vec![Box::new(SemanticVersionEventUpcaster::new(
        "SpoolQueued",
        "1.1.0",
        Box::new(spool_queued_without_avoid),
    ))]
}

/// Adds an empty `avoid`: before 1.1.0 an attempt did not list the providers to avoid.
fn spool_queued_without_avoid(mut payload: Value) -> Value {
    if let Some(fields) = payload
        .get_mut("SpoolQueued")
        .and_then(Value::as_object_mut)
    {
        fields
            .entry("avoid")
            .or_insert_with(|| Value::Array(Vec::new()));
    }
    payload
}

/// Applies the upcasters whose version is newer than the event's.
pub(crate) fn upcast(
    upcasters: &[Box<dyn EventUpcaster>],
    event: SerializedEvent,
) -> SerializedEvent {
    upcasters.iter().fold(event, |event, upcaster| {
        if upcaster.can_upcast(&event.event_type, &event.event_version) {
            upcaster.upcast(event)
        } else {
            event
        }
    })
}
