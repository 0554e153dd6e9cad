//! Exclusive leases: what one worker at a time may do, such as to keep a registration. When its
//! holder dies, another worker takes over within a lease and a renewal.

use std::time::Duration;

use sqlx::PgPool;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout_at},
};

/// The duration of a lease.
const TERM: Duration = Duration::from_secs(15);
/// The margin before its end at which a lease is not relied on: the database's clock may differ.
const MARGIN: Duration = Duration::from_millis(500);
/// The time within which the database answers an application.
const ANSWER: Duration = Duration::from_secs(3);

/// Something that one worker at a time may do.
#[derive(Clone, Debug)]
pub struct ExclusiveLease {
    pool: PgPool,
    name: String,
    term: Duration,
}

/// An application for a lease, which is renewed while it is held, and given back when the last
/// clone of the application is dropped.
#[derive(Clone, Debug)]
pub struct Tenure(watch::Receiver<bool>);

impl ExclusiveLease {
    /// The lease of this name.
    pub fn new(pool: PgPool, name: String) -> Self {
        Self {
            pool,
            name,
            term: TERM,
        }
    }

    /// This lease with another duration.
    #[cfg(test)]
    pub(crate) fn lasting(self, term: Duration) -> Self {
        Self { term, ..self }
    }

    /// Applies for the lease.
    pub fn apply(&self) -> Tenure {
        let (held, tenure) = watch::channel(false);
        let applicant = Applicant {
            lease: self.clone(),
            word: format!("{:032x}", rand::random::<u128>()),
            held,
            until: None,
        };
        tokio::spawn(applicant.run());
        Tenure(tenure)
    }
}

impl Tenure {
    /// Waits until the lease is held.
    pub async fn begins(&mut self) {
        if self.0.wait_for(|held| *held).await.is_err() {
            // The runtime stops, and with it the task that applies.
            std::future::pending::<()>().await;
        }
    }

    /// Waits until the lease is no longer held.
    pub async fn ends(&mut self) {
        // An error: the task that applies for it was stopped.
        let _ = self.0.wait_for(|held| !*held).await;
    }
}

/// Applies for a lease, renews it, and gives it back.
struct Applicant {
    lease: ExclusiveLease,
    /// The holder that the row names.
    word: String,
    held: watch::Sender<bool>,
    /// The end of the lease on this process's clock, less the margin.
    until: Option<Instant>,
}

impl Applicant {
    async fn run(mut self) {
        let period = self.lease.term / 3;
        loop {
            let asked = Instant::now();
            self.ask(asked).await;
            let next = asked + period;
            let expired = self.until.is_some_and(|until| until < next);
            tokio::select! {
                () = sleep_until(next) => {}
                () = sleep_until(self.until.unwrap_or(next)), if expired => self.lose(),
                () = self.held.closed() => break,
            }
        }
        if let Err(error) = self.give_back().await {
            tracing::warn!(lease = self.lease.name, %error, "a lease is left to run out");
        }
    }

    /// Asks for the lease, or for its renewal.
    async fn ask(&mut self, asked: Instant) {
        let last = self.until.unwrap_or(asked + ANSWER).min(asked + ANSWER);
        match timeout_at(last, self.claim()).await {
            Ok(Ok(true)) => {
                self.until = Some(asked + self.lease.term.saturating_sub(MARGIN));
                if !self.held.send_replace(true) {
                    tracing::info!(lease = self.lease.name, "a lease begins");
                }
            }
            Ok(Ok(false)) => self.lose(),
            Ok(Err(error)) => self.unanswered(&error.to_string()),
            Err(_) => self.unanswered("the database does not answer"),
        }
    }

    /// Without an answer the lease is held until its end.
    fn unanswered(&mut self, error: &str) {
        tracing::warn!(lease = self.lease.name, %error, "a lease cannot be asked for");
        if self.until.is_some_and(|until| until <= Instant::now()) {
            self.lose();
        }
    }

    fn lose(&mut self) {
        self.until = None;
        if self.held.send_replace(false) {
            tracing::info!(lease = self.lease.name, "a lease ends");
        }
    }

    async fn claim(&self) -> Result<bool, sqlx::Error> {
        sqlx::query(
            "insert into dispatch.exclusive_leases as l (name, holder, until) \
             values ($1, $2, clock_timestamp() + $3) \
             on conflict (name) do update set holder = excluded.holder, until = excluded.until \
             where l.holder = excluded.holder or l.until < clock_timestamp()",
        )
        .bind(&self.lease.name)
        .bind(&self.word)
        .bind(self.lease.term)
        .execute(&self.lease.pool)
        .await
        .map(|done| done.rows_affected() == 1)
    }

    async fn give_back(&self) -> Result<(), sqlx::Error> {
        sqlx::query("delete from dispatch.exclusive_leases where name = $1 and holder = $2")
            .bind(&self.lease.name)
            .bind(&self.word)
            .execute(&self.lease.pool)
            .await
            .map(drop)
    }
}
