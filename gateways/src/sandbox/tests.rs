//! The sandbox against a real Postgres.

use std::sync::Arc;

use async_trait::async_trait;
use domain::outreach::{TextClass, sms};
use sqlx::PgPool;
use testkit::ScratchLog;
use tokio::runtime::Handle;

use super::*;
use crate::{
    Content,
    content::Sms,
    contract_suite::{self, Peer, PeerBehaviour, Stage},
};

/// A database with one contact who can be sent messages.
async fn with_a_contact() -> ScratchLog {
    let scratch = ScratchLog::open().await;
    // Deliveries to an erased contact are not shown; the key makes this one not erased.
    sqlx::query("insert into subject_keys (subject, sealed) values ('contact/1', '')")
        .execute(&scratch.pool)
        .await
        .unwrap();
    scratch
}

struct SandboxPeer {
    pool: PgPool,
    /// Each stage has an outbox of its own.
    stages: AtomicUsize,
}

impl SandboxPeer {
    fn count(&self, provider: i64) -> Box<dyn Fn() -> usize + Send + Sync> {
        let pool = self.pool.clone();
        let count = async move |pool: PgPool| {
            let sql = "select count(*) from sandbox.outbox where provider_id = $1";
            let count = sqlx::query_scalar::<_, i64>(sql).bind(provider);
            count.fetch_one(&pool).await.unwrap() as usize
        };
        Box::new(move || {
            tokio::task::block_in_place(|| Handle::current().block_on(count(pool.clone())))
        })
    }
}

fn text() -> Content {
    Content::Sms(Box::new(Sms {
        text: "Hello".to_owned(),
        encoded: sms::Sms::encode("Hello", None).unwrap(),
        class: TextClass::Off,
        sender: None,
    }))
}

#[async_trait]
impl Peer for SandboxPeer {
    async fn stage(&self, behaviour: PeerBehaviour) -> Option<Stage> {
        let provider = 1 + self.stages.fetch_add(1, Ordering::Relaxed) as i64;
        let destination = match behaviour {
            PeerBehaviour::Takes => "15550100",
            PeerBehaviour::Refuses => "9990003",
            PeerBehaviour::Unanswering => "9990001",
            PeerBehaviour::Away => "9990006",
            PeerBehaviour::Vanishes => "9990005",
            // The answer comes after the second that the suite waits.
            PeerBehaviour::Hangs => "9990004",
        };
        Some(Stage {
            gateway: Arc::new(SandboxGateway::new(
                Id::new(provider),
                Arc::new(Outbox::open(self.pool.clone())),
            )),
            destination: destination.to_owned(),
            content: text(),
            heard: self.count(provider),
            taken: self.count(provider),
            _kept: Box::new(()),
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sandbox_keeps_the_contract_of_all_adapters() {
    let scratch = with_a_contact().await;
    let peer = SandboxPeer {
        pool: scratch.pool.clone(),
        stages: AtomicUsize::new(0),
    };
    contract_suite::run(&peer).await;
    scratch.close().await;
}
