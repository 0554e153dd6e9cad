//! The configuration of all PBXs in the memory of this process, a moment behind the log, and the
//! decisions on calls by it.

mod accounts;
mod state;
#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
    time::Duration,
};

use async_trait::async_trait;
use domain::{
    Id,
    access::Tenant,
    pbx::routing::{Problem, Table, TenantDid, check},
};
use eventstore::{
    Log, Position, Recorded, StoreError,
    subscriber::{Observer, observe, read_on},
};
use tokio::{
    sync::{Semaphore, watch},
    time::Instant,
};

use self::state::{State, TYPES};

/// The longest wait for the configuration to be as new as the log.
const CURRENT_WITHIN: Duration = Duration::from_secs(2);

/// The most checks at a time.
const CHECKS: usize = 2;

/// The configuration of all PBXs. Clones share it.
#[derive(Clone)]
pub struct Routing {
    log: Log,
    state: Arc<RwLock<State>>,
    progress: watch::Receiver<Position>,
    /// The places of checks, each of which reads a whole configuration.
    checks: Arc<Semaphore>,
}

impl Routing {
    /// Reads the events there are, then follows the log.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn start(log: Log) -> Result<Self, StoreError> {
        let state = Arc::<RwLock<State>>::default();
        let (sender, progress) = watch::channel(0);
        let mut following = Following {
            state: Arc::clone(&state),
            progress: sender,
        };
        let position = read_on(&log, &mut following).await?;
        following.reached(position, None);
        tokio::spawn(observe(log.clone(), position, following));
        Ok(Self {
            log,
            state,
            progress,
            checks: Arc::new(Semaphore::new(CHECKS)),
        })
    }

    /// Waits until what is in the log now has been taken in, two seconds at most.
    pub async fn current(&self) {
        let (head, mut progress) = (self.log.head(), self.progress.clone());
        let reached = progress.wait_for(|position| *position >= head);
        // An old answer is better than none.
        let _ = tokio::time::timeout(CURRENT_WITHIN, reached).await;
    }

    /// The configuration of a tenant as it is now; `None` if it has none.
    pub fn table(&self, tenant: Id<Tenant>) -> Option<Arc<Table>> {
        self.read().tables().get(tenant.get()).cloned()
    }

    /// The DID of a number among the tenants that `is_seen` allows, and the configuration of its
    /// tenant.
    pub fn did(
        &self,
        number: &str,
        is_seen: impl Fn(i64) -> bool,
    ) -> Option<(TenantDid, Arc<Table>)> {
        let state = self.read();
        let did = state.tables().did_within(number, is_seen)?;
        Some((did, state.tables().get(did.tenant)?.clone()))
    }

    /// The problems of a tenant's configuration, found outside of the async threads.
    pub async fn problems(&self, tenant: Id<Tenant>) -> Vec<Problem> {
        let Some(table) = self.table(tenant) else {
            return Vec::new();
        };
        let Ok(_turn) = self.checks.acquire().await else {
            return Vec::new();
        };
        let checked = tokio::task::spawn_blocking(move || check(&table)).await;
        checked.unwrap_or_default()
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the configuration up to date.
struct Following {
    state: Arc<RwLock<State>>,
    progress: watch::Sender<Position>,
}

#[async_trait]
impl Observer for Following {
    fn name(&self) -> &'static str {
        "routing"
    }

    fn needs(&self) -> &'static [&'static str] {
        &TYPES
    }

    /// An event that cannot be read leaves its record as it was.
    async fn observe(&mut self, events: &[Arc<Recorded>]) -> Result<(), StoreError> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        events.iter().for_each(|event| state.apply(event));
        Ok(())
    }

    fn reached(&mut self, position: Position, _complete_at: Option<Instant>) {
        self.progress.send_replace(position);
    }
}
