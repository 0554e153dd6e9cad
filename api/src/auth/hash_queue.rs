//! The queue for hashing passwords: a bounded number at a time, client networks in rotation.
//!
//! Each hash takes 19 MiB and some fifty milliseconds.

use std::{net::IpAddr, time::Duration};

use fair_turns::{Bounds, Turn};

use crate::{Error, Result};

/// Time limit of waiting for a turn, then 503.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bound on the hashes that wait from one network.
const PER_NETWORK: usize = 512;
/// Bound on the hashes that wait in all.
const IN_ALL: usize = 8_192;
const BUSY: Error = Error::Unavailable("too many logins at once; try again");

/// The network of the client that a hash is for; `None` for a hash that no client asked for.
pub(crate) type Network = Option<IpAddr>;

/// The queue of password hashes. Clones share it.
#[derive(Clone)]
pub(crate) struct HashQueue(fair_turns::Turns<Network>);

impl HashQueue {
    /// A queue that admits this many hashes at a time.
    pub fn new(at_a_time: usize) -> Self {
        Self(fair_turns::Turns::new(Bounds {
            at_once: at_a_time,
            at_once_per_key: at_a_time,
            waiting_per_key: PER_NETWORK,
            waiting: IN_ALL,
            timeout: TIMEOUT,
            gauge: "ledgerline_password_hashes_waiting",
        }))
    }

    /// Waits for the turn of one hash.
    pub async fn take(&self, network: Network) -> Result<Turn<Network>> {
        self.0.take(network).await.map_err(|_| BUSY)
    }
}
