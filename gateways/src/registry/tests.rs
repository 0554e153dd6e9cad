//! The choice among providers that misbehave by a seeded script, on a clock that only the
//! test moves.

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use dispatch::{
    capacity::Held,
    circuit_breaker::{BreakerState, LONGEST_OPEN, UNREACHED},
};
use domain::{FIRST_TENANT, delivery::Outcome, flow::Service};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use testkit::ScratchLog;
use tokio::time::{Instant, advance};

use super::*;
use crate::{Ended, Health, Report, Session, Spool};

const CHANNELS: usize = 8;
const SINGLE: (Service, bool) = (Service::Email, false);

/// An adapter that sends nothing: the script decides the outcomes.
struct Scripted;

#[async_trait]
impl Gateway for Scripted {
    async fn attempt(&self, _: &Spool, session: &dyn Session) -> Ended {
        match session.started().await {
            Ok(()) => Ended::Reported(report(Outcome::Delivered, true)),
            Err(_) => Ended::NotOurs,
        }
    }

    fn channels(&self) -> usize {
        CHANNELS
    }

    fn health(&self) -> Health {
        Health::default()
    }
}

fn report(outcome: Outcome, connected: bool) -> Report {
    Report {
        outcome,
        response: String::new(),
        connected,
        results: Vec::new(),
    }
}

fn details(weight: i32) -> ProviderDetails {
    let details = serde_json::json!({
        "name": "scripted", "kind": "sandbox", "service_flag": 15, "gateway_flag": 128,
        "settings": {}, "register": false, "weight": weight, "active": true,
    });
    serde_json::from_value(details).unwrap()
}

/// A registry of scripted providers, by weight. The database only serves to open a store.
async fn registry(weights: &[i32]) -> Registry {
    let log = ScratchLog::open().await;
    let store = log.store.clone();
    log.pool.close().await;
    log.close().await;
    tokio::time::pause();

    let registry = Registry(Arc::new(Inner {
        store,
        installation: Installation {
            addresses: crate::callbacks::Addresses::new("http://localhost", vec![].into()),
            domain: "example.com".to_owned(),
            tag_key: vec![0].into(),
            node_id: None,
            networks: crate::network::ProviderNetworks::default(),
        },
        endpoints: Endpoints::default(),
        entries: Mutex::default(),
        pools: Mutex::default(),
        inbox: OnceLock::new(),
        short: Arc::new(Notify::new()),
    }));
    for (place, weight) in weights.iter().enumerate() {
        let id = Id::new(place as i64 + 1);
        let lines = Lines::new();
        lines.resize(CHANNELS);
        let channel = Channel {
            provider: id,
            gateway: Arc::new(Scripted),
            permits: Permits::new(CHANNELS, Arc::clone(&registry.0.short)),
            lines,
            seats: lock(&registry.0.pools).seats(None),
            load: Arc::default(),
            rate_limit: None,
        };
        lock(&registry.0.entries).push(Entry {
            id,
            details: details(*weight),
            gateway: Ok(channel),
            credit: 0.0,
        });
    }
    registry
}

/// Picks `times` times, with each attempt delivered; returns the picks by provider.
fn picked(registry: &Registry, times: usize) -> HashMap<i64, usize> {
    let mut counts = HashMap::new();
    for _ in 0..times {
        let (channel, trial) = registry.pick(FIRST_TENANT, SINGLE, None, &[]).unwrap();
        trial.started();
        trial.ended(&report(Outcome::Delivered, true));
        *counts.entry(channel.provider.get()).or_default() += 1;
    }
    counts
}

fn fail(registry: &Registry, provider: i64, times: u32) {
    let others: Vec<i64> = (1..=9).filter(|id| *id != provider).collect();
    for _ in 0..times {
        let (channel, trial) = registry.pick(FIRST_TENANT, SINGLE, None, &others).unwrap();
        assert_eq!(channel.provider.get(), provider);
        trial.ended(&report(Outcome::Unavailable, false));
    }
}

