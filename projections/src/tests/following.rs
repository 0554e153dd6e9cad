//! Subscribers that follow the log: stopping, leading, catching up.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use cqrs_es::Aggregate as _;
use domain::{
    Id, Personal, Subject,
    outreach::{Text, TextClass, TextContent, TextEvent},
    people::{Account, AccountEvent, AccountKind, AccountProfile, Contact},
};
use eventstore::{
    Recorded,
    subscriber::{HighWaterMarks, Subscriber},
};
use sqlx::PgConnection;

use super::{Following, LANES, LONG, ScratchLog, history::contact, run};
use crate::subscribers;

/// A subscriber that divides by zero at contact 2 while `broken` is set.
struct Fussy {
    broken: Arc<AtomicBool>,
}

#[async_trait]
impl Subscriber for Fussy {
    fn name(&self) -> &'static str {
        "fussy"
    }

    fn follows(&self) -> &'static [&'static str] {
        &[Contact::TYPE]
    }

    fn schema(&self) -> &'static str {
        "read"
    }

    async fn apply(
        &self,
        db: &mut PgConnection,
        events: &[Arc<Recorded>],
    ) -> Result<(), sqlx::Error> {
        let broken = self.broken.load(Ordering::Relaxed);
        let divisor = i32::from(!broken || events.iter().all(|event| event.aggregate_id != 2));
        sqlx::query("select 1 / $1")
            .bind(divisor)
            .execute(db)
            .await
            .map(drop)
    }
}

fn account(id: i64) -> AccountEvent {
    AccountEvent::AccountCreated {
        id: Id::new(id),
        owner: domain::Owner::in_first_tenant(Id::new(1)),
        kind: AccountKind::Account,
        active: true,
        profile: Personal::new(Subject::new("account", id), AccountProfile::default()),
    }
}

