//! Leases this worker's share of the permits of providers with a concurrency limit.

use std::{collections::HashMap, sync::Arc, time::Duration};

use dispatch::channels::{self, Ask};
use domain::{Id, delivery::Provider};
use sqlx::Error;
use tokio::time::{Instant, sleep, timeout};

use super::Shared;
use crate::registry::Limited;

/// The interval at which held permits are renewed and adapted to the demand.
const ROUND: Duration = Duration::from_millis(500);
/// The interval while fewer permits are held than are wanted.
const SHORT_ROUND: Duration = Duration::from_millis(100);
/// The least time between two rounds, however many attempts wait.
const GAP: Duration = Duration::from_millis(20);
/// The time-out of the database's answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// The margin before its end at which a grant is not relied on: clocks may differ in speed.
const MARGIN: Duration = Duration::from_millis(500);

/// The grant of permits at a provider.
struct Grant {
    /// The most permits held, according to the last exchange with the database.
    most: u32,
    until: Instant,
}

/// Renews the grants until the worker has stopped and nothing is in flight any more.
pub(super) async fn keep(shared: Arc<Shared>) {
    let mut held: HashMap<Id<Provider>, Grant> = HashMap::new();
    while !(shared.stopping.is_cancelled() && shared.leases.is_empty()) {
        let limited = shared.registry.limited();
        held.retain(|id, _| limited.iter().any(|it| it.provider == *id));
        let mut short = false;
        for it in &limited {
            short |= ask(&shared, it, &mut held).await;
        }
        sleep(GAP).await;
        let round = if short { SHORT_ROUND } else { ROUND };
        // A new waiter notifies; while some wait already that would be all the time.
        if short {
            sleep(round).await
        } else {
            drop(timeout(round, shared.registry.short()).await)
        }
    }
}

/// Asks for the permits that a provider's attempts could use; true if fewer were granted.
async fn ask(shared: &Shared, it: &Limited, held: &mut HashMap<Id<Provider>, Grant>) -> bool {
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
    match timeout(ANSWER_TIMEOUT, answer)
        .await
        .unwrap_or(Err(Error::PoolTimedOut))
    {
        Ok(granted) => {
            it.permits.resize((granted as usize).min(it.channels));
            // Permits in use may still be on record as held.
            let most = granted.max(question.held);
            held.insert(it.provider, Grant { most, until });
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