#[tokio::test]
async fn shares_are_exact_among_those_that_do_not_rest() {
    let registry = registry(&[10, 20, 20]).await;
    assert_eq!(
        picked(&registry, 400),
        [(1, 200), (2, 100), (3, 100)].into()
    );
    assert!(
        registry.elsewhere(FIRST_TENANT, (Service::Email, None), &[3], Id::new(1)),
        "the second is left"
    );
    assert!(
        !registry.elsewhere(FIRST_TENANT, (Service::Email, None), &[2, 3], Id::new(1)),
        "all were tried"
    );

    fail(&registry, 2, UNREACHED);
    assert!(
        !registry.elsewhere(FIRST_TENANT, (Service::Email, None), &[3], Id::new(1)),
        "it rests"
    );
    let counts = picked(&registry, 300);
    assert_eq!(counts.get(&2), None);
    assert!(counts[&1].abs_diff(200) <= 1, "{counts:?}");

    fail(&registry, 1, UNREACHED);
    fail(&registry, 3, UNREACHED);
    let until = registry
        .pick(FIRST_TENANT, SINGLE, None, &[])
        .map(drop)
        .unwrap_err();
    assert!(until.unwrap() > Instant::now(), "none is used up meanwhile");
    assert_eq!(registry.services(), Vec::<i32>::new());

    advance(Duration::from_secs(5)).await;
    let (_, probe) = registry.pick(FIRST_TENANT, SINGLE, None, &[]).unwrap();
    drop(probe);
    let probes: Vec<_> = (0..3)
        .map(|_| registry.pick(FIRST_TENANT, SINGLE, None, &[]).unwrap())
        .collect();
    assert!(
        registry.pick(FIRST_TENANT, SINGLE, None, &[]).is_err(),
        "one probe for each"
    );
    for (_, probe) in &probes {
        probe.ended(&report(Outcome::Delivered, true));
    }
    drop(probes);
    let counts = picked(&registry, 400);
    assert!(counts[&1].abs_diff(200) <= 1, "{counts:?}");
}

#[tokio::test]
async fn jobs_under_a_rate_are_claimed_as_they_can_start() {
    let registry = registry(&[10]).await;
    {
        let mut entries = lock(&registry.0.entries);
        entries[0].details.rate_limit = Some(5);
    }
    let flags: Vec<i32> = Service::ALL.map(Service::flag).to_vec();
    assert_eq!(registry.services(), Vec::<i32>::new());
    let rationed = registry.rationed();
    assert_eq!(
        rationed,
        flags.iter().map(|it| (*it, 5)).collect::<Vec<_>>()
    );
    let (_, waiting) = registry.pick(FIRST_TENANT, SINGLE, None, &[]).unwrap();
    assert_eq!(registry.rationed()[0].1, 4);
    waiting.started();
    assert_eq!(registry.rationed()[0].1, 5);
    waiting.too_many(Instant::now() + Duration::from_secs(2));
    assert!(registry.rationed().is_empty() && !registry.is_open(Service::Email));
    advance(Duration::from_secs(2)).await;
    assert!(registry.is_open(Service::Email));
}

fn channel_state(registry: &Registry, place: usize) -> BreakerState {
    let entries = lock(&registry.0.entries);
    let channel = entries[place].gateway.as_ref();
    channel.map(|channel| channel.load.shown().state).unwrap()
}

/// Takes so many seats for attempts of campaigns (`bulk`) or others of a tenant.
fn seated(registry: &Registry, tenant: i64, bulk: bool, count: usize) -> Vec<(Channel, Trial)> {
    let lane = (Service::Email, bulk);
    let pick = |_| registry.pick(Id::new(tenant), lane, None, &[]).unwrap();
    (0..count).map(pick).collect()
}

/// The pause of an attempt of a tenant that finds every provider full.
fn turned_away(registry: &Registry, tenant: i64, bulk: bool) -> Duration {
    let lane = (Service::Email, bulk);
    let picked = registry.pick(Id::new(tenant), lane, None, &[]);
    picked.map(drop).unwrap_err().unwrap() - Instant::now()
}

/// The further attempts that are claimed if so many have picked no provider yet.
fn claimed_for(registry: &Registry, seated: &[(Channel, Trial)], unseated: usize) -> usize {
    let all = seated.len() + unseated;
    let openings = registry.openings(Service::Email, || Held { all, bulk: 0 });
    openings.free.all
}

/// Gives the provider at this place to a tenant.
fn belongs(registry: &Registry, place: usize, tenant: i64) {
    let tenant = Some(Id::new(tenant));
    let seats = lock(&registry.0.pools).seats(tenant);
    let mut entries = lock(&registry.0.entries);
    entries[place].details.tenant_id = tenant;
    entries[place].gateway.as_mut().unwrap().seats = seats;
}

#[tokio::test]
async fn jobs_of_a_full_provider_fail_over_or_wait() {
    let registry = registry(&[10, 10]).await;
    let mut held = seated(&registry, 1, false, 32);
    let of = |id| {
        held.iter()
            .filter(|it| it.0.provider == Id::new(id))
            .count()
    };
    assert_eq!((of(1), of(2)), (16, 16));
    assert_eq!(claimed_for(&registry, &held, 0), 0);
    assert_eq!(turned_away(&registry, 1, false), Duration::from_secs(1));
    assert!(
        turned_away(&registry, 1, false) > Duration::from_secs(1),
        "in order"
    );
    let gone = held
        .iter()
        .position(|it| it.0.provider == Id::new(2))
        .unwrap();
    held.remove(gone);
    held.extend(seated(&registry, 1, false, 1));
    assert_eq!(held.last().unwrap().0.provider, Id::new(2));
    let confidential = registry.pick_confidential(Service::Email, &[]);
    assert!(
        confidential.is_err_and(|until| until.is_none()),
        "these are sandboxes"
    );
    held.clear();
    assert_eq!(claimed_for(&registry, &held, 0), 32);
}

