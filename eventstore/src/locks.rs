//! Named locks that at most one process on a database holds: the leader of a subscriber, the
//! policies, an import into a group.
//!
//! All locks of a process are advisory locks in the session of one connection, opened for the
//! first request. When that connection is lost, so are all its locks: each holder is told, and
//! the next request opens another connection. Postgres lets a session take the same lock twice,
//! so the keeper remembers which names are held here.

use std::{collections::HashSet, future::Future, io, sync::Arc, time::Duration};

use sqlx::{
    Connection, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgRow},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::LockName;

/// Interval of the checks of the connection.
const CHECK: Duration = Duration::from_secs(1);
/// Time limit of an answer; a connection that is silent for longer counts as lost.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause between two attempts to take a lock that is held elsewhere.
const AGAIN: Duration = Duration::from_millis(100);

type Name = LockName<'static>;

/// The locks of a process. Clones share them.
#[derive(Clone, Debug)]
pub struct Locks(mpsc::UnboundedSender<Request>);

/// A lock that is held until it is dropped, unless its connection is lost before.
#[derive(Debug)]
pub struct Lock {
    name: Name,
    lost: CancellationToken,
    keeper: mpsc::UnboundedSender<Request>,
}

type Taken = Result<Option<Lock>, sqlx::Error>;

/// A request to the keeper. Its channel is unbounded, because each sender waits for the answer
/// or gives back a lock that it holds.
#[derive(Debug)]
enum Request {
    Take(Name, oneshot::Sender<Taken>, Locks),
    GiveBack(Name, CancellationToken),
    Settle(oneshot::Sender<()>),
}

impl Locks {
    /// Opens locks in the database of this pool, on a connection outside the pool. They are
    /// released when the pool is closed.
    pub(crate) fn start(pool: &PgPool) -> Self {
        let (requests, asked) = mpsc::unbounded_channel();
        let options = pool.connect_options();
        let keeper = Keeper {
            options: Arc::unwrap_or_clone(options).application_name("ledgerline locks"),
            session: None,
        };
        tokio::spawn(keeper.run(asked, pool.clone()));
        Self(requests)
    }

    /// Takes a lock; answers `None` if it is held, here or in another process.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn try_lock(&self, name: LockName<'static>) -> Taken {
        let (reply, answer) = oneshot::channel();
        let asked = self.0.send(Request::Take(name, reply, self.clone()));
        asked.map_err(|_| sqlx::Error::PoolClosed)?;
        answer.await.map_err(|_| sqlx::Error::PoolClosed)?
    }

    /// Takes a lock, waiting for it up to `limit`; answers `None` after that.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn lock_within(&self, name: LockName<'static>, limit: Duration) -> Taken {
        let until = Instant::now() + limit;
        loop {
            let taken = self.try_lock(name).await?;
            if taken.is_some() || Instant::now() >= until {
                return Ok(taken);
            }
            sleep(AGAIN).await;
        }
    }
}

impl Lock {
    /// True if the lock is lost: others may hold it by now.
    pub fn is_lost(&self) -> bool {
        self.lost.is_cancelled()
    }

