//! A claimed attempt, and what is known of it.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use commands::suppression::Listed;
use dispatch::queue::Job;
use domain::{
    Entity, FIRST_TENANT, Id,
    access::Tenant,
    delivery::{Spool as SpoolMark, Transmission},
};
use eventstore::{Metadata, clock};
use tokio::time::Instant;

use super::{Shared, content::People};

/// A claimed attempt with the data that it needs.
pub(crate) struct Attempt {
    pub shared: Arc<Shared>,
    pub job: Job,
    pub transmission: Transmission,
    pub people: Arc<People>,
    pub suppression_check: SuppressionCheck,
}

/// The result of a suppression check: the time of the check, the recipient's entry on a
/// do-not-contact list, and the reason for which the owner does not send any more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SuppressionCheck {
    pub at: Instant,
    pub listed: Option<Listed>,
    pub owner_left: Option<&'static str>,
}

/// The further treatment of the attempt's entry in the queue.
pub(super) enum QueueAction {
    /// The entry was removed together with the append that ended the attempt.
    Settled,
    /// Another worker holds the attempt.
    Dropped,
    /// The attempt has not started, and is due again at this time.
    Back(DateTime<Utc>),
}

impl Attempt {
    pub(super) fn is_too_late(&self) -> bool {
        clock::now() >= self.job.deadline
    }

    /// Gives the attempt back to the queue for this time, but not past the deadline, when it
    /// expires.
    pub(super) fn back_in(&self, pause: Duration) -> QueueAction {
        QueueAction::Back((clock::now() + pause).min(self.job.deadline.max(clock::now())))
    }

    /// True if the attempt belongs to a campaign, whose attempts leave some capacity to others.
    pub(super) fn is_bulk(&self) -> bool {
        self.job.campaign_id.is_some()
    }

    /// The tenant whose providers may carry the attempt, beside those of the installation.
    pub(super) fn tenant(&self) -> Id<Tenant> {
        let owner = self.transmission.owner();
        owner.map_or(FIRST_TENANT, |owner| owner.tenant)
    }

    pub(super) fn id(&self) -> Id<SpoolMark> {
        Id::new(self.job.spool_id)
    }

    pub(super) fn metadata(&self) -> Metadata {
        // An attempt without a request is of a campaign or a schedule, on behalf of its owner; any
        // other is on behalf of the user whom its last event names.
        let owner = self.transmission.owning_user();
        let owner = owner.filter(|_| self.job.request_id.is_none());
        Metadata {
            request_id: self.job.request_id.clone(),
            correlation_id: self.job.correlation_id.clone(),
            causation: Some(self.job.position),
            bulk: self.is_bulk(),
            ..Metadata::of_reaction("worker").on_behalf_of(owner)
        }
    }
}
