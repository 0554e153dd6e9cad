//! Asks for this worker's share of the channels of providers that have a limit on them.

use std::{collections::HashMap, sync::Arc, time::Duration};

use domain::{Id, delivery::Provider};
use projections::delivery::channels::{self, Ask};
use sqlx::Error;
use tokio::time::{Instant, sleep, timeout};

use super::Shared;
use crate::registry::Limited;

/// How often what is held is renewed, and adapted to what is wanted.
const ROUND: Duration = Duration::from_millis(500);
/// How soon the question is asked again while less is held than is wanted.
const SHORT_ROUND: Duration = Duration::from_millis(100);
/// The least time between two rounds, however many wait.
const GAP: Duration = Duration::from_millis(20);
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// A grant this close to its end is not relied on: clocks may differ in their speed.
const MARGIN: Duration = Duration::from_millis(500);

/// What is held at a provider.
struct Suppressed {
    /// By what the database was last told.
    most: u32,
    until: Instant,
}

/// Keeps asking, until the worker has stopped and nothing is in flight any more.
pub(super) async fn keep(shared: Arc<Shared>) {
    let mut held: HashMap<Id<Provider>, Suppressed> = HashMap::new();
    while !(shared.stopping.is_cancelled() && shared.leases.len() == 0) {
        let limited = shared.registry.limited();
        held.retain(|id, _| limited.iter().any(|it| it.provider == *id));
        let mut short = false;
        for it in &limited {
            short |= ask(&shared, it, &mut held).await;
        }
        sleep(GAP).await;
        let round = if short { SHORT_ROUND } else { ROUND };
        // Somebody who has to wait rings; who already does would ring all the time.
        if short {
            sleep(round).await
        } else {
            drop(timeout(round, shared.registry.short()).await)
        }
    }
}

/// Asks for what a provider's attempts could use; says whether they got less.
async fn ask(shared: &Shared, it: &Limited, held: &mut HashMap<Id<Provider>, Suppressed>) -> bool {
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let demand = it.permits.demand();
    let wanted = number(demand.wanted.min(it.channels)).min(it.limit);
    let known = held.get(&it.provider).map_or(0, |held| held.most);
    if wanted == 0 && demand.held == 0 && known == 0 {
        return false;
    }
    let until = Instant::now() + shared.config.lease.saturating_sub(MARGIN);
    let question = Ask {
        provider_id: it.provider.get(),
        limit: it.limit,
        held: number(demand.held),
        wanted,
    };
    let (pool, name) = (&shared.pool, &shared.config.name);
    let answer = channels::ask(pool, name, question, shared.config.lease);
    match timeout(PATIENCE, answer)
        .await
        .unwrap_or(Err(Error::PoolTimedOut))
    {
        Ok(granted) => {
            it.permits.resize((granted as usize).min(it.channels));
            // What was in use may still be on record as held.
            let most = granted.max(question.held);
            held.insert(it.provider, Suppressed { most, until });
            granted < wanted
        }
        Err(error) => {
            tracing::warn!(provider.id = %it.provider, %error, "no channels can be asked for");
            if held
                .get(&it.provider)
                .is_none_or(|it| it.until <= Instant::now())
            {
                it.permits.resize(0);
            }
            true
        }
    }
}