    /// Waits until the lock is lost, so that others may hold it.
    pub async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Releases the lock; once this returns, others can take it.
    pub async fn release(self) {
        let keeper = self.keeper.clone();
        drop(self);
        let (reply, settled) = oneshot::channel();
        if keeper.send(Request::Settle(reply)).is_ok() {
            // Without a keeper there is no connection, and without that no lock.
            let _ = settled.await;
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let give_back = Request::GiveBack(self.name, self.lost.clone());
        // Without a keeper there is nothing to give back.
        let _ = self.keeper.send(give_back);
    }
}

/// The task that owns the connection and carries out one request after another, each to its
/// end even if the caller has gone.
struct Keeper {
    options: PgConnectOptions,
    session: Option<Session>,
}

struct Session {
    db: PgConnection,
    held: HashSet<Name>,
    /// Cancelled when this session is over.
    lost: CancellationToken,
}

impl Keeper {
    async fn run(mut self, mut asked: mpsc::UnboundedReceiver<Request>, pool: PgPool) {
        let mut closed = pool.close_event();
        drop(pool);
        let mut check = interval(CHECK);
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = &mut closed => break,
                request = asked.recv() => match request {
                    Some(request) => self.carry_out(request).await,
                    None => break,
                },
                _ = check.tick() => self.check().await,
            }
        }
        if let Some(session) = self.session.take() {
            session.lost.cancel();
            // The locks go with the connection, whichever way it ends.
            let _ = timeout(CHECK, session.db.close()).await;
        }
    }

    async fn carry_out(&mut self, request: Request) {
        match request {
            // The caller has gone meanwhile, for example by a time-out.
            Request::Take(_, reply, _) if reply.is_closed() => {}
            Request::Take(name, reply, locks) => {
                let taken = self.take(name).await.map(|taken| {
                    taken.map(|lost| Lock {
                        name,
                        lost,
                        keeper: locks.0,
                    })
                });
                // If the caller has gone, the lock is dropped here and thereby released.
                let _ = reply.send(taken);
            }
            Request::GiveBack(name, lost) => self.give_back(name, &lost).await,
            Request::Settle(reply) => {
                // The caller may have gone.
                let _ = reply.send(());
            }
        }
    }

    /// Takes a lock for this session; answers the token that is cancelled when the session ends.
    async fn take(&mut self, name: Name) -> Result<Option<CancellationToken>, sqlx::Error> {
        let was_open = self.session.is_some();
        match self.take_once(name).await {
            // The connection was lost unnoticed: the second try opens a new one.
            Err(_) if was_open => self.take_once(name).await,
            taken => taken,
        }
    }

    async fn take_once(&mut self, name: Name) -> Result<Option<CancellationToken>, sqlx::Error> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => Session::open(&self.options).await?,
        };
        if session.held.contains(&name) {
            self.session = Some(session);
            return Ok(None);
        }
        match session.call(name, "pg_try_advisory_lock").await {
            Ok(taken) => {
                let lost = taken.then(|| session.lost.clone());
                if taken {
                    session.held.insert(name);
                }
                self.session = Some(session);
                Ok(lost)
            }
            Err(error) => {
                session.lost.cancel();
                Err(error)
            }
        }
    }

    async fn give_back(&mut self, name: Name, lost: &CancellationToken) {
        // A lock of an earlier session is gone; this session's lock has another holder.
        if lost.is_cancelled() {
            return;
        }
        if let Some(session) = &mut self.session
            && session.held.remove(&name)
        {
            let given_back = session.call(name, "pg_advisory_unlock").await;
            self.lose_after(given_back.map(drop));
        }
    }

    async fn check(&mut self) {
        if let Some(session) = &mut self.session {
            let answer = within(ANSWER_TIMEOUT, session.db.ping()).await;
            self.lose_after(answer);
        }
    }

    fn lose_after(&mut self, answer: Result<(), sqlx::Error>) {
        if let Err(error) = answer
            && let Some(session) = self.session.take()
        {
            let held = session.held.len();
            tracing::warn!(%error, held, "the connection that holds the locks was lost");
            session.lost.cancel();
        }
    }
}

impl Session {
    async fn open(options: &PgConnectOptions) -> Result<Self, sqlx::Error> {
        Ok(Self {
            db: within(ANSWER_TIMEOUT, PgConnection::connect_with(options)).await?,
            held: HashSet::new(),
            lost: CancellationToken::new(),
        })
    }

    async fn call(&mut self, name: Name, function: &str) -> Result<bool, sqlx::Error> {
        let mut call = name.call(function);
        let row: PgRow = within(ANSWER_TIMEOUT, call.build().fetch_one(&mut self.db)).await?;
        sqlx::Row::try_get(&row, 0)
    }
}

async fn within<T>(
    limit: Duration,
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let silent = || sqlx::Error::Io(io::ErrorKind::TimedOut.into());
    timeout(limit, answer).await.map_err(|_| silent())?
}
