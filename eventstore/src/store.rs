//! The store: loads aggregates from the log, and hands out the parts of the event store.
//!
//! Loads of one aggregate go through postgres-es; commits do not, because its `persist` needs
//! one round trip per event, does not return positions, and cannot write claims or make effects
//! in the same transaction.

use std::{collections::HashMap, sync::Arc};

use cqrs_es::persist::{PersistedEventRepository, SerializedEvent};
use domain::{Claim, Entity, Id, values::Sealed};
use postgres_es::PostgresEventRepository;
use sqlx::PgPool;

use crate::{
    Cause, Ids, Loaded, Locks, Log, MasterKey, StoreError, Vault,
    appender::Appender,
    keys::Keys,
    memory::Memory,
    read::{Reader, unreadable},
    snapshots, statement,
    vault::Fingerprints,
};

/// The table expression from which postgres-es reads histories: the log, with the position of each
/// event in its metadata.
const HISTORY: &str = "(select aggregate_type, aggregate_id, sequence, event_type, event_version, \
     payload, metadata::jsonb || jsonb_build_object('position', position) as metadata \
     from events) as history";

/// The event store. One per process; clones share it.
#[derive(Clone)]
pub struct Store(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) pool: PgPool,
    repository: PostgresEventRepository,
    reader: Reader,
    pub(crate) keys: Keys,
    vault: Vault,
    fingerprints: Fingerprints,
    pub(crate) appender: Appender,
    log: Log,
    ids: Ids,
    pub(crate) memory: Memory,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

impl Store {
    /// Opens the store on a migrated database.
    ///
    /// # Errors
    /// When the database does not answer, or the master key is not the one that
    /// this database was sealed with.
    pub async fn open(pool: PgPool, master: &MasterKey) -> Result<Self, StoreError> {
        let vault = Vault::new(master);
        check_master_key(&pool, &vault).await?;
        let keys = Keys::new(pool.clone(), vault.clone());
        let reader = Reader::new(pool.clone(), keys.clone());
        let log = Log::follow(reader.clone()).await?;
        Ok(Self(Arc::new(Inner {
            repository: PostgresEventRepository::new(pool.clone())
                .with_tables(HISTORY, "snapshots"),
            appender: Appender::start(pool.clone(), log.clone()),
            ids: Ids::new(pool.clone()),
            memory: Memory::default(),
            pool,
            reader,
            keys,
            vault,
            fingerprints: Fingerprints::new(master),
            log,
        })))
    }

    /// The log, for reading.
    pub fn log(&self) -> &Log {
        &self.0.log
    }

    /// The locks that this process may hold.
    pub fn locks(&self) -> &Locks {
        self.0.log.locks()
    }

