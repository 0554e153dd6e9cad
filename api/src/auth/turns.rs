//! Turns at hashing passwords: so many at a time, handed out to client networks in rotation.
//!
//! Each hash takes 19 MiB and some fifty milliseconds. In one queue for all a crowd from one
//! network would hold up everybody else; here each network waits behind its own crowd.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::oneshot, time::timeout};

use crate::{Error, Result};

/// The longest wait for a turn; after it the client is told to come back.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The most that wait from one network.
const PER_NETWORK: usize = 512;
/// The most that wait in all.
const IN_ALL: usize = 8_192;
const BUSY: Error = Error::Unavailable("too many logins at once; try again");

/// The network that a hash is for; nothing for what no client asked for.
pub(crate) type Network = Option<IpAddr>;

/// Hands out turns. Clones share them.
#[derive(Clone)]
pub(crate) struct Turns(Arc<Mutex<Queue>>);

struct Queue {
    free: usize,
    waiting: usize,
    /// Networks that somebody waits from, the next one first; each stands here once.
    rotation: VecDeque<Network>,
    lines: HashMap<Network, VecDeque<oneshot::Sender<HashTurn>>>,
}

/// A turn; it ends when it is dropped.
pub(crate) struct HashTurn(Option<Turns>);

impl Turns {
    /// So many at a time.
    pub fn new(at_a_time: usize) -> Self {
        Self(Arc::new(Mutex::new(Queue {
            free: at_a_time.max(1),
            waiting: 0,
            rotation: VecDeque::new(),
            lines: HashMap::new(),
        })))
    }

    /// Waits for a turn.
    pub async fn take(&self, network: Network) -> Result<HashTurn> {
        let turn = match self.lock().enter(network)? {
            None => return Ok(HashTurn(Some(self.clone()))),
            Some(turn) => turn,
        };
        // A turn that comes too late ends with the channel it is in.
        match timeout(TIMEOUT, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(BUSY),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a turn that has ended to the next one.
    fn hand_on(self) {
        let mut turn = HashTurn(Some(self.clone()));
        loop {
            let Some(next) = self.lock().next() else {
                turn.0 = None;
                return;
            };
            match next.send(turn) {
                Ok(()) => return,
                // Gone meanwhile.
                Err(back) => turn = back,
            }
        }
    }
}

impl Queue {
    /// A turn at once, or where to wait for one.
    fn enter(&mut self, network: Network) -> Result<Option<oneshot::Receiver<HashTurn>>> {
        if self.free > 0 {
            self.free -= 1;
            return Ok(None);
        }
        if self.waiting >= IN_ALL {
            self.forget_gone();
        }
        let line = self.lines.entry(network).or_default();
        if line.len() >= PER_NETWORK {
            let before = line.len();
            line.retain(|waiting| !waiting.is_closed());
            self.waiting -= before - line.len();
        }
        if self.waiting >= IN_ALL || line.len() >= PER_NETWORK {
            if line.is_empty() {
                self.lines.remove(&network);
            }
            return Err(BUSY);
        }
        if line.is_empty() {
            self.rotation.push_back(network);
        }
        let (sender, receiver) = oneshot::channel();
        line.push_back(sender);
        self.waiting += 1;
        metrics::gauge!("ledgerline_password_hashes_waiting").set(self.waiting as f64);
        Ok(Some(receiver))
    }

    /// The next waiter of the next network; a free turn more where no one waits.
    fn next(&mut self) -> Option<oneshot::Sender<HashTurn>> {
        while let Some(network) = self.rotation.pop_front() {
            let Some(line) = self.lines.get_mut(&network) else {
                continue;
            };
            let next = line.pop_front();
            if line.is_empty() {
                self.lines.remove(&network);
            } else {
                self.rotation.push_back(network);
            }
            if next.is_some() {
                self.waiting -= 1;
                metrics::gauge!("ledgerline_password_hashes_waiting").set(self.waiting as f64);
                return next;
            }
        }
        self.free += 1;
        None
    }

    /// Forgets those who went away while they waited.
    fn forget_gone(&mut self) {
        for line in self.lines.values_mut() {
            line.retain(|waiting| !waiting.is_closed());
        }
        self.lines.retain(|_, line| !line.is_empty());
        let lines = &self.lines;
        self.rotation.retain(|network| lines.contains_key(network));
        self.waiting = self.lines.values().map(VecDeque::len).sum();
    }
}

impl Drop for HashTurn {
    fn drop(&mut self) {
        if let Some(turns) = self.0.take() {
            turns.hand_on();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures::future::join_all;
    use tokio::time::sleep;

    use super::*;

    const HASH: Duration = Duration::from_millis(50);

    fn network(last: u8) -> Network {
        Some(IpAddr::from([203, 0, 113, last]))
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_holds_up_its_own_network_only() {
        let turns = Turns::new(1);
        let order = Mutex::new(Vec::new());
        let hash = async |last: u8| {
            let turn = turns.take(network(last)).await?;
            sleep(HASH).await;
            order.lock().unwrap().push(last);
            drop(turn);
            Ok::<_, Error>(())
        };
        let crowd = join_all((0..100).map(|_| hash(1)));
        let others = async {
            sleep(Duration::from_millis(1)).await;
            tokio::join!(hash(2), hash(3))
        };
        let (crowd, others) = tokio::join!(crowd, others);
        assert!(crowd.iter().all(Result::is_ok));
        assert!(others.0.is_ok() && others.1.is_ok());
        let order = order.into_inner().unwrap();
        assert_eq!(order[..4], [1, 1, 2, 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_is_bounded_and_ends() {
        let turns = Turns::new(1);
        let held = turns.take(None).await.unwrap();
        let crowd = join_all((0..PER_NETWORK + 10).map(|_| turns.take(network(1))));
        let refused = crowd.await.into_iter().filter(Result::is_err).count();
        assert_eq!(refused, PER_NETWORK + 10);
        // Those who went away take no room.
        let again = async { turns.take(network(1)).await.is_ok() };
        let release = async {
            sleep(HASH).await;
            drop(held);
        };
        assert!(tokio::join!(again, release).0);
        assert!(turns.take(network(2)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_of_who_went_away_is_not_lost() {
        let turns = Turns::new(1);
        for _ in 0..3 {
            let held = turns.take(None).await.unwrap();
            let gone = timeout(HASH, turns.take(network(1))).await;
            assert!(gone.is_err());
            drop(held);
        }
        assert!(turns.take(None).await.is_ok());
    }
}
