//! A database with a log, and subscribers that follow it.

use std::{sync::Arc, time::Duration};

use domain::{Entity, Id};
use eventstore::{
    Log, MasterKey, Metadata, Position, Store,
    database::{connect, migrate},
    subscriber::{HighWaterMarks, Subscriber, SubscriberStatus, Subscribers},
};
use sqlx::PgPool;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::ScratchPostgres;

/// Time limit of a wait, enough for a busy machine.
const LONG: Duration = Duration::from_secs(180);

/// A scratch database with its schema and a log.
pub struct ScratchLog {
    postgres: ScratchPostgres,
    /// Connections to the database.
    pub pool: PgPool,
    /// The store over them.
    pub store: Store,
}

impl ScratchLog {
    /// Starts a server, and opens an empty log on it.
    pub async fn open() -> Self {
        let postgres = ScratchPostgres::start().await;
        let pool = connect(postgres.connect_options(), 12).await.unwrap();
        migrate(&pool).await.unwrap();
        let store = Self::another_store(&pool).await;
        Self {
            postgres,
            pool,
            store,
        }
    }

    /// A store as another process would have it.
    pub async fn another_store(pool: &PgPool) -> Store {
        Store::open(pool.clone(), &MasterKey::new([7; 32]))
            .await
            .unwrap()
    }

    /// Stops the server.
    pub async fn close(self) {
        self.postgres.stop().await;
    }

    /// The log.
    pub fn log(&self) -> &Log {
        self.store.log()
    }

    /// Appends events of an aggregate behind those that it has, and answers the last position.
    pub async fn append<A: Entity>(
        &self,
        id: i64,
        events: impl IntoIterator<Item = A::Event>,
    ) -> Position {
        let events: Vec<_> = events.into_iter().collect();
        let id = Id::<A>::new(id);
        let loaded = self.store.load(id).await.unwrap();
        let before = loaded.before();
        let mut aggregate = loaded.aggregate;
        for event in &events {
            aggregate.apply(event.clone());
        }
        let prepared = self.store.prepare(id, before, aggregate, events).await;
        let commits = vec![prepared.unwrap()];
        let committed = self
            .store
            .commit(commits, Metadata::default(), vec![])
            .await;
        committed
            .unwrap()
            .last()
            .and_then(|committed| committed.position)
            .unwrap()
    }

    /// The text that a query answers.
    pub async fn text(&self, sql: &str) -> Option<String> {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }

    /// The number that a query answers.
    pub async fn number(&self, sql: &str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }
}

/// Running subscribers of one process.
pub struct Following {
    subscribers: Subscribers,
    /// The positions that they have reached.
    pub high_water_marks: HighWaterMarks,
    stop: CancellationToken,
}

impl Following {
    /// Starts them, with this many connections.
    pub fn start(log: &Log, subscribers: Vec<Arc<dyn Subscriber>>, lanes: usize) -> Self {
        let high_water_marks = HighWaterMarks::new(log.clone(), &subscribers);
        let stop = CancellationToken::new();
        let subscribers = Subscribers::start(log, subscribers, lanes, &high_water_marks, &stop);
        Self {
            subscribers,
            high_water_marks,
            stop,
        }
    }

    /// Waits until those that follow this aggregate type have reached a position.
    pub async fn reached(&self, aggregate_type: &str, position: Position) {
        assert!(
            self.high_water_marks
                .wait_for(aggregate_type, position, LONG)
                .await
        );
    }

    /// Waits until all have reached a position, also those that answers to clients do not wait for.
    pub async fn all_reached(&self, position: Position) {
        let deadline = Instant::now() + LONG;
        let behind = |it: &SubscriberStatus| it.position < position;
        while self
            .high_water_marks
            .lag()
            .await
            .unwrap()
            .iter()
            .any(behind)
        {
            assert!(Instant::now() < deadline);
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Stops them, and waits for that.
    pub async fn stop(self) {
        self.stop.cancel();
        self.subscribers.ended().await;
    }
}
