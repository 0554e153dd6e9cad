//! Old events in today's form. Stored events are never rewritten; each changed
//! form has one line here, from the version it replaced.

use cqrs_es::persist::{EventUpcaster, SemanticVersionEventUpcaster, SerializedEvent};
use serde_json::Value;

/// Every change of form so far, in the order in which they were made.
pub(crate) fn all() -> Vec<Box<dyn EventUpcaster>> {
    vec![Box::new(SemanticVersionEventUpcaster::new(
        "SpoolQueued",
        "1.1.0",
        Box::new(spool_queued_without_avoid),
    ))]
}

/// Before 1.1.0 an attempt did not say which providers it should avoid.
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

/// Applies whatever changes an event is older than.
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
