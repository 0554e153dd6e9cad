//! Folds the events of a batch to the changes of calls.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    Subject,
    delivery::{Outcome, TransmissionEvent},
    flow::Service,
};
use eventstore::Recorded;

use super::{
    ended_call::{End, EndedCall, ResolvedCall},
    open_call::{OpenCall, contact_of},
};

/// The changes of calls by a batch.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// The open calls of the batch, as they are after it.
    pub open: BTreeMap<i64, OpenCall>,
    /// The calls that are no longer open.
    pub closed: BTreeSet<i64>,
    /// The calls that ended.
    pub ended: BTreeMap<i64, EndedCall>,
    /// The resolutions of calls that ended in earlier batches.
    pub resolved: Vec<ResolvedCall>,
    /// The contacts that data in the batch are about.
    pub contacts: BTreeSet<i64>,
}

/// The attempt that an event is about, if it may change a call.
pub(super) fn call_of(event: &TransmissionEvent) -> Option<i64> {
    use TransmissionEvent::{
        SpoolCompleted, SpoolConnected, SpoolFailed, SpoolHangupRequested, SpoolOutcomeUnknown,
        SpoolQueued, SpoolReceived, SpoolResolved, SpoolStarted, SpoolWithdrawn,
    };
    match event {
        SpoolQueued { spool, flow, .. } => (flow.service == Service::Voice).then(|| spool.get()),
        SpoolReceived { spool, opened, .. } => opened.as_ref().map(|_| spool.get()),
        SpoolConnected { spool, awaited, .. } => match awaited {
            // Only messages await a report.
            Some(_) => None,
            None => Some(spool.get()),
        },
        SpoolStarted { spool, .. }
        | SpoolHangupRequested { spool, .. }
        | SpoolWithdrawn { spool, .. }
        | SpoolCompleted { spool, .. }
        | SpoolFailed { spool, .. }
        | SpoolOutcomeUnknown { spool, .. }
        | SpoolResolved { spool, .. } => Some(spool.get()),
        _ => None,
    }
}

impl Changes {
    /// The changes by these events; `open` has the calls among them that were open before.
    pub fn fold<'e>(
        open: BTreeMap<i64, OpenCall>,
        events: impl IntoIterator<Item = (&'e Recorded, &'e TransmissionEvent)>,
    ) -> Self {
        let mut changes = Self {
            open,
            ..Self::default()
        };
        for (recorded, event) in events {
            if let Some(id) = call_of(event) {
                changes.take(id, recorded, event);
            }
        }
        changes
    }

    fn take(&mut self, id: i64, recorded: &Recorded, event: &TransmissionEvent) {
        use TransmissionEvent::{
            SpoolConnected, SpoolHangupRequested, SpoolQueued, SpoolReceived, SpoolResolved,
            SpoolStarted, SpoolWithdrawn,
        };
        match event {
            SpoolQueued {
                spool,
                owner,
                destination,
                ..
            } => self.begin(OpenCall::outbound(recorded, *spool, *owner, destination)),
            SpoolReceived {
                spool,
                at,
                message,
                opened: Some(opened),
                ..
            } => {
                let owner = opened.owner;
                self.begin(OpenCall::inbound(recorded, *spool, owner, *at, message));
            }
            SpoolStarted { at, .. } => self.change(id, |call| {
                call.started_at.get_or_insert(*at);
            }),
            SpoolConnected { at, .. } => self.change(id, |call| {
                call.connected_at.get_or_insert(*at);
            }),
            SpoolHangupRequested { .. } => self.change(id, |call| call.hung_up = true),
            SpoolWithdrawn { .. } => drop(self.close(id)),
            SpoolResolved {
                outcome, response, ..
            } => {
                self.note(response.subject());
                self.resolve(ResolvedCall::new(id, recorded, *outcome, response));
            }
            event => {
                if let Some(end) = end_of(event) {
                    self.end(id, recorded, end);
                }
            }
        }
    }

    fn begin(&mut self, call: OpenCall) {
        self.contacts.extend(call.contact_id);
        self.open.insert(call.call_id, call);
    }

    fn change(&mut self, id: i64, change: impl FnOnce(&mut OpenCall)) {
        if let Some(call) = self.open.get_mut(&id) {
            change(call);
        }
    }

    fn close(&mut self, id: i64) -> Option<OpenCall> {
        let call = self.open.remove(&id)?;
        self.closed.insert(id);
        Some(call)
    }

    fn end(&mut self, id: i64, recorded: &Recorded, end: End<'_>) {
        if let Some(call) = self.close(id) {
            self.note(end.response.subject());
            self.ended.insert(id, EndedCall::new(call, recorded, end));
        }
    }

    fn resolve(&mut self, resolved: ResolvedCall) {
        match self.ended.get_mut(&resolved.call_id) {
            Some(ended) => ended.resolve(&resolved),
            None => self.resolved.push(resolved),
        }
    }

    /// Notes the contact that data are about.
    fn note(&mut self, subject: &Subject) {
        self.contacts.extend(contact_of(subject));
    }
}

/// The end of an attempt, if this event is one.
fn end_of(event: &TransmissionEvent) -> Option<End<'_>> {
    use TransmissionEvent::{SpoolCompleted, SpoolFailed, SpoolOutcomeUnknown};
    let (at, outcome, response, amount) = match event {
        SpoolCompleted {
            at,
            response,
            amount,
            ..
        } => (at, Outcome::Delivered, response, amount),
        SpoolFailed {
            at,
            outcome,
            response,
            amount,
            ..
        } => (at, *outcome, response, amount),
        SpoolOutcomeUnknown {
            at,
            response,
            amount,
            ..
        } => (at, Outcome::Unknown, response, amount),
        _ => return None,
    };
    Some(End {
        at: *at,
        outcome,
        response,
        amount: *amount,
    })
}

#[cfg(test)]
#[path = "changes_tests.rs"]
mod tests;
