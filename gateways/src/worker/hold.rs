//! What keeps an attempt from being made although it is due: its recipient opted out, or
//! has quiet hours.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::TimeDelta;
use commands::suppression::Listed;
use cqrs_es::Aggregate as _;
use domain::{
    Entity as _, Id,
    access::User,
    delivery::{Transmission, TransmissionCommand},
    flow::Service,
    people::OptOut,
};
use eventstore::{StoreError, clock};
use tokio::time::Instant;

use super::{Shared, attempt::Attempt, attempt::Fate};

/// While this process has not seen the log for so long, what it was told does not count.
const FRESH: Duration = Duration::from_millis(250);
/// After trouble with the log.
const PAUSE: Duration = Duration::from_millis(200);
/// So long no attempt of a campaign waits in the queue for its turn.
const LONG: Duration = Duration::from_secs(5);
/// When to try again while nobody can tell whether the recipient opted out.
const UNKNOWN: TimeDelta = TimeDelta::seconds(2);

/// What the do-not-contact lists said of an attempt, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub at: Instant,
    pub listed: Option<Listed>,
}

/// When the lists last changed, as far as this process has seen the log. What was asked
/// since then still holds, so that nobody has to ask while they wait for their turn.
#[derive(Debug)]
pub(crate) struct Lists(Mutex<Instant>);

impl Lists {
    pub fn new() -> Self {
        Self(Mutex::new(Instant::now()))
    }

    fn hold_since(&self, asked: Instant) -> bool {
        asked > *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

/// Notices whenever the lists change.
pub(crate) async fn follow(shared: Arc<Shared>) {
    let log = shared.commands.store().log();
    let mut subscription = log.subscribe(log.head());
    while !shared.stopping.is_cancelled() {
        match subscription.next().await {
            Ok(events) => {
                let is_list = |kind: &str| kind == OptOut::TYPE;
                if events.iter().any(|event| is_list(&event.aggregate_type)) {
                    shared.lists.changed();
                }
            }
            Err(StoreError::Closed) => return,
            Err(error) => {
                tracing::warn!(%error, "nobody knows who opts out");
                shared.lists.changed();
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Asks the lists about many attempts at once.
pub(crate) async fn ask(
    shared: &Shared,
    transmissions: &[&Transmission],
) -> Result<Vec<Asked>, StoreError> {
    let at = Instant::now();
    let wanted: Vec<_> = transmissions.iter().map(|it| recipient(it)).collect();
    let known: Vec<_> = wanted.iter().flatten().copied().collect();
    let mut listed = shared.suppression.among(&known).await?.into_iter();
    let asked = wanted.iter().map(|wanted| Asked {
        at,
        listed: wanted.and_then(|_| listed.next().flatten()),
    });
    Ok(asked.collect())
}

/// Whose transmission it is, and where it goes; nothing if that was erased.
fn recipient(transmission: &Transmission) -> Option<(Id<User>, Service, &str)> {
    let service = transmission.order()?.service;
    let destination = transmission.assignment()?.destination?;
    Some((transmission.owner()?, service, destination))
}

impl Attempt {
    /// Ends the attempt, or puts it off, if it must not be made now.
    pub(super) async fn held_back(&self) -> Option<Fate> {
        let command = match self.forbidden(&mut { self.asked }).await {
            Ok(command) => command?,
            Err(error) => {
                tracing::warn!(spool.id = self.job.spool_id, %error, "nobody knows who opted out");
                return Some(Fate::Back(clock::now() + UNKNOWN));
            }
        };
        match self.settle(command).await {
            Ok(()) => Some(Fate::Settled),
            Err(_) => Some(self.clear().await),
        }
    }

    /// For one that its campaign's pace has no room for. Where that is long it does not
    /// wait in the queue, where its deadline would pass.
    pub(super) async fn later(&self, pause: Duration) -> Fate {
        if pause < LONG {
            return self.back_in(pause);
        }
        let withdraw = TransmissionCommand::Withdraw {
            spool: self.id(),
            at: clock::now(),
            reason: "its campaign's pace has no room yet".to_owned(),
        };
        match self.settle(withdraw).await {
            Ok(()) => Fate::Settled,
            Err(_) => self.clear().await,
        }
    }

    /// Whether nothing that was listed since can have been missed.
    fn still_holds(&self, asked: &Asked) -> bool {
        let log = self.shared.commands.store().log();
        self.shared.lists.hold_since(asked.at) && log.seen_at().elapsed() < FRESH
    }

    /// What must be done instead of making it, by what was asked, if that still holds, or
    /// is asked now.
    pub(super) async fn forbidden(
        &self,
        asked: &mut Asked,
    ) -> Result<Option<TransmissionCommand>, StoreError> {
        let at = clock::now();
        // What a person sends goes whatever the hour.
        let order = self.transmission.order().filter(|_| self.is_bulk());
        let hours = order.and_then(|order| order.hours.as_ref());
        if hours.is_some_and(|hours| hours.is_quiet(at)) {
            return Ok(Some(TransmissionCommand::Withdraw {
                spool: self.id(),
                at,
                reason: "the recipient has quiet hours".to_owned(),
            }));
        }
        if !self.still_holds(asked) {
            let again = ask(&self.shared, &[&self.transmission]).await?;
            *asked = again.first().copied().unwrap_or(*asked);
        }
        let listed = asked.listed;
        Ok(listed.map(|listed| TransmissionCommand::Suppress {
            spool: Some(self.id()),
            at,
            reason: format!(
                "the recipient opted out of {} (opt-out {})",
                listed.channel.name(),
                listed.id
            ),
        }))
    }
}