#[tokio::test]
async fn a_poison_event_stops_one_of_a_lane_and_says_so() {
    let scratch = ScratchLog::open().await;
    for id in 1..4 {
        scratch.append::<Contact>(id, [contact(id, 1, "Ada")]).await;
    }
    let broken = Arc::new(AtomicBool::new(true));
    let fussy: Vec<Arc<dyn Subscriber>> = vec![Arc::new(Fussy {
        broken: broken.clone(),
    })];
    // All others of the lane read the same events, in the same transactions.
    let mut lane = subscribers();
    lane.extend(fussy.iter().cloned());
    let running = Following::start(scratch.log(), lane, LANES);
    let stopped = loop {
        let mut statuses = running.high_water_marks.lag().await.unwrap();
        let status = statuses.pop().unwrap();
        if let Some(stopped) = status.stopped {
            assert_eq!(status.position, 1);
            assert_eq!(status.lag_events, 2);
            break stopped;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(stopped.position, 2);
    assert_eq!(stopped.error, "division by zero (22012)");
    // The wait would never end if it included a stopped subscriber.
    running.reached(Contact::TYPE, 3).await;
    let shown = "select count(*) from read.accounts";
    scratch.append::<Account>(1, [account(1)]).await;
    let position = scratch.append::<Contact>(4, [contact(4, 1, "Ada")]).await;
    running.reached(Account::TYPE, position).await;
    assert_eq!(
        scratch.number(shown).await,
        1,
        "the others of its lane go on"
    );
    let elsewhere = ScratchLog::another_store(&scratch.pool).await;
    let others = HighWaterMarks::new(elsewhere.log().clone(), &fussy);
    assert!(
        others.wait_for(Contact::TYPE, 3, LONG).await,
        "known elsewhere too"
    );

    broken.store(false, Ordering::Relaxed);
    let deadline = Instant::now() + LONG;
    let fussy = "from read.checkpoints where name = 'fussy'";
    while scratch.number(&format!("select position {fussy}")).await < position {
        assert!(Instant::now() < deadline, "it did not go on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(scratch.text(&format!("select error {fussy}")).await, None);
    running.stop().await;
    scratch.close().await;
}

#[tokio::test]
async fn one_that_is_alone_in_its_lane_goes_on_with_what_is_only_in_the_database() {
    let scratch = ScratchLog::open().await;
    for id in 1..4 {
        scratch.append::<Contact>(id, [contact(id, 1, "Ada")]).await;
    }
    // As after a restart: the events are not in the memory of this process.
    let restarted = ScratchLog::another_store(&scratch.pool).await;
    let broken = Arc::new(AtomicBool::new(true));
    let fussy: Vec<Arc<dyn Subscriber>> = vec![Arc::new(Fussy {
        broken: broken.clone(),
    })];
    let running = Following::start(restarted.log(), fussy, LANES);
    let stopped = "select count(*) from read.checkpoints where stopped_at_position = 2";
    until(&scratch, stopped, 1).await;
    broken.store(false, Ordering::Relaxed);
    until(&scratch, "select position from read.checkpoints", 3).await;
    running.stop().await;
    scratch.close().await;
}

#[tokio::test]
async fn a_locked_table_holds_up_its_own_read_model_only() {
    let scratch = ScratchLog::open().await;
    let running = run(&scratch);
    until_led_by(&running).await;
    let mut lock = scratch.pool.begin().await.unwrap();
    sqlx::query("lock table read.accounts")
        .execute(&mut *lock)
        .await
        .unwrap();
    scratch.append::<Account>(1, [account(1)]).await;
    let text = TextEvent::TextCreated {
        id: Id::new(1),
        owner: domain::Owner::in_first_tenant(Id::new(1)),
        content: Personal::new(
            Subject::new("text", 1),
            TextContent {
                name: None,
                description: None,
                data: None,
                class: TextClass::Off,
                encoding: None,
            },
        ),
    };
    scratch.append::<Text>(1, [text]).await;
    // Both are small read models, in one lane.
    until(&scratch, "select count(*) from read.texts", 1).await;
    lock.commit().await.unwrap();
    until(&scratch, "select count(*) from read.accounts", 1).await;
    running.stop().await;
    scratch.close().await;
}

/// Waits until a query answers this number.
async fn until(scratch: &ScratchLog, sql: &str, number: i64) {
    let deadline = Instant::now() + LONG;
    while scratch.number(sql).await != number {
        assert!(Instant::now() < deadline, "not {number}: {sql}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn one_leads_and_the_other_takes_over() {
    let scratch = ScratchLog::open().await;
    let other = ScratchLog::another_store(&scratch.pool).await;
    let first = run(&scratch);
    until_led_by(&first).await;
    let second = Following::start(other.log(), subscribers(), LANES);

    let position = scratch.append::<Contact>(2, [contact(2, 1, "Ada")]).await;
    second.reached(Contact::TYPE, position).await;
    assert_eq!(led_by(&second).await, 0);

    first.stop().await;
    let position = scratch.append::<Contact>(3, [contact(3, 1, "Ada")]).await;
    second.reached(Contact::TYPE, position).await;
    until_led_by(&second).await;
    second.stop().await;
    scratch.close().await;
}

async fn led_by(running: &Following) -> usize {
    let statuses = running.high_water_marks.lag().await.unwrap();
    statuses.iter().filter(|status| status.leader).count()
}

async fn until_led_by(running: &Following) {
    let deadline = Instant::now() + LONG;
    while led_by(running).await < subscribers().len() {
        assert!(Instant::now() < deadline, "it does not lead all");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_lost_connection_loses_nothing() {
    let scratch = ScratchLog::open().await;
    let running = run(&scratch);
    for id in 1..40 {
        scratch.append::<Contact>(id, [contact(id, 1, "Ada")]).await;
        if id % 13 == 0 {
            scratch
                .number(
                    "select count(pg_terminate_backend(pid)) from pg_stat_activity \
                 where application_name like 'ledgerline subscriber%'",
                )
                .await;
        }
    }
    let position = scratch.append::<Contact>(40, [contact(40, 1, "Ada")]).await;
    running.reached(Contact::TYPE, position).await;
    assert_eq!(
        scratch.number("select count(*) from read.contacts").await,
        40
    );
    running.stop().await;
    scratch.close().await;
}
