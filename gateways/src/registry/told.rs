//! The published health of the providers.

use dispatch::{circuit_breaker::BreakerState, health::ProviderHealth};
use eventstore::clock;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Entry, Registry, load::Shown, lock};
use crate::Health;

impl Registry {
    /// The health of every provider that may be used on this node.
    pub(crate) fn health(&self) -> Vec<ProviderHealth> {
        let entries = lock(&self.0.entries);
        let here = entries.iter().filter(|entry| self.is_here(entry));
        here.map(health).collect()
    }

    /// The part of `/readyz` about gateways, which anybody may read: without error texts, since
    /// providers quote internals in theirs. Those are in the provider's status.
    pub fn status(&self) -> Value {
        let entries = lock(&self.0.entries);
        let row = |entry: &Entry| {
            let channel = entry.gateway.as_ref().ok();
            let known = known(entry);
            json!({
                "provider_id": entry.id,
                "type": entry.details.kind.as_str(),
                "active": entry.details.active,
                "reachable": known.reachable,
                "in_flight": known.in_flight,
                "state": channel.map(|channel| channel.load.shown().state.as_str()),
            })
        };
        entries.iter().map(row).collect()
    }
}

/// The health that the adapter reports, or the reason for which there is no adapter.
fn known(entry: &Entry) -> Health {
    match &entry.gateway {
        Ok(channel) => channel.gateway.health(),
        Err(reason) => Health {
            last_error: Some(reason.clone()),
            ..Health::default()
        },
    }
}

fn health(entry: &Entry) -> ProviderHealth {
    let known = known(entry);
    let health = ProviderHealth {
        provider_id: entry.id.get(),
        reachable: known.reachable,
        registered: known.registered,
        last_error: known.last_error,
        in_flight: i32::try_from(known.in_flight).unwrap_or(i32::MAX),
        ..ProviderHealth::default()
    };
    let Ok(channel) = &entry.gateway else {
        return health;
    };
    let number = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
    let Shown {
        state,
        failures,
        started,
        ended,
    } = channel.load.shown();
    let resting_until = match state {
        BreakerState::Open { until } => {
            Some(clock::now() + until.saturating_duration_since(Instant::now()))
        }
        BreakerState::Closed | BreakerState::HalfOpen => None,
    };
    ProviderHealth {
        rate: number(started),
        state: state.as_str(),
        resting_until,
        failures: number(failures),
        ended: ended.map(number),
        ..health
    }
}
