//! Notices between the processes on one database, sent by NOTIFY: that there is something new.
//! A notice may be lost, so every receiver must also poll now and then.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use sqlx::{PgPool, postgres::PgListener};
use tokio::{sync::Notify, time};

use crate::{StoreError, vault::random};

/// The shortest interval between notices on one topic: a NOTIFY within every append would
/// halve the rate of appends.
const GAP: Duration = Duration::from_millis(5);
/// Pause before listening again after the connection was lost, and the time limit of waiting
/// for something to send before the task looks whether it is still needed.
const PAUSE: Duration = Duration::from_secs(1);

/// The topic of a notice.
#[derive(Clone, Copy, Debug)]
pub enum Topic {
    /// Events were appended.
    Events,
    /// There is work that some process may take up.
    Work,
}

impl Topic {
    const ALL: [Self; 2] = [Self::Events, Self::Work];
    const CHANNELS: [&'static str; 2] = ["ledgerline_events", "ledgerline_work"];

    const fn channel(self) -> &'static str {
        Self::CHANNELS[self as usize]
    }
}

/// Sends and receives notices; one per process.
#[derive(Debug)]
pub(crate) struct Notices {
    pool: PgPool,
    /// The random id of this process, sent as the payload so that it ignores its own notices. Not
    /// the process id, which is not unique across machines.
    own: String,
    to_tell: [Notify; 2],
    heard: [Arc<Notify>; 2],
}

impl Notices {
    /// Starts sending and listening, until the last reference is dropped.
    pub fn start(pool: PgPool) -> Result<Arc<Self>, StoreError> {
        let notices = Arc::new(Self {
            pool,
            own: hex::encode(random::<8>()?),
            to_tell: Default::default(),
            heard: Default::default(),
        });
        tokio::spawn(listen(Arc::downgrade(&notices)));
        for topic in Topic::ALL {
            tokio::spawn(tell(Arc::downgrade(&notices), topic));
        }
        Ok(notices)
    }

    /// Notifies the other processes soon, at most once per [`GAP`].
    pub fn tell(&self, topic: Topic) {
        self.to_tell[topic as usize].notify_one();
    }

    /// The signal that another process sent a notice on this topic; a notice that comes while no
    /// task waits is kept.
    pub fn heard(&self, topic: Topic) -> Arc<Notify> {
        Arc::clone(&self.heard[topic as usize])
    }
}

async fn listen(notices: Weak<Notices>) {
    while let Some(pool) = notices.upgrade().map(|it| it.pool.clone()) {
        if let Ok(mut listener) = PgListener::connect_with(&pool).await
            && listener.listen_all(Topic::CHANNELS).await.is_ok()
        {
            while let Ok(Some(notice)) = listener.try_recv().await {
                let Some(notices) = notices.upgrade() else {
                    return;
                };
                let mut topics = Topic::ALL.into_iter();
                let topic = topics.find(|topic| topic.channel() == notice.channel());
                if let Some(topic) = topic.filter(|_| notice.payload() != notices.own) {
                    notices.heard[topic as usize].notify_one();
                }
            }
        }
        time::sleep(PAUSE).await;
    }
}

async fn tell(notices: Weak<Notices>, topic: Topic) {
    while let Some(held) = notices.upgrade() {
        // The wait is limited, so that the task ends soon after the last other reference.
        let news = time::timeout(PAUSE, held.to_tell[topic as usize].notified()).await;
        if news.is_err() {
            continue;
        }
        let notify = sqlx::query("select pg_notify($1, $2)")
            .bind(topic.channel())
            .bind(&held.own);
        if let Err(error) = notify.execute(&held.pool).await {
            tracing::debug!(%error, "others were not notified");
        }
        drop(held);
        time::sleep(GAP).await;
    }
}