    /// The aggregate that holds a unique name, as of now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn holder_of<A: Entity>(&self, claim: &Claim) -> Result<Option<Id<A>>, StoreError> {
        let holder = statement::holder_of(&self.0.pool, claim).await?;
        Ok(holder.and_then(|holder| id_within(&holder)))
    }

    /// Those of these names that are held in a scope, each with its holder, as of now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn holders_of<A: Entity>(
        &self,
        scope: &str,
        values: &[String],
    ) -> Result<HashMap<String, Id<A>>, StoreError> {
        let found = statement::holders_of(&self.0.pool, scope, values).await?;
        let parsed = |(value, holder): (String, String)| Some((value, id_within(&holder)?));
        Ok(found.into_iter().filter_map(parsed).collect())
    }

    /// A keyed hash that stands for a personal text where it is compared but must not be readable:
    /// equal for equal texts, and useless without the master key.
    pub fn fingerprint(&self, text: &str) -> String {
        self.0.fingerprints.compute(text)
    }

    /// The allocator of ids for new aggregates.
    pub fn ids(&self) -> &Ids {
        &self.0.ids
    }

    /// The vault under the master key.
    pub fn vault(&self) -> &Vault {
        &self.0.vault
    }

    /// The store's connection pool.
    pub fn pool(&self) -> &PgPool {
        &self.0.pool
    }

    /// The present state of an aggregate, read from the log.
    ///
    /// # Errors
    /// When the database does not answer or an event cannot be read.
    pub async fn load<A: Entity>(&self, id: Id<A>) -> Result<Loaded<A>, StoreError> {
        self.load_until(id, u64::MAX).await
    }

    /// The state of an aggregate at sequence `version`, or the present state if that is older.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub async fn load_until<A: Entity>(
        &self,
        id: Id<A>,
        version: u64,
    ) -> Result<Loaded<A>, StoreError> {
        let repository = &self.0.repository;
        let aggregate_id = id.to_string();
        let start = match snapshots::load::<A>(repository, &self.0.keys, id).await? {
            Some(snapshot) if snapshot.version <= version => snapshot,
            _ => Loaded::default(),
        };
        let events = match start.version {
            0 => repository.get_events::<A>(&aggregate_id).await,
            // From the snapshot's own last event on, which may be the last of all.
            from => {
                let before = from.saturating_sub(1) as usize;
                repository.get_last_events::<A>(&aggregate_id, before).await
            }
        };
        let events = self.0.reader.open_all(events?).await?;
        let wanted = events
            .into_iter()
            .take_while(|event| event.sequence as u64 <= version);
        fold(start, wanted.collect())
    }

    /// The present states of several aggregates, read from the log with one query. Aggregates that
    /// never existed are included, at version 0.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub async fn load_many<A: Entity>(
        &self,
        ids: &[Id<A>],
    ) -> Result<HashMap<Id<A>, Loaded<A>>, StoreError> {
        let unused = ids.iter().map(|&id| (id, Loaded::default()));
        let mut loaded: HashMap<Id<A>, Loaded<A>> = unused.collect();
        let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let sql = format!(
            "select aggregate_id, sequence, event_type, event_version, payload, metadata \
             from {HISTORY} \
             where aggregate_type = $1 and aggregate_id = any($2) order by aggregate_id, sequence"
        );
        let rows = sqlx::query_as(&sql).bind(A::TYPE).bind(names);
        let rows: Vec<StoredEvent> = rows.fetch_all(&self.0.pool).await?;
        let events = rows.into_iter().map(StoredEvent::serialized::<A>).collect();
        let mut events = self.0.reader.open_all(events).await?.into_iter().peekable();
        while let Some(event) = events.next() {
            let goes_on = |next: &SerializedEvent| next.aggregate_id == event.aggregate_id;
            let last = if events.peek().is_some_and(goes_on) {
                None
            } else {
                Cause::stored(&event)
            };
            let id = event.aggregate_id.parse::<Id<A>>();
            let id = id.map_err(|_| unreadable(&event, "its id is no number"))?;
            if let Some(entry) = loaded.get_mut(&id) {
                apply(entry, event)?;
                entry.last = last;
            }
        }
        Ok(loaded)
    }

    /// Caches the keys of these aggregates, reading those not yet cached with one query.
    ///
    /// # Errors
    /// When the database does not answer, or a key cannot be opened.
    pub async fn warm_keys<A: Entity>(&self, ids: &[Id<A>]) -> Result<(), StoreError> {
        let subjects: Vec<_> = ids.iter().map(|id| id.subject()).collect();
        self.0.keys.read(subjects).await.map(drop)
    }
}

/// Puts a sealed text into a new database, and opens the stored one: with a wrong key all would
/// otherwise seem to work until the first secret is read.
async fn check_master_key(pool: &PgPool, vault: &Vault) -> Result<(), StoreError> {
    const CONTEXT: &str = "master_key_check";
    let sealed = vault.seal(CONTEXT, b"Ledgerline")?;
    sqlx::query("insert into master_key_check (sealed) values ($1) on conflict do nothing")
        .bind(sealed.as_str())
        .execute(pool)
        .await?;
    let kept: String = sqlx::query_scalar("select sealed from master_key_check")
        .fetch_one(pool)
        .await?;
    vault
        .open(CONTEXT, &Sealed::new(kept))
        .map(|_| ())
        .map_err(|_| StoreError::OtherMasterKey)
}

#[derive(sqlx::FromRow)]
struct StoredEvent {
    aggregate_id: String,
    sequence: i64,
    event_type: String,
    event_version: String,
    payload: serde_json::Value,
    metadata: serde_json::Value,
}

impl StoredEvent {
    fn serialized<A: Entity>(self) -> SerializedEvent {
        SerializedEvent {
            aggregate_id: self.aggregate_id,
            sequence: usize::try_from(self.sequence).unwrap_or_default(),
            aggregate_type: A::TYPE.to_owned(),
            event_type: self.event_type,
            event_version: self.event_version,
            payload: self.payload,
            metadata: self.metadata,
        }
    }
}

/// Applies events to a state, which may know the first of them already.
fn fold<A: Entity>(
    mut loaded: Loaded<A>,
    events: Vec<SerializedEvent>,
) -> Result<Loaded<A>, StoreError> {
    loaded.last = events.last().and_then(Cause::stored);
    for event in events {
        if event.sequence as u64 > loaded.version {
            apply(&mut loaded, event)?;
        }
    }
    Ok(loaded)
}

fn apply<A: Entity>(loaded: &mut Loaded<A>, event: SerializedEvent) -> Result<(), StoreError> {
    let sequence = event.sequence as u64;
    let payload = serde_json::from_value(event.payload.clone());
    let payload = payload.map_err(|error| unreadable(&event, &error.to_string()))?;
    loaded.aggregate.apply(payload);
    loaded.version = sequence;
    Ok(())
}

/// The id in a claim's holder, which is written `schedule/12`.
fn id_within<A: Entity>(holder: &str) -> Option<Id<A>> {
    let (kind, id) = holder.split_once('/')?;
    if kind != A::TYPE {
        return None;
    }
    id.parse().ok()
}
