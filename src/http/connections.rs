//! Open connections: their number in all and from each network, and the order in which they became
//! idle.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// The limits on open connections.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// The most connections in all.
    pub all: usize,
    /// The most connections from one network, loopback excepted; `None` if every peer is a proxy.
    pub per_network: Option<usize>,
}

/// The open connections of a listener. Clones share them.
#[derive(Clone)]
pub struct Connections(Arc<Shared>);

struct Shared {
    /// The listener's name in metrics.
    name: &'static str,
    limits: ConnectionLimits,
    table: Mutex<Table>,
    closed: Notify,
}

#[derive(Default)]
struct Table {
    open: HashMap<u64, Open>,
    networks: HashMap<IpAddr, Network>,
    /// Connections without a request under way, the one that has been idle longest first: their ids
    /// by the tick at which they became idle.
    idle: BTreeMap<u64, u64>,
    ticks: u64,
}

/// The connections from one network.
#[derive(Default)]
struct Network {
    open: usize,
    idle: BTreeMap<u64, u64>,
}

struct Open {
    network: Option<IpAddr>,
    idle_since: Option<u64>,
    shed: CancellationToken,
}

/// A place among the open connections, which becomes free when this is dropped.
pub struct Place {
    id: u64,
    shared: Arc<Shared>,
    shed: CancellationToken,
}

/// A request under way on a connection, which is idle again when this is dropped.
pub struct Busy(Arc<Place>);

impl Connections {
    /// An empty table with these limits.
    pub fn new(name: &'static str, limits: ConnectionLimits) -> Self {
        let table = Mutex::default();
        let closed = Notify::new();
        Self(Arc::new(Shared {
            name,
            limits,
            table,
            closed,
        }))
    }

    /// A place for a connection from this address. If there is none left, the connection that has
    /// been idle longest is closed for it; `None` if no connection is idle.
    pub fn admit(&self, address: IpAddr) -> Option<Place> {
        let shared = &self.0;
        let network = shared.limited_network(address);
        let mut table = shared.lock();
        let has_room = shared.make_room(&mut table, network);
        if !has_room {
            drop(table);
            metrics::counter!("ledgerline_http_connections_refused_total", "listener" => shared.name)
                .increment(1);
            return None;
        }
        let place = Place {
            id: table.tick(),
            shared: Arc::clone(shared),
            shed: CancellationToken::new(),
        };
        table.insert(&place, network);
        shared.show(&table);
        Some(place)
    }

    /// Closes the connection that has been idle longest, and waits until any connection is closed,
    /// for the time `within` at most.
    pub async fn shed_one(&self, within: Duration) {
        let closed = self.0.closed.notified();
        tokio::pin!(closed);
        closed.as_mut().enable();
        let shed = self.0.lock().shed(None);
        self.0.count_shed(shed);
        let _ = tokio::time::timeout(within, closed).await;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The network that a connection counts for, where connections are limited by it.
    fn limited_network(&self, address: IpAddr) -> Option<IpAddr> {
        let address = address.to_canonical();
        let is_limited = self.limits.per_network.is_some() && !address.is_loopback();
        is_limited.then(|| api::network(address))
    }

    /// True if there is room for one more connection, after closing one if there was none.
    fn make_room(&self, table: &mut Table, network: Option<IpAddr>) -> bool {
        if let (Some(limit), Some(network)) = (self.limits.per_network, network)
            && table
                .networks
                .get(&network)
                .is_some_and(|it| it.open >= limit)
        {
            let shed = table.shed(Some(network));
            self.count_shed(shed);
            if !shed {
                return false;
            }
        }
        if table.open.len() < self.limits.all {
            return true;
        }
        let shed = table.shed(None);
        self.count_shed(shed);
        shed
    }

    fn count_shed(&self, shed: bool) {
        metrics::counter!("ledgerline_http_connections_shed_total", "listener" => self.name)
            .increment(shed.into());
    }

    fn show(&self, table: &Table) {
        metrics::gauge!("ledgerline_http_connections", "listener" => self.name)
            .set(table.open.len() as f64);
    }
}

impl Table {
    fn tick(&mut self) -> u64 {
        self.ticks += 1;
        self.ticks
    }

    fn insert(&mut self, place: &Place, network: Option<IpAddr>) {
        if let Some(network) = network {
            self.networks.entry(network).or_default().open += 1;
        }
        let open = Open {
            network,
            idle_since: None,
            shed: place.shed.clone(),
        };
        self.open.insert(place.id, open);
        self.set_idle(place.id, true);
    }

    fn set_idle(&mut self, id: u64, idle: bool) {
        let now = self.tick();
        let Some(open) = self.open.get_mut(&id) else {
            return;
        };
        let network = open.network.and_then(|it| self.networks.get_mut(&it));
        let lists = [Some(&mut self.idle), network.map(|it| &mut it.idle)];
        let before = open.idle_since.take();
        open.idle_since = idle.then_some(now);
        for list in lists.into_iter().flatten() {
            if let Some(since) = before {
                list.remove(&since);
            }
            if let Some(since) = open.idle_since {
                list.insert(since, id);
            }
        }
    }

