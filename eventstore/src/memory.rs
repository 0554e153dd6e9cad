//! The cache of aggregates between commands.
//!
//! A cached state may be stale, because other processes append too. A decision that appends is
//! safe on it: a stale decision fails on the primary key (optimistic concurrency). A decision
//! that refuses, or emits nothing, must be made again on a fresh load.

use std::{any::Any, collections::HashMap, sync::Arc};

use domain::{Entity, Id};
use quick_cache::{
    DefaultHashBuilder, OptionsBuilder, UnitWeighter,
    sync::{Cache, DefaultLifecycle},
};

use crate::{Loaded, Store, StoreError};

/// The source of a state to decide on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StateSource {
    /// No source: the id was never used, so the aggregate has no history.
    Nothing,
    /// Memory, or the log if the aggregate is not in memory.
    Memory,
    /// The log.
    #[default]
    Log,
}

/// Capacity of the cache, in aggregates.
const MOST: usize = 8_192;
/// The share of the cache for aggregates that more than one command found in it. The rest is
/// for new entries: an attempt that was just queued has to stay until a worker takes it,
/// however many are queued behind it.
const PROVEN: f64 = 0.5;

pub(crate) struct Memory(Cache<(&'static str, i64), Arc<dyn Any + Send + Sync>>);

impl Default for Memory {
    fn default() -> Self {
        let options = OptionsBuilder::new()
            .estimated_items_capacity(MOST)
            .weight_capacity(MOST as u64)
            .hot_allocation(PROVEN)
            .build();
        Self(options.map_or_else(
            // An error means that a size is missing; all are set above.
            |_| Cache::new(MOST),
            |options| {
                Cache::with_options(
                    options,
                    UnitWeighter,
                    DefaultHashBuilder::default(),
                    DefaultLifecycle::default(),
                )
            },
        ))
    }
}

impl Memory {
    fn get<A: Entity>(&self, id: Id<A>) -> Option<Loaded<A>> {
        let known = self.0.get(&(A::TYPE, id.get()))?;
        known.downcast_ref::<Loaded<A>>().cloned()
    }
}

impl Store {
    /// The states of these aggregates from a source; the flag is true for those from memory, which
    /// may be stale. One alone is loaded from its snapshot on.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub async fn load_from<A: Entity>(
        &self,
        ids: &[Id<A>],
        source: StateSource,
    ) -> Result<HashMap<Id<A>, (Loaded<A>, bool)>, StoreError> {
        let fresh = |(id, loaded)| (id, (loaded, false));
        Ok(match (source, ids) {
            (StateSource::Nothing, _) => {
                let unused = ids.iter().map(|&id| (id, Loaded::default()));
                unused.map(fresh).collect()
            }
            (StateSource::Memory, &[id]) => HashMap::from([(id, self.load_cached(id).await?)]),
            (StateSource::Memory, _) => self.load_many_cached(ids).await?,
            (StateSource::Log, &[id]) => HashMap::from([fresh((id, self.load(id).await?))]),
            (StateSource::Log, _) => {
                let loaded = self.load_many(ids).await?;
                loaded.into_iter().map(fresh).collect()
            }
        })
    }

    /// An aggregate from memory, or else from the log; the flag is true if it came from memory.
    async fn load_cached<A: Entity>(&self, id: Id<A>) -> Result<(Loaded<A>, bool), StoreError> {
        match self.0.memory.get(id) {
            Some(known) => Ok((known, true)),
            None => Ok((self.load(id).await?, false)),
        }
    }

    /// Several aggregates, from memory where possible; the flag is true for those from memory.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub async fn load_many_cached<A: Entity>(
        &self,
        ids: &[Id<A>],
    ) -> Result<HashMap<Id<A>, (Loaded<A>, bool)>, StoreError> {
        let mut found = HashMap::with_capacity(ids.len());
        let mut missing = Vec::new();
        for &id in ids {
            match self.0.memory.get(id) {
                Some(known) => drop(found.insert(id, (known, true))),
                None => missing.push(id),
            }
        }
        if !missing.is_empty() {
            for (id, loaded) in self.load_many(&missing).await? {
                self.keep(id, loaded.clone());
                found.insert(id, (loaded, false));
            }
        }
        Ok(found)
    }

    /// Puts an aggregate into memory, except one that never existed: its id may be about to be
    /// used.
    pub(crate) fn keep<A: Entity>(&self, id: Id<A>, loaded: Loaded<A>) {
        if loaded.version > 0 {
            let known = &self.0.memory.0;
            known.insert((A::TYPE, id.get()), Arc::new(loaded));
        }
    }

    /// Removes an aggregate from memory.
    pub fn forget<A: Entity>(&self, id: Id<A>) {
        self.0.memory.0.remove(&(A::TYPE, id.get()));
    }
}
