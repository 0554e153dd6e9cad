//! The invariants that must hold after any failure.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::{Duration, Instant},
};

use sqlx::{query_as, query_scalar};

use super::storm::Acknowledged;
use crate::harness::{EventLog, MailRecorder, ReadModels, Server, TIMEOUT};

/// The numbers of outcomes of a storm.
#[derive(Debug, Clone, Copy)]
pub struct Verdict {
    pub sent: usize,
    pub delivered: usize,
    pub unknown: usize,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            sent,
            delivered,
            unknown,
        } = self;
        write!(
            f,
            "{sent} sends acknowledged, {delivered} mails delivered, {unknown} unknown"
        )
    }
}

/// Waits for the end of everything that was accepted, and checks the invariants; at most
/// `most_unknown` outcomes may be unknown.
pub async fn verdict(
    server: &Server,
    recorder: &MailRecorder,
    acknowledged: &Acknowledged,
    most_unknown: usize,
) -> Verdict {
    account_for(server, acknowledged).await;
    let mut log = EventLog::open(server).await;
    let unknown = log.spools("SpoolOutcomeUnknown").await.len();
    assert!(
        unknown <= most_unknown,
        "{unknown} unknown outcomes, at most {most_unknown} may be"
    );
    ReadModels::assert_whole(server).await;
    let delivered = every_mail_is_accounted_for(&mut log, recorder).await;
    Verdict {
        sent: acknowledged.spools.len(),
        delivered,
        unknown,
    }
}

/// Waits for the end of everything that was accepted; checks that nothing is lost and nothing
/// happens twice.
pub async fn account_for(server: &Server, acknowledged: &Acknowledged) {
    let mut log = EventLog::open(server).await;
    everything_acknowledged_is_in(&mut log, acknowledged).await;
    everything_ends(&mut log).await;
    nothing_happens_twice(&mut log).await;
}

async fn everything_acknowledged_is_in(log: &mut EventLog, acknowledged: &Acknowledged) {
    let queued: BTreeSet<i64> = log.spools("SpoolQueued").await.into_iter().collect();
    for (what, said, held) in [
        (
            "contact",
            &acknowledged.contacts,
            log.ids("ContactCreated").await,
        ),
        (
            "transmission",
            &acknowledged.transmissions,
            log.ids("TransmissionCreated").await,
        ),
        ("send", &acknowledged.spools, queued),
    ] {
        let lost: Vec<_> = said.iter().filter(|id| !held.contains(id)).collect();
        assert!(
            lost.is_empty(),
            "acknowledged and not in the log: {what} {lost:?}"
        );
    }
}

/// Every accepted transmission ends completed, failed with its cause, or unknown.
async fn everything_ends(log: &mut EventLog) {
    let open = "select distinct aggregate_id from events q
                where event_type = 'SpoolQueued' and not exists (
                    select from events e
                    where e.aggregate_type = q.aggregate_type and e.aggregate_id = q.aggregate_id
                      and e.event_type in ('TransmissionCompleted', 'TransmissionFailed'))";
    let (mut least, mut until) = (usize::MAX, Instant::now());
    loop {
        let open: Vec<String> = query_scalar(open).fetch_all(log.sql()).await.unwrap();
        let Some(first) = open.first() else { return };
        // The time limit begins anew whenever fewer are open than ever before.
        if open.len() < least {
            (least, until) = (open.len(), Instant::now() + TIMEOUT);
        }
        if Instant::now() > until {
            panic!(
                "{} sent and without an end; {}",
                open.len(),
                log.story(first).await
            );
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// No attempt starts twice, and none ends twice.
async fn nothing_happens_twice(log: &mut EventLog) {
    let started = log.spools("SpoolStarted").await;
    let distinct: BTreeSet<_> = started.iter().collect();
    assert_eq!(
        distinct.len(),
        started.len(),
        "an attempt was started twice"
    );
    let mut ended = Vec::new();
    for kind in ["SpoolCompleted", "SpoolFailed", "SpoolOutcomeUnknown"] {
        ended.extend(log.spools(kind).await);
    }
    let distinct: BTreeSet<_> = ended.iter().collect();
    assert_eq!(distinct.len(), ended.len(), "an attempt ended twice");
}

/// Nothing was delivered twice without an unknown on record, nothing is reported as
/// delivered that is not there, and nothing is there that is reported as failed.
async fn every_mail_is_accounted_for(log: &mut EventLog, recorder: &MailRecorder) -> usize {
    let mails = recorder.mails();
    let mut message_ids = BTreeMap::<&str, usize>::new();
    for mail in &mails {
        *message_ids.entry(&mail.message_id).or_default() += 1;
    }
    let twice: Vec<_> = message_ids
        .iter()
        .filter(|(_, count)| **count > 1)
        .collect();
    assert!(twice.is_empty(), "delivered twice: {twice:?}");

    let sql = "select c.email, t.outcome, coalesce(bool_or(s.outcome = 'unknown'), false)
               from read.transmissions t
               join read.contacts c using (contact_id)
               join read.spools s using (transmission_id)
               group by c.email, t.transmission_id, t.outcome";
    let rows: Vec<(String, Option<String>, bool)> =
        query_as(sql).fetch_all(log.sql()).await.unwrap();
    // The mail server rejects no recipient, so that no attempt fails; only an attempt with an
    // unknown outcome can turn out later not to have been sent.
    let neither = "select transmission_id::text from read.transmissions t
                   where status <> 'pending'
                     and coalesce(outcome, '') not in ('delivered', 'unknown')
                     and not exists (
                         select from events e
                         where e.aggregate_type = 'transmission'
                           and e.aggregate_id = t.transmission_id::text
                           and e.event_type = 'SpoolOutcomeUnknown')";
    let neither: Vec<String> = query_scalar(neither).fetch_all(log.sql()).await.unwrap();
    if let Some(first) = neither.first() {
        panic!(
            "{} neither delivered nor unknown; {}",
            neither.len(),
            log.story(first).await
        );
    }
    let arrived = recorder.by_recipient();
    for (email, outcome, has_unknown) in &rows {
        let count = arrived.get(email).copied().unwrap_or(0);
        let outcome = outcome.as_deref().unwrap_or("none");
        match outcome {
            "delivered" => assert!(
                count == 1 || (count > 1 && *has_unknown),
                "{email}: {count} times"
            ),
            "unknown" => assert!(count <= 1, "{email}: {count} times, and {outcome}"),
            _ => assert_eq!(count, 0, "{email} arrived, and is reported as {outcome}"),
        }
    }
    let known: BTreeSet<&String> = rows.iter().map(|(email, _, _)| email).collect();
    let strangers: Vec<_> = arrived
        .keys()
        .filter(|email| !known.contains(email))
        .collect();
    assert!(
        strangers.is_empty(),
        "arrived, and of no transmission: {strangers:?}"
    );
    mails.len()
}
