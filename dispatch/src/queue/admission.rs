//! Attempts that a worker has from their beginning: inbound sessions that it takes as they begin.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::flow::Service;
use eventstore::{Effect, EffectKind};

/// An inbound session with the worker that takes it.
#[derive(Clone, Copy, Debug)]
pub struct Taken<'a> {
    /// The attempt.
    pub spool_id: i64,
    /// The transmission that it is the attempt of.
    pub transmission_id: i64,
    /// The service.
    pub service: Service,
    /// The time at which it began.
    pub at: DateTime<Utc>,
    /// The latest time of its start.
    pub deadline: DateTime<Utc>,
    /// The token of the claim.
    pub claim: &'a str,
    /// The worker's name.
    pub worker: &'a str,
    /// The duration of the lease.
    pub lease: Duration,
}

/// The position is known to the queue's feed only, which adds it.
static ADMISSION: EffectKind = EffectKind {
    name: "admitted",
    statement: "insert into dispatch.queue (spool_id, transmission_id, service, due_at, \
                  deadline, avoid, attempt, position, claim_token, claimed_by, lease_until) \
                select spool_id::bigint, transmission_id::bigint, service::smallint, \
                  due_at::timestamptz, deadline::timestamptz, '{}', 1, 0, claim_token, claimed_by, \
                  clock_timestamp() + lease::interval \
                from unnest({0}::text[], {1}::text[], {2}::text[], {3}::text[], {4}::text[], \
                  {5}::text[], {6}::text[], {7}::text[]) \
                  as a (spool_id, transmission_id, service, due_at, deadline, \
                  claim_token, claimed_by, lease)",
    columns: 8,
    refused_by: None,
};

/// The effect that puts an attempt into the queue as claimed, in the transaction of the event that
/// starts it: a worker that dies leaves a lease that runs out.
pub fn admission(taken: &Taken<'_>) -> Effect {
    let number = |number: i64| Some(number.to_string());
    Effect {
        kind: &ADMISSION,
        row: vec![
            number(taken.spool_id),
            number(taken.transmission_id),
            number(i64::from(taken.service.flag())),
            Some(taken.at.to_rfc3339()),
            Some(taken.deadline.to_rfc3339()),
            Some(taken.claim.to_owned()),
            Some(taken.worker.to_owned()),
            Some(format!("{} milliseconds", taken.lease.as_millis())),
        ],
    }
}