#[tokio::test]
async fn campaigns_leave_seats_to_single_sends() {
    let registry = registry(&[10]).await;
    let bulk = seated(&registry, 1, true, 12);
    assert_eq!(turned_away(&registry, 1, true), Duration::from_secs(1));
    let single = seated(&registry, 1, false, 4);
    assert!(turned_away(&registry, 1, false) > Duration::ZERO);
    drop(bulk);
    assert_eq!(seated(&registry, 1, true, 12).len() + single.len(), 16);
}

#[tokio::test]
async fn a_provider_that_is_full_leaves_claims_to_the_others() {
    let registry = registry(&[10, 10]).await;
    belongs(&registry, 0, 2);
    lock(&registry.0.entries)[1].details.active = false;
    let stalled = seated(&registry, 2, false, 16);
    lock(&registry.0.entries)[1].details.active = true;
    assert_eq!(claimed_for(&registry, &stalled, 0), 16);
    assert_eq!(claimed_for(&registry, &stalled, 10), 6);
    assert_eq!(claimed_for(&registry, &stalled, 15), 0, "not worth a claim");
    let openings = registry.openings(Service::Email, || Held { all: 32, bulk: 0 });
    assert!(openings.undecided);
    let others = seated(&registry, 1, false, 16);
    assert!(others.iter().all(|it| it.0.provider == Id::new(2)));
    drop(stalled);
    assert_eq!(claimed_for(&registry, &others, 0), 16, "for the tenant");
}

#[tokio::test]
async fn the_providers_of_a_tenant_have_a_bound_together() {
    let registry = registry(&[10; 25]).await;
    for place in 0..24 {
        belongs(&registry, place, 2);
    }
    let tenants = seated(&registry, 2, false, 256 + 16);
    let shared = tenants.iter().filter(|it| it.0.provider == Id::new(25));
    assert_eq!(shared.count(), 16, "at the provider of the installation");
    let (first, second) = (
        turned_away(&registry, 2, false),
        turned_away(&registry, 2, false),
    );
    assert!(first < second);
    drop(tenants);
    assert_eq!(claimed_for(&registry, &[], 0), 32);
}

/// Providers go down, defer and come back. A single send never waits behind a campaign, no
/// provider with an open circuit is picked, and in the end all of them work again.
#[tokio::test]
async fn a_script_of_misbehaviour_is_lived_through() {
    let registry = registry(&[10, 15, 40]).await;
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut manner = [0; 3];
    let (mut open, mut rests_until) = (Vec::new(), [Instant::now(); 3]);
    for step in 0..5_000 {
        advance(Duration::from_millis(random.random_range(0..50))).await;
        if step % 200 == 0 {
            manner = [0; 3].map(|_| random.random_range(0..3));
        }
        if let Ok((channel, trial)) = registry.pick(FIRST_TENANT, SINGLE, None, &[]) {
            let at = channel.provider.get() as usize - 1;
            assert!(rests_until[at] <= Instant::now(), "seed {seed}: it rests");
            let bulk = random.random_bool(0.8);
            let permit = channel.permit(Service::Email, bulk);
            let permit = tokio::time::timeout(Duration::from_millis(1), permit);
            if let Ok(permit) = permit.await {
                open.push((at, trial, permit, bulk));
            }
        }
        let of = |at: usize| open.iter().filter(move |it| it.0 == at);
        for at in 0..3 {
            assert!(of(at).count() <= CHANNELS, "seed {seed}");
            let bulk = of(at).filter(|it| it.3).count();
            assert!(bulk < CHANNELS, "seed {seed}: campaigns have them all");
        }
        while open.len() > 6 {
            let (at, trial, ..) = open.swap_remove(random.random_range(0..open.len()));
            let report = match manner[at] {
                0 => report(Outcome::Delivered, true),
                1 => report(Outcome::Unavailable, false),
                _ => report(Outcome::Unavailable, true),
            };
            trial.ended(&report);
            if let BreakerState::Open { until } = channel_state(&registry, at) {
                rests_until[at] = until;
            }
        }
    }
    drop(open);
    advance(LONGEST_OPEN).await;
    let counts = picked(&registry, 260);
    assert_eq!(counts.len(), 3, "seed {seed}: {counts:?}");
    let counts = picked(&registry, 265);
    let whole = 1.0 / 10.0 + 1.0 / 15.0 + 1.0 / 40.0;
    for (provider, weight) in [(1, 10.0), (2, 15.0), (3, 40.0)] {
        let due = 265.0 / weight / whole;
        let off = (counts[&provider] as f64 - due).abs();
        // Less than one pick at either end of the counted period.
        assert!(off < 2.0, "seed {seed}: {counts:?}");
    }
}
