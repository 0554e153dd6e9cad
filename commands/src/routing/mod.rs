//! The configuration of all PBXs in the memory of this process, a moment behind the log, and the
//! decisions on calls by it.

mod accounts;
mod state;

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use async_trait::async_trait;
use domain::{
    Id,
    access::Tenant,
    pbx::routing::{Table, Tables},
};
use eventstore::{
    Log, Position, Recorded, StoreError,
    subscriber::{Observer, observe, read_on},
};
use tokio::{sync::watch, time::Instant};

use self::state::{State, TYPES};

/// The longest wait for the configuration to be as new as the log.
const CURRENT_WITHIN: Duration = Duration::from_secs(2);

/// The configuration of all PBXs. Clones share it.
#[derive(Clone)]
pub struct Routing {
    log: Log,
    state: Arc<RwLock<State>>,
    progress: watch::Receiver<Position>,
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
        })
    }

    /// Waits until what is in the log now has been taken in, two seconds at most.
    pub async fn current(&self) {
        let (head, mut progress) = (self.log.head(), self.progress.clone());
        let reached = progress.wait_for(|position| *position >= head);
        // An old answer is better than none.
        let _ = tokio::time::timeout(CURRENT_WITHIN, reached).await;
    }

    /// Decides by the configuration of a tenant; `None` if it has none. `decide` must be short.
    pub fn with<T>(&self, tenant: Id<Tenant>, decide: impl FnOnce(&Table) -> T) -> Option<T> {
        self.look(|tables| tables.get(tenant.get()).map(decide))
    }

    /// Decides by the configuration of all tenants. `decide` must be short.
    pub fn look<T>(&self, decide: impl FnOnce(&Tables) -> T) -> T {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        decide(state.tables())
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
