//! Tests on a real Postgres, with events appended to a real log.

mod erasure;
mod following;
mod history;
mod importing;
mod plans;
mod reading;
mod rebuilding;
mod scheduling;

use std::{sync::Arc, time::Duration};

use domain::{Entity, Id};
use eventstore::{
    Before, Log, MasterKey, Metadata, Position, Store,
    database::{connect, migrate},
    subscriber::{HighWaterMarks, Subscriber, SubscriberStatus, Subscribers},
};
use sqlx::PgPool;
use testkit::ScratchPostgres;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::subscribers;

/// Time limit of a wait, enough for a busy machine.
const LONG: Duration = Duration::from_secs(180);

/// Connections for the subscribers of a process.
const LANES: usize = 3;

/// A database with a log.
struct Fixture {
    postgres: ScratchPostgres,
    pool: PgPool,
    store: Store,
}

impl Fixture {
    async fn open() -> Self {
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
    async fn another_store(pool: &PgPool) -> Store {
        Store::open(pool.clone(), &MasterKey::new([7; 32]))
            .await
            .unwrap()
    }

    async fn close(self) {
        self.postgres.stop().await;
    }

    fn log(&self) -> &Log {
        self.store.log()
    }

    async fn append<A: Entity>(
        &self,
        id: i64,
        events: impl IntoIterator<Item = A::Event>,
    ) -> Position {
        append::<A>(&self.store, id, events.into_iter().collect()).await
    }

    fn run(&self) -> Running {
        Running::start(self.log(), subscribers())
    }

    async fn text(&self, sql: &str) -> Option<String> {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }

    async fn number(&self, sql: &str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }
}

async fn append<A: Entity>(store: &Store, id: i64, events: Vec<A::Event>) -> Position {
    let id = Id::<A>::new(id);
    let loaded = store.load(id).await.unwrap();
    let before = Before {
        version: loaded.version,
        claims: loaded.aggregate.claims(),
    };
    let mut aggregate = loaded.aggregate;
    for event in &events {
        aggregate.apply(event.clone());
    }
    let prepared = store.prepare(id, before, aggregate, events).await.unwrap();
    let committed = store
        .commit(vec![prepared], Metadata::default(), vec![])
        .await;
    committed
        .unwrap()
        .last()
        .and_then(|committed| committed.position)
        .unwrap()
}

/// Running subscribers.
struct Running {
    subscribers: Subscribers,
    watermarks: HighWaterMarks,
    stop: CancellationToken,
}

impl Running {
    fn start(log: &Log, subscribers: Vec<Arc<dyn Subscriber>>) -> Self {
        let watermarks = HighWaterMarks::new(log.clone(), &subscribers);
        let stop = CancellationToken::new();
        let subscribers = Subscribers::start(log, subscribers, LANES, &watermarks, &stop);
        Self {
            subscribers,
            watermarks,
            stop,
        }
    }

    async fn reached(&self, aggregate_type: &str, position: Position) {
        assert!(
            self.watermarks
                .wait_for(aggregate_type, position, LONG)
                .await
        );
    }

    /// Waits until all subscribers have reached a position.
    async fn all_reached(&self, position: Position) {
        let deadline = tokio::time::Instant::now() + LONG;
        let behind = |it: &SubscriberStatus| it.position < position;
        while self.watermarks.lag().await.unwrap().iter().any(behind) {
            assert!(tokio::time::Instant::now() < deadline);
            sleep(Duration::from_millis(5)).await;
        }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.subscribers.ended().await;
    }
}
