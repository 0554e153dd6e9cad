//! Folds the events of a batch to one change for each transmission.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{
    Id, Owner,
    delivery::{Order, Outcome, TransmissionEvent},
};

use crate::delivery::occurred::Occurred;

/// The change of a transmission by a batch. Where a field is none the row keeps its value.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Folded<'e> {
    pub created: Option<Created<'e>>,
    /// The new order, if it was changed and not created in this batch.
    pub edited: Option<&'e Order>,
    pub status: Option<&'static str>,
    /// The new outcome; none inside if the transmission is open again.
    pub outcome: Option<Option<Outcome>>,
    pub response: Option<Response<'e>>,
    pub account_id: Option<i64>,
    pub try_done: Option<i32>,
    pub last_run: Option<DateTime<Utc>>,
    /// The newest attempt, if the batch names it.
    pub last_spool: Option<i64>,
    pub suppressed: Option<bool>,
    pub updated_at: DateTime<Utc>,
    pub version: i64,
}

#[derive(Debug, PartialEq)]
pub(super) struct Created<'e> {
    pub owner: Owner,
    pub order: &'e Order,
    pub position: i64,
    pub at: DateTime<Utc>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Response<'e> {
    /// The text; none once the contact was erased.
    pub words: Option<&'e String>,
    /// If set, the text is written only if this attempt is the last one by the row.
    pub if_last: Option<i64>,
}

pub(super) fn fold<'e>(events: &[Occurred<'e>]) -> BTreeMap<i64, Folded<'e>> {
    let mut transmissions: BTreeMap<i64, Folded<'e>> = BTreeMap::new();
    for occurred in events {
        let folded = transmissions
            .entry(occurred.recorded.aggregate_id)
            .or_default();
        folded.updated_at = occurred.recorded.occurred_at;
        folded.version = occurred.recorded.sequence as i64;
        folded.take(occurred);
    }
    transmissions
}

impl<'e> Folded<'e> {
    fn take(&mut self, occurred: &Occurred<'e>) {
        use TransmissionEvent::{
            ResultRecorded, RetryScheduled, SpoolCompleted, SpoolConnected, SpoolFailed,
            SpoolHangupRequested, SpoolOutcomeUnknown, SpoolQueued, SpoolReceived, SpoolResolved,
            SpoolStarted, SpoolWithdrawn, TransmissionCompleted, TransmissionCreated,
            TransmissionDeleted, TransmissionFailed, TransmissionSuppressed, TransmissionUpdated,
        };
        match occurred.event {
            TransmissionCreated { owner, order, .. } => {
                self.created = Some(Created {
                    owner: *owner,
                    order,
                    position: occurred.recorded.position,
                    at: occurred.recorded.occurred_at,
                });
                self.status = Some("pending");
                self.account_id = order.account_id.map(Id::get);
            }
            TransmissionUpdated { order } => {
                self.account_id = order.account_id.map(Id::get);
                match &mut self.created {
                    Some(created) => created.order = order,
                    None => self.edited = Some(order),
                }
            }
            SpoolQueued {
                spool,
                attempt,
                at,
                account_id,
                ..
            } => {
                self.status = Some("processing");
                self.outcome = Some(None);
                self.suppressed = Some(false);
                self.account_id = Some(account_id.get());
                self.try_done = Some(i32::try_from(*attempt).unwrap_or(i32::MAX));
                self.last_run = Some(*at);
                self.last_spool = Some(spool.get());
            }
            SpoolReceived {
                spool,
                at,
                account_id,
                ..
            } => {
                self.status = Some("processing");
                self.account_id = Some(account_id.get());
                self.try_done = Some(1);
                self.last_run = Some(*at);
                self.last_spool = Some(spool.get());
            }
            SpoolStarted { spool, at, .. } => {
                self.last_run = Some(*at);
                self.last_spool = Some(spool.get());
            }
            SpoolCompleted {
                spool, response, ..
            }
            | SpoolFailed {
                spool, response, ..
            }
            | SpoolOutcomeUnknown {
                spool, response, ..
            } => {
                self.last_spool = Some(spool.get());
                self.response = Some(Response {
                    words: response.get(),
                    if_last: None,
                });
            }
            SpoolResolved {
                spool, response, ..
            } => self.resolve(spool.get(), response.get()),
            TransmissionCompleted { .. } => self.end("completed", Outcome::Delivered),
            TransmissionFailed { outcome, .. } => self.end("failed", *outcome),
            TransmissionSuppressed { reason, .. } => {
                self.end("failed", Outcome::Rejected);
                self.suppressed = Some(true);
                self.response = Some(Response {
                    words: Some(reason),
                    if_last: None,
                });
            }
            SpoolWithdrawn { attempt, .. } => {
                self.status = Some("pending");
                let before = i32::try_from(*attempt).unwrap_or(i32::MAX) - 1;
                self.try_done = Some(before);
            }
            SpoolConnected { .. }
            | SpoolHangupRequested { .. }
            | ResultRecorded { .. }
            | RetryScheduled { .. }
            | TransmissionDeleted {} => {}
        }
    }

    fn end(&mut self, status: &'static str, outcome: Outcome) {
        self.status = Some(status);
        self.outcome = Some(Some(outcome));
    }

    /// Takes the response of a resolved attempt, if that is the last one: an attempt may be
    /// resolved after newer ones were made, and then its response is not the transmission's.
    fn resolve(&mut self, spool: i64, words: Option<&'e String>) {
        let if_last = match self.last_spool {
            Some(last) if last == spool => None,
            Some(_) => return,
            None => Some(spool),
        };
        self.response = Some(Response { words, if_last });
    }
}

#[cfg(test)]
mod tests {
    use domain::{Personal, Subject};
    use eventstore::{Metadata, Recorded};

    use super::*;

    fn recorded(sequence: u64, event: TransmissionEvent) -> Recorded {
        Recorded {
            position: 100,
            aggregate_type: "transmission".into(),
            aggregate_id: 1,
            sequence,
            event_type: String::new(),
            occurred_at: DateTime::default(),
            metadata: Metadata::default(),
            event: event.into(),
        }
    }

    fn settled(spool: i64) -> TransmissionEvent {
        TransmissionEvent::SpoolResolved {
            spool: Id::new(spool),
            at: DateTime::default(),
            outcome: Outcome::Delivered,
            response: Personal::new(Subject::new("contact", 1), "late".into()),
        }
    }

    fn started(spool: i64) -> TransmissionEvent {
        TransmissionEvent::SpoolStarted {
            spool: Id::new(spool),
            at: DateTime::default(),
            claim: String::new(),
            provider: Id::new(1),
            worker: String::new(),
            campaign: None,
        }
    }

    /// The response after a batch of these events: its `if_last`, if there is a response.
    fn response_after(events: &[TransmissionEvent]) -> Option<Option<i64>> {
        let events: Vec<_> = (1..)
            .zip(events)
            .map(|(n, e)| recorded(n, e.clone()))
            .collect();
        let occurred: Vec<_> = events
            .iter()
            .map(|recorded| match &recorded.event {
                domain::Event::Transmission(event) => Occurred { recorded, event },
                _ => unreachable!(),
            })
            .collect();
        fold(&occurred)[&1]
            .response
            .map(|response| response.if_last)
    }

    #[test]
    fn a_receipt_of_an_old_attempt_leaves_the_last() {
        assert_eq!(response_after(&[started(2), settled(1)]), None);
        assert_eq!(response_after(&[started(1), settled(1)]), Some(None));
        assert_eq!(
            response_after(&[settled(1)]),
            Some(Some(1)),
            "only the row can tell"
        );
    }
}
