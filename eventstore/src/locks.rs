//! Named locks that at most one process on a database holds: the lead of a read model, the
//! policies, an import into a group.
//!
//! All that a process holds are advisory locks of one connection's session, made when the first
//! is asked for. When that connection is lost all of them are: each holder is told, and the next
//! request opens another. Postgres lets a session take the same lock twice, so the keeper
//! remembers which names are held here.

use std::{collections::HashSet, future::Future, io, sync::Arc, time::Duration};

use sqlx::{
    Connection, PgConnection, PgPool, Postgres, QueryBuilder,
    postgres::{PgConnectOptions, PgRow},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// Between two looks at the connection.
const CHECK: Duration = Duration::from_secs(1);
/// The longest wait for an answer; a connection that is silent for longer counts as lost.
const SILENCE: Duration = Duration::from_secs(10);
/// Between two attempts of one who waits for a lock.
const AGAIN: Duration = Duration::from_millis(100);

/// The name of a lock. Earlier versions take the same advisory locks, so that they and this
/// one exclude each other while processes are replaced one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LockName {
    /// Something with a name, of a class.
    Text(i32, &'static str),
    /// Something with an id, of a class.
    Id(i32, i64),
    /// A number of a class.
    Pair(i32, i32),
    /// A number.
    Whole(i64),
}

impl LockName {
    /// A call of one of the functions that Postgres has for advisory locks.
    fn call(self, function: &str) -> QueryBuilder<'static, Postgres> {
        let mut sql = QueryBuilder::new(format!("select {function}("));
        match self {
            Self::Text(class, name) => {
                sql.push_bind(class).push(", hashtext(").push_bind(name);
                sql.push(")")
            }
            Self::Id(class, id) => {
                sql.push_bind(class).push(", hashint8(").push_bind(id);
                sql.push(")")
            }
            Self::Pair(class, number) => sql.push_bind(class).push(", ").push_bind(number),
            Self::Whole(number) => sql.push_bind(number),
        };
        sql.push(")");
        sql
    }
}

/// The locks of a process. Clones share them.
#[derive(Clone, Debug)]
pub struct Locks(mpsc::UnboundedSender<Request>);

/// A lock that is held until it is dropped, unless its connection is lost before.
#[derive(Debug)]
pub struct Lock {
    name: LockName,
    lost: CancellationToken,
    keeper: mpsc::UnboundedSender<Request>,
}

type Taken = Result<Option<Lock>, sqlx::Error>;

/// Unbounded, because each waits for its answer or belongs to a lock that is held.
#[derive(Debug)]
enum Request {
    Take(LockName, oneshot::Sender<Taken>, Locks),
    GiveBack(LockName, CancellationToken),
    Settle(oneshot::Sender<()>),
}

impl Locks {
    /// Locks in the database of this pool, on a connection that is not one of the pool's. They
    /// end when the pool is closed.
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

    /// Takes a lock, unless somebody has it, here or in another process.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn try_lock(&self, name: LockName) -> Taken {
        let (reply, answer) = oneshot::channel();
        let asked = self.0.send(Request::Take(name, reply, self.clone()));
        asked.map_err(|_| sqlx::Error::PoolClosed)?;
        answer.await.map_err(|_| sqlx::Error::PoolClosed)?
    }

    /// Takes a lock, and waits for it so long.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn lock_within(&self, name: LockName, limit: Duration) -> Taken {
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
    /// True if others may have it by now.
    pub fn is_lost(&self) -> bool {
        self.lost.is_cancelled()
    }

    /// Waits until others may have it.
    pub async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Gives it back; once this returns others can take it.
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

/// Has the connection, and does one thing after another with it: a request is carried out
/// whole even if whoever made it went away.
struct Keeper {
    options: PgConnectOptions,
    session: Option<Session>,
}

struct Session {
    db: PgConnection,
    held: HashSet<LockName>,
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
            // Whoever asked has gone meanwhile, as a request that ran out of time does.
            Request::Take(_, reply, _) if reply.is_closed() => {}
            Request::Take(name, reply, locks) => {
                let taken = self.take(name).await.map(|taken| {
                    taken.map(|lost| Lock {
                        name,
                        lost,
                        keeper: locks.0,
                    })
                });
                // Where nobody waits for it any more it is dropped, and thereby given back.
                let _ = reply.send(taken);
            }
            Request::GiveBack(name, lost) => self.give_back(name, &lost).await,
            Request::Settle(reply) => {
                // Whoever waited may have gone.
                let _ = reply.send(());
            }
        }
    }

    /// Takes a lock for this session; answers what is cancelled when the session ends.
    async fn take(&mut self, name: LockName) -> Result<Option<CancellationToken>, sqlx::Error> {
        let was_open = self.session.is_some();
        match self.take_once(name).await {
            // A connection that was lost unnoticed: the next one is new.
            Err(_) if was_open => self.take_once(name).await,
            taken => taken,
        }
    }

    async fn take_once(
        &mut self,
        name: LockName,
    ) -> Result<Option<CancellationToken>, sqlx::Error> {
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

    async fn give_back(&mut self, name: LockName, lost: &CancellationToken) {
        // That of an earlier session is gone, and this session's is somebody else's.
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
            let answer = within(SILENCE, session.db.ping()).await;
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
            db: within(SILENCE, PgConnection::connect_with(options)).await?,
            held: HashSet::new(),
            lost: CancellationToken::new(),
        })
    }

    async fn call(&mut self, name: LockName, function: &str) -> Result<bool, sqlx::Error> {
        let mut call = name.call(function);
        let row: PgRow = within(SILENCE, call.build().fetch_one(&mut self.db)).await?;
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