    fn remove(&mut self, id: u64) -> Option<Open> {
        self.set_idle(id, false);
        let open = self.open.remove(&id)?;
        if let Some(network) = open.network
            && let Some(counted) = self.networks.get_mut(&network)
        {
            counted.open -= 1;
            if counted.open == 0 {
                self.networks.remove(&network);
            }
        }
        Some(open)
    }

    /// Closes the connection that has been idle longest, of this network or of all; true if there
    /// was one.
    fn shed(&mut self, network: Option<IpAddr>) -> bool {
        let idle = match network {
            Some(network) => self.networks.get(&network).map(|it| &it.idle),
            None => Some(&self.idle),
        };
        let longest = idle.and_then(|idle| idle.values().next().copied());
        let open = longest.and_then(|id| self.remove(id));
        open.map(|open| open.shed.cancel()).is_some()
    }
}

impl Place {
    /// Notes that a request is under way.
    pub fn begin(self: &Arc<Self>) -> Busy {
        self.shared.lock().set_idle(self.id, false);
        Busy(Arc::clone(self))
    }

    /// Cancelled when the connection is to be closed to make room.
    pub fn shed(&self) -> &CancellationToken {
        &self.shed
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.shared.lock();
        table.remove(self.id);
        self.shared.show(&table);
        drop(table);
        self.shared.closed.notify_waiters();
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.shared.lock().set_idle(self.0.id, true);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use tokio::time::Instant;

    use super::*;

    fn limited(all: usize, per_network: usize) -> Connections {
        let per_network = Some(per_network);
        Connections::new("test", ConnectionLimits { all, per_network })
    }

    fn from(connections: &Connections, address: &str) -> Option<Arc<Place>> {
        connections.admit(address.parse().unwrap()).map(Arc::new)
    }

    fn is_shed(place: &Option<Arc<Place>>) -> bool {
        place.as_ref().unwrap().shed().is_cancelled()
    }

    #[test]
    fn the_connection_that_is_idle_longest_makes_room() {
        let connections = limited(3, 3);
        let places = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(|it| from(&connections, it));
        // The first one was idle first, but has had a request since.
        drop(places[0].as_ref().unwrap().begin());
        let fourth = from(&connections, "192.0.2.4");
        assert_eq!(places.each_ref().map(is_shed), [false, true, false]);
        let fifth = from(&connections, "192.0.2.5");
        assert!(fourth.is_some() && fifth.is_some());
        assert_eq!(places.each_ref().map(is_shed), [false, true, true]);
    }

    #[test]
    fn a_connection_is_refused_only_where_none_is_idle() {
        let connections = limited(2, 2);
        let places = ["192.0.2.1", "192.0.2.2"].map(|it| from(&connections, it));
        let busy = places.each_ref().map(|it| it.as_ref().unwrap().begin());
        assert!(from(&connections, "192.0.2.3").is_none());
        drop(busy);
        assert!(from(&connections, "192.0.2.3").is_some());
    }

    #[test]
    fn a_network_sheds_its_own_connections() {
        let connections = limited(10, 2);
        let other = from(&connections, "192.0.2.1");
        let own = ["2001:db8::1", "2001:db8::2"].map(|it| from(&connections, it));
        let busy = own[0].as_ref().unwrap().begin();
        assert!(from(&connections, "2001:db8::3").is_some());
        assert_eq!(own.each_ref().map(is_shed), [false, true]);
        assert!(!is_shed(&other));
        drop(busy);
        assert!(from(&connections, "2001:db8:0:1::1").is_some());
        assert!(!is_shed(&own[0]), "another network");
    }

    #[test]
    fn loopback_and_proxies_are_limited_in_all_only() {
        let connections = limited(3, 1);
        for address in ["127.0.0.1", "127.0.0.1", "::ffff:127.0.0.1"] {
            std::mem::forget(from(&connections, address));
        }
        assert_eq!(connections.0.lock().open.len(), 3);
        let behind_proxy = ConnectionLimits {
            all: 3,
            per_network: None,
        };
        let connections = Connections::new("test", behind_proxy);
        let places = ["192.0.2.1"; 3].map(|it| from(&connections, it));
        assert!(!places.iter().any(is_shed));
    }

    #[test]
    fn nothing_is_left_of_connections_that_ended() {
        let connections = limited(2, 1);
        for _ in 0..10 {
            let place = from(&connections, "192.0.2.1");
            drop(place.unwrap().begin());
        }
        let table = connections.0.lock();
        assert!(table.open.is_empty() && table.networks.is_empty() && table.idle.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn shedding_waits_until_the_connection_is_closed() {
        let connections = limited(2, 2);
        let place = from(&connections, "192.0.2.1").unwrap();
        let shed = place.shed().clone();
        let started = Instant::now();
        let mut shedding = pin!(connections.shed_one(Duration::from_secs(60)));
        tokio::select! {
            biased;
            () = &mut shedding => panic!("the connection is open"),
            () = shed.cancelled() => drop(place),
        }
        shedding.await;
        assert_eq!(started.elapsed(), Duration::ZERO);
    }
}
