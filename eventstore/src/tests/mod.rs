//! The event store on a real Postgres: guarantees that hold with concurrent writers.

mod honesty;
mod locks;
mod memory;

use std::{collections::BTreeSet, time::Duration};

use cqrs_es::event_sink::EventSink;
use domain::{
    Entity, Event, Id, Patch,
    access::{Session, SessionEvent},
    people::{Account, AccountCommand, AccountEvent, AccountKind, AccountPatch},
};
use sqlx::PgPool;
use testkit::ScratchPostgres;
use tokio::time::timeout;

use crate::{
    Before, Effect, EffectKind, Late, LateEffect, Loaded, MasterKey, Metadata, StateSource, Store,
    StoreError, database, random_id,
};

/// Time limit of a wait, enough for a busy machine.
const LONG: Duration = Duration::from_secs(180);
const WRITERS: i64 = 16;
const EACH: i64 = 60;

/// A Postgres for one test.
struct Scratch {
    postgres: ScratchPostgres,
}

impl Scratch {
    async fn start() -> Self {
        let postgres = ScratchPostgres::start().await;
        let scratch = Self { postgres };
        database::migrate(&scratch.pool().await).await.unwrap();
        scratch
    }

    async fn pool(&self) -> PgPool {
        database::connect(self.postgres.connect_options(), 8)
            .await
            .unwrap()
    }

    /// A store with its own pool, as in another process.
    async fn store(&self) -> Store {
        Store::open(self.pool().await, &MasterKey::new([1; 32]))
            .await
            .unwrap()
    }

    async fn stop(self) {
        self.postgres.stop().await;
    }
}

/// Appends one event to a session that no other test code writes to.
async fn append(store: &Store, id: i64) -> Result<(), StoreError> {
    append_with(store, id, Metadata::default()).await
}

async fn append_with(store: &Store, id: i64, metadata: Metadata) -> Result<(), StoreError> {
    let id: Id<Session> = Id::new(id);
    let event = SessionEvent::SessionRevoked {
        user: Id::new(1),
        expires_at: crate::clock::now(),
    };
    let prepared = store
        .prepare(id, Before::default(), Session::default(), vec![event])
        .await?;
    store
        .commit(vec![prepared], metadata, vec![])
        .await
        .map(|_| ())
}

fn account(username: &str) -> AccountCommand {
    AccountCommand::Create {
        id: Id::new(1),
        owner: domain::Owner::in_first_tenant(Id::new(1)),
        patch: AccountPatch {
            username: Patch::Set(username.parse().unwrap()),
            kind: Patch::Set(AccountKind::Account),
            ..AccountPatch::default()
        },
        assigned: Vec::new(),
    }
}

