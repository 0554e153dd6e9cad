//! The contract of all adapters, whatever their medium: one suite, run by each adapter's
//! tests against a remote side whose behaviour the suite chooses.

use std::{
    any::Any,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant as Clock},
};

use async_trait::async_trait;
use domain::{
    delivery::{Outcome, ResultKind, SpoolResult},
    flow::{Flow, Service},
};
use futures::future::join_all;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{Cancelled, Content, Ended, Gateway, NotOurs, Report, Session, Spool};

/// A behaviour of the remote side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PeerBehaviour {
    /// Accepts every message.
    Takes,
    /// Refuses permanently.
    Refuses,
    /// Is reached, and the recipient is busy or does not answer.
    Unanswering,
    /// Cannot be reached.
    Away,
    /// Disconnects when it may or may not have accepted the message.
    Vanishes,
    /// Accepts connections and never answers.
    Hangs,
}

/// Tolerance of time limits on a busy machine.
const LATE: Duration = Duration::from_secs(60);

/// A gateway and the remote side that it speaks to.
pub(crate) struct Stage {
    pub gateway: Arc<dyn Gateway>,
    /// The destination at which the remote side shows the behaviour.
    pub destination: String,
    /// The content to deliver.
    pub content: Content,
    /// The number of attempts that reached the remote side.
    pub heard: Box<dyn Fn() -> usize + Send + Sync>,
    /// The number of messages that it has accepted.
    pub taken: Box<dyn Fn() -> usize + Send + Sync>,
    /// A resource that lives as long as the stage: a process, for instance.
    pub _kept: Box<dyn Any + Send + Sync>,
}

impl Stage {
    fn spool(&self, id: i64, seconds: f32) -> Spool {
        spool(
            id,
            &self.destination,
            self.content.clone(),
            Duration::from_secs_f32(seconds),
        )
    }

    fn nobody_heard(&self, name: &str) {
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(
            (self.heard)(),
            0,
            "{name}: the remote side heard of the attempt"
        );
    }

    fn took(&self, count: usize, name: &str) {
        let deadline = Clock::now() + Duration::from_secs(180);
        while (self.taken)() < count && Clock::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!((self.taken)(), count, "{name}: taken");
    }
}

/// The remote sides of an adapter's tests.
#[async_trait]
pub(crate) trait Peer: Sync {
    /// A new stage; `None` where the medium has no such behaviour.
    async fn stage(&self, behaviour: PeerBehaviour) -> Option<Stage>;
}

/// An attempt with a time limit and otherwise arbitrary values.
pub(crate) fn spool(id: i64, destination: &str, content: Content, time: Duration) -> Spool {
    Spool {
        id: domain::Id::new(id),
        transmission: domain::Id::new(1),
        owner: domain::Owner::in_first_tenant(domain::Id::new(1)),
        contact: domain::Id::new(1),
        destination: destination.to_owned(),
        flow: match content.service() {
            Service::Email => Flow::send_email(domain::Id::new(1), 1),
            _ => Flow::send_sms(domain::Id::new(1), 1),
        },
        content,
        bulk: false,
        deadline: Instant::now() + time,
    }
}

/// Counts the starts of attempts, and allows or refuses them.
#[derive(Default)]
pub(crate) struct Starts {
    pub count: AtomicUsize,
    pub refuse: bool,
    /// The time that it takes to put the start on record.
    pub takes: Duration,
    /// The number of reported connections.
    pub connections: AtomicUsize,
    /// The reported results.
    pub results: Mutex<Vec<SpoolResult>>,
    /// Cancels the attempt.
    pub cancel: CancellationToken,
    /// The reason of the cancellation; a hang-up, unless set.
    pub reason: Option<Cancelled>,
}

impl Starts {
    pub fn seen(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Session for Starts {
    async fn started(&self) -> Result<(), NotOurs> {
        if !self.takes.is_zero() {
            tokio::time::sleep(self.takes).await;
        }
        self.count.fetch_add(1, Ordering::SeqCst);
        if self.refuse { Err(NotOurs) } else { Ok(()) }
    }

    fn connected(&self) {
        self.connections.fetch_add(1, Ordering::SeqCst);
    }

    fn result(&self, mut results: Vec<SpoolResult>) {
        self.results.lock().unwrap().append(&mut results);
    }

    async fn cancelled(&self) -> Cancelled {
        self.cancel.cancelled().await;
        self.reason.unwrap_or(Cancelled::HungUp)
    }
}

/// Runs the whole suite.
pub(crate) async fn run(peer: &dyn Peer) {
    what_is_taken_is_delivered_once(peer).await;
    the_outcome_says_what_is_known(peer).await;
    an_attempt_of_someone_else_leaves_the_wire_alone(peer).await;
    nothing_is_sent_when_the_record_takes_too_long(peer).await;
    an_attempt_ends_before_its_deadline(peer).await;
    attempts_do_not_get_in_each_others_way(peer).await;
    a_cancelled_attempt_does_no_harm(peer).await;
    nothing_goes_out_after_closing(peer).await;
}

async fn needed(peer: &dyn Peer, behaviour: PeerBehaviour) -> Stage {
    let stage = peer.stage(behaviour).await;
    stage.unwrap_or_else(|| panic!("every medium has a remote side that is {behaviour:?}"))
}

fn reported(ended: Ended, name: &str) -> Report {
    let Ended::Reported(report) = ended else {
        panic!("{name}: nothing was reported");
    };
    assert!(!report.response.is_empty(), "{name}: says nothing");
    assert!(
        !report.response.contains(char::is_control),
        "{name}: {:?}",
        report.response
    );
    assert!(
        report.response.chars().count() <= 500,
        "{name}: says too much"
    );
    let rows = &report.results;
    assert!(
        rows.iter().any(|row| row.kind == ResultKind::Application),
        "{name}: {rows:?}"
    );
    report
}

async fn what_is_taken_is_delivered_once(peer: &dyn Peer) {
    let name = "what is taken is delivered once";
    let stage = needed(peer, PeerBehaviour::Takes).await;
    for id in 1..=3 {
        let starts = Starts::default();
        let ended = stage.gateway.attempt(&stage.spool(id, 60.0), &starts).await;
        let report = reported(ended, name);
        assert_eq!(report.outcome, Outcome::Delivered, "{name}: {report:?}");
        assert!(report.connected, "{name}");
        assert_eq!(starts.seen(), 1, "{name}");
        stage.took(id as usize, name);
    }
    assert_eq!(stage.gateway.health().reachable, Some(true), "{name}");
    assert_eq!(stage.gateway.health().in_flight, 0, "{name}");
}

async fn the_outcome_says_what_is_known(peer: &dyn Peer) {
    for (behaviour, outcome) in [
        (PeerBehaviour::Refuses, Outcome::Rejected),
        (PeerBehaviour::Unanswering, Outcome::Unanswered),
        (PeerBehaviour::Away, Outcome::Unavailable),
        (PeerBehaviour::Vanishes, Outcome::Unknown),
    ] {
        let Some(stage) = peer.stage(behaviour).await else {
            continue;
        };
        let name = format!("a remote side that is {behaviour:?}");
        let starts = Starts::default();
        let report = reported(
            stage.gateway.attempt(&stage.spool(1, 60.0), &starts).await,
            &name,
        );
        assert_eq!(report.outcome, outcome, "{name}: {report:?}");
        if behaviour == PeerBehaviour::Away {
            assert_eq!((starts.seen(), report.connected), (0, false), "{name}");
            assert_eq!(stage.gateway.health().reachable, Some(false), "{name}");
            assert!(stage.gateway.health().last_error.is_some(), "{name}");
        } else {
            assert_eq!(starts.seen(), 1, "{name}");
        }
    }
}

async fn an_attempt_of_someone_else_leaves_the_wire_alone(peer: &dyn Peer) {
    let name = "an attempt of someone else leaves the wire alone";
    let stage = needed(peer, PeerBehaviour::Takes).await;
    let starts = Starts {
        refuse: true,
        ..Starts::default()
    };
    let ended = stage.gateway.attempt(&stage.spool(1, 60.0), &starts).await;
    assert_eq!(ended, Ended::NotOurs, "{name}");
    stage.nobody_heard(name);
    let next = stage
        .gateway
        .attempt(&stage.spool(2, 60.0), &Starts::default())
        .await;
    assert_eq!(reported(next, name).outcome, Outcome::Delivered, "{name}");
    stage.took(1, name);
}

async fn nothing_is_sent_when_the_record_takes_too_long(peer: &dyn Peer) {
    let name = "nothing is sent when the record takes too long";
    let stage = needed(peer, PeerBehaviour::Takes).await;
    let starts = Starts {
        takes: Duration::from_secs(60),
        ..Starts::default()
    };
    let ended = stage.gateway.attempt(&stage.spool(1, 1.0), &starts).await;
    assert_eq!(
        reported(ended, name).outcome,
        Outcome::Unavailable,
        "{name}"
    );
    stage.nobody_heard(name);
}

async fn an_attempt_ends_before_its_deadline(peer: &dyn Peer) {
    let name = "an attempt ends before its deadline";
    let stage = needed(peer, PeerBehaviour::Hangs).await;
    let spool = stage.spool(1, 1.0);
    let ended = stage.gateway.attempt(&spool, &Starts::default()).await;
    // The adapter gives up before the deadline; a busy machine may notice it after.
    assert!(Instant::now() < spool.deadline + LATE, "{name}");
    let outcome = reported(ended, name).outcome;
    assert!(
        matches!(outcome, Outcome::Unknown | Outcome::Unavailable),
        "{name}: {outcome}"
    );
    let late = stage.spool(2, 0.0);
    let ended = stage.gateway.attempt(&late, &Starts::default()).await;
    assert_eq!(
        reported(ended, name).outcome,
        Outcome::Unavailable,
        "{name}: none was left"
    );
}

async fn attempts_do_not_get_in_each_others_way(peer: &dyn Peer) {
    let name = "attempts do not get in each other's way";
    let stage = needed(peer, PeerBehaviour::Takes).await;
    let count = 4 * stage.gateway.channels();
    let (stage, starts) = (&stage, &Starts::default());
    let attempts = (1..=count as i64)
        .map(|id| async move { stage.gateway.attempt(&stage.spool(id, 300.0), starts).await });
    for ended in join_all(attempts).await {
        let report = reported(ended, name);
        assert_eq!(report.outcome, Outcome::Delivered, "{name}: {report:?}");
    }
    assert_eq!(starts.seen(), count, "{name}");
    stage.took(count, name);
    assert_eq!(stage.gateway.health().in_flight, 0, "{name}");
}

async fn a_cancelled_attempt_does_no_harm(peer: &dyn Peer) {
    let name = "a cancelled attempt does no harm";
    let stage = needed(peer, PeerBehaviour::Takes).await;
    // Cancels attempts at every moment from before the connection to after the delivery.
    for step in 0..40_u64 {
        let spool = stage.spool(1 + step as i64, 60.0);
        let starts = Starts::default();
        let attempt = stage.gateway.attempt(&spool, &starts);
        let _ = tokio::time::timeout(Duration::from_micros(step * step * 10), attempt).await;
    }
    assert_eq!(stage.gateway.health().in_flight, 0, "{name}");
    let next = stage
        .gateway
        .attempt(&stage.spool(100, 60.0), &Starts::default())
        .await;
    assert_eq!(reported(next, name).outcome, Outcome::Delivered, "{name}");
}

async fn nothing_goes_out_after_closing(peer: &dyn Peer) {
    let name = "nothing goes out after closing";
    let stage = needed(peer, PeerBehaviour::Takes).await;
    stage.gateway.close().await;
    let starts = Starts::default();
    let ended = stage.gateway.attempt(&stage.spool(1, 60.0), &starts).await;
    assert_eq!(
        reported(ended, name).outcome,
        Outcome::Unavailable,
        "{name}"
    );
    assert_eq!(starts.seen(), 0, "{name}");
    stage.nobody_heard(name);
}