async fn carry_out<A: Entity>(
    store: &Store,
    id: i64,
    command: A::Command,
    source: StateSource,
) -> Result<(), String> {
    let id = Id::<A>::new(id);
    let done = async {
        let (state, _) = store.load_from(&[id], source).await?.remove(&id).unwrap();
        let (mut aggregate, sink) = (state.aggregate.clone(), EventSink::default());
        let decided = aggregate.handle(command, &(), &sink).await;
        decided.unwrap_or_else(|refused| panic!("{refused}"));
        let events = sink.collect().await;
        let prepared = store.prepare(id, state.before(), aggregate, events).await?;
        let committed = store.commit(vec![prepared], Metadata::default(), vec![]);
        committed.await.map(drop)
    };
    done.await.map_err(|error: StoreError| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribers_miss_nothing_whoever_writes() {
    let scratch = Scratch::start().await;
    let (one, other) = (scratch.store().await, scratch.store().await);
    let mut subscriptions = [one.log().subscribe(0), other.log().subscribe(0)];
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let store = if writer % 2 == 0 {
                one.clone()
            } else {
                other.clone()
            };
            tokio::spawn(async move {
                for number in 0..EACH {
                    append(&store, writer * EACH + number + 1).await.unwrap();
                }
            })
        })
        .collect();
    for subscription in &mut subscriptions {
        let mut seen = BTreeSet::new();
        let mut last = 0;
        while (seen.len() as i64) < WRITERS * EACH {
            let events = timeout(LONG, subscription.next()).await;
            for event in events.expect("an event is missing").unwrap() {
                assert!(event.position > last, "{} after {last}", event.position);
                last = event.position;
                assert!(seen.insert(event.aggregate_id));
            }
        }
    }
    for writer in writers {
        writer.await.unwrap();
    }
    scratch.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_stalls_in_a_transaction_hides_nothing() {
    let scratch = Scratch::start().await;
    let store = scratch.store().await;
    let pool = scratch.pool().await;
    let mut stalled = pool.begin().await.unwrap();
    sqlx::query(
        "insert into events (aggregate_type, aggregate_id, sequence, event_type, event_version, \
           payload, metadata, occurred_at, commit_id) \
         values ('session', '1', 1, 'SessionRevoked', '1.0.0', $1, '{}', now(), gen_random_uuid())",
    )
    .bind(serde_json::json!({"SessionRevoked": {"user": 1, "expires_at": "2030-01-01T00:00:00Z"}}))
    .execute(&mut *stalled)
    .await
    .unwrap();
    let mut subscription = store.log().subscribe(0);
    let behind = tokio::spawn({
        let store = store.clone();
        async move { append(&store, 2).await }
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!behind.is_finished(), "an append went past an open one");
    stalled.commit().await.unwrap();
    behind.await.unwrap().unwrap();
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let events = timeout(LONG, subscription.next()).await;
        let events = events.expect("an event is missing").unwrap();
        seen.extend(events.iter().map(|event| event.aggregate_id));
    }
    assert_eq!(seen, [1, 2]);
    scratch.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_want_one_name_one_gets_it_and_the_rest_of_the_group_goes_through() {
    let scratch = Scratch::start().await;
    let store = scratch.store().await;
    let wanted = ["desk", "desk", "front", "back"];
    let tries = wanted.iter().zip(1..).map(|(name, id)| {
        let store = store.clone();
        async move { carry_out::<Account>(&store, id, account(name), StateSource::Nothing).await }
    });
    let results = futures::future::join_all(tries).await;
    assert_eq!(
        results.iter().filter(|result| result.is_ok()).count(),
        3,
        "{results:?}"
    );
    let refused: Vec<_> = results.into_iter().filter_map(Result::err).collect();
    assert_eq!(refused, ["username is already in use"]);
    // A name that was given up can be taken again.
    let holder = store.pool();
    let sql = "select split_part(holder, '/', 2)::bigint from claims where value = 'desk'";
    let holder: i64 = sqlx::query_scalar(sql).fetch_one(holder).await.unwrap();
    carry_out::<Account>(
        &store,
        holder,
        AccountCommand::Delete {
            at: crate::clock::now(),
            uses: domain::people::AccountUses::default(),
        },
        StateSource::Log,
    )
    .await
    .unwrap();
    carry_out::<Account>(&store, 9, account("desk"), StateSource::Nothing)
        .await
        .unwrap();
    scratch.stop().await;
}

/// An effect that refuses the append if its token is not that of a request.
#[derive(Clone, Debug)]
struct Attempt(String);

impl Attempt {
    fn new() -> Self {
        Self(random_id().unwrap())
    }
}

impl LateEffect for Attempt {
    fn effect(&self) -> Effect {
        static KIND: EffectKind = EffectKind {
            name: "attempted",
            statement: "insert into once.marks (token) select unnest({0}::text[])::uuid",
            columns: 1,
            refused_by: Some("marks_token_fkey"),
        };
        Effect {
            kind: &KIND,
            row: vec![Some(self.0.clone())],
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_was_overtaken_appends_nothing_any_more() {
    let scratch = Scratch::start().await;
    let (store, pool) = (scratch.store().await, scratch.pool().await);
    let (once, late) = (Attempt::new(), Attempt::new());
    let claim = "insert into once.requests (user_id, key, token, lease_until, expires_at) \
                 values (1, 'k', $1::uuid, now(), now())";
    let claim = sqlx::query(claim).bind(&once.0).execute(&pool);
    claim.await.unwrap();
    let with = |attempt: &Attempt| Metadata {
        effect: Some(Late::new(attempt.clone())),
        ..Metadata::default()
    };
    append_with(&store, 1, with(&once)).await.unwrap();
    let taken_over = "update once.requests set token = gen_random_uuid()";
    let refused = sqlx::query(taken_over).execute(&pool).await;
    assert!(refused.is_err(), "what has marks was taken over");

    // Both in one group: the failure of one member must not affect the other.
    let (late, other) = tokio::join!(append_with(&store, 2, with(&late)), append(&store, 3));
    assert!(matches!(late, Err(StoreError::Superseded)), "{late:?}");
    other.unwrap();
    let events: Vec<(String, String)> =
        sqlx::query_as("select aggregate_id, metadata::text from events order by position")
            .fetch_all(&pool)
            .await
            .unwrap();
    let expected = ["1", "3"].map(|id| (id.to_owned(), "{}".to_owned()));
    assert_eq!(events, expected);
    drop((store, pool));
    scratch.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_reacts_names_the_last_event_of_each_aggregate() {
    let scratch = Scratch::start().await;
    let store = scratch.store().await;
    for (id, name) in [(1, "desk"), (2, "front")] {
        carry_out::<Account>(&store, id, account(name), StateSource::Nothing)
            .await
            .unwrap();
    }
    let ids = [1, 2].map(Id::<Account>::new);
    let mut prepared = Vec::new();
    for (id, state) in store.load_many(&ids).await.unwrap() {
        let event = AccountEvent::AccountDissociated {};
        let (before, aggregate) = (state.before(), state.aggregate);
        let one = store.prepare(id, before, aggregate, vec![event]).await;
        prepared.push(one.unwrap());
    }
    let reaction = Metadata::of_reaction("a test");
    store.commit(prepared, reaction, vec![]).await.unwrap();
    let sql = "select b.position = (a.metadata ->> 'causation')::bigint
                 and a.metadata ->> 'correlation_id' = 'event-' || b.position
               from events a join events b using (aggregate_id)
               where a.sequence = 2 and b.sequence = 1";
    let named: Vec<bool> = sqlx::query_scalar(sql)
        .fetch_all(store.pool())
        .await
        .unwrap();
    assert_eq!(named, [true, true]);
    scratch.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_writer_of_the_same_sequence_loses() {
    let scratch = Scratch::start().await;
    let store = scratch.store().await;
    append(&store, 1).await.unwrap();
    assert!(matches!(append(&store, 1).await, Err(StoreError::Conflict)));
    scratch.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_from_a_snapshot_equals_the_state_from_the_whole_history() {
    let scratch = Scratch::start().await;
    let store = scratch.store().await;
    carry_out::<Account>(&store, 1, account("desk"), StateSource::Nothing)
        .await
        .unwrap();
    for number in 0..250 {
        let set = AccountCommand::SetSetting {
            name: format!("key{}", number % 7),
            value: format!("value {number}"),
        };
        carry_out::<Account>(&store, 1, set, StateSource::Memory)
            .await
            .unwrap();
    }
    let wait_for_snapshot = async {
        let sql = "select last_sequence from snapshots where aggregate_id = '1'";
        while sqlx::query_scalar::<_, i64>(sql)
            .fetch_optional(store.pool())
            .await
            .unwrap()
            != Some(200)
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LONG, wait_for_snapshot).await.expect("no snapshot");
    let payload: String = sqlx::query_scalar("select payload::text from snapshots")
        .fetch_one(store.pool())
        .await
        .unwrap();
    assert!(!payload.contains("value 1"), "a snapshot is not sealed");
    let short: Loaded<Account> = store.load(Id::new(1)).await.unwrap();
    sqlx::query("delete from snapshots")
        .execute(store.pool())
        .await
        .unwrap();
    let long: Loaded<Account> = store.load(Id::new(1)).await.unwrap();
    assert_eq!((short.version, &short.aggregate), (251, &long.aggregate));
    // However it is loaded, it knows its last event.
    let many = store.load_many(&[Id::<Account>::new(1)]).await.unwrap();
    let (known, is_from_memory) = store
        .load_many_cached(&[Id::<Account>::new(1)])
        .await
        .unwrap()[&Id::new(1)]
        .clone();
    assert!(is_from_memory && long.last.is_some());
    for last in [short.last, many[&Id::new(1)].last.clone(), known.last] {
        assert_eq!(last, long.last);
    }
    assert_eq!(long.aggregate.setting("key4"), Some("value 249"));
    scratch.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_waits_for_no_connection_of_others() {
    let scratch = Scratch::start().await;
    let store = scratch.store().await;
    append(&store, 1).await.unwrap();
    let mut held = Vec::new();
    while let Ok(one) = timeout(Duration::from_secs(1), store.pool().acquire()).await {
        held.push(one.unwrap());
    }
    assert!(held.len() >= 4, "{}", held.len());
    let appended = timeout(Duration::from_secs(5), append(&store, 2)).await;
    appended.expect("it waited").unwrap();
    scratch.stop().await;
}
