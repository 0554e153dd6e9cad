//! Converting what clients upload, by programs of the system.
//!
//! A [`Workroom`] is a folder of one's own in which one [`Program`] after another is
//! run, without a shell, confined to it ([`Confinement`]) and with limits on time, memory and
//! what it writes. Files in it are named by their name alone, since programs run in it. Users
//! are served in rotation. When it is dropped,
//! also because the request was cancelled, what still runs is killed and the folder
//! removed.
//!
//! To convert with another program: a line in each of [`Program`]'s lists.

mod confinement;
mod files;
mod folder;
mod program;
mod running;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::ExitStatus,
    sync::Arc,
    time::Duration,
};

use domain::{Id, access::User};
use fair_turns::{Bounds, Turn, Turns};
use thiserror::Error;
use tokio::time::{Instant, timeout};

use tokio_util::{
    sync::CancellationToken,
    task::{TaskTracker, task_tracker::TaskTrackerToken},
};

pub use self::{
    confinement::{Confinement, ConfinementConfig, ConfinementPolicy},
    files::{create, open},
    program::Program,
};
use self::{folder::Folder, program::Wrappers, running::Running};

/// The most conversions that may wait for one user, and in all.
const WAITING_PER_USER: usize = 32;
const WAITING: usize = 256;
/// How long the rooms may take to be gone at the end.
const LAST_ROOMS: Duration = Duration::from_secs(1);

/// What a conversion may use. The root package reads it from settings.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long all programs of one conversion may run together (60 s).
    pub time: Duration,
    /// The address space of a program, in bytes (1 GiB).
    pub memory: u64,
    /// The largest file a program may write, in bytes (256 MiB).
    pub file: u64,
    /// How many programs run at once (2).
    pub at_once: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(60),
            memory: 1 << 30,
            file: 256 << 20,
            at_once: 2,
        }
    }
}

/// Why a program was not run to its end.
#[derive(Debug, Error)]
pub enum ConversionError {
    /// It is not on this machine.
    #[error("{0} is not installed")]
    Missing(&'static str),
    /// Others are being converted, and it would have been too long a wait.
    #[error("too many conversions at once")]
    Busy,
    /// It would run unconfined, and must not.
    #[error("conversions are refused: they cannot be confined on this server")]
    Unconfined,
    /// The server stops.
    #[error("the server stops")]
    Stopping,
    /// It used up its time, and was stopped.
    #[error("it took more than {0:?}")]
    TooSlow(Duration),
    /// It wrote more than it may, and was stopped.
    #[error("it became larger than {0} bytes")]
    TooLarge(u64),
    /// The system did not do what was asked of it.
    #[error("{0}")]
    System(#[from] std::io::Error),
}

/// What a program that came to its end left behind, beside its files.
#[derive(Clone, Debug)]
pub struct Finished {
    /// How it ended; whether that is well is for the caller to say.
    pub status: ExitStatus,
    /// The first of what it printed.
    pub stdout: Vec<u8>,
    /// The first of what it complained about.
    pub stderr: Vec<u8>,
}

impl Finished {
    /// Whether it says of itself that it did what it should.
    pub fn success(&self) -> bool {
        self.status.success()
    }

    /// What it printed, as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

/// The programs there are, and how many may run. Clones share it.
#[derive(Clone, Debug)]
pub struct Conversions {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    limits: Limits,
    found: HashMap<Program, PathBuf>,
    wrappers: Option<Wrappers>,
    confinement: Confinement,
    turns: Turns<Id<User>>,
    stop: CancellationToken,
    rooms: TaskTracker,
}

impl Conversions {
    /// Looks for the programs on `PATH`, once, and removes what processes that were
    /// killed have left behind.
    pub fn find(limits: Limits, confinement: Confinement) -> Self {
        folder::sweep();
        let found = Program::ALL
            .iter()
            .filter_map(|program| Some((*program, program::on_path(program.file())?)))
            .collect();
        Self::with(limits, confinement, found)
    }

    pub(crate) fn with(
        limits: Limits,
        confinement: Confinement,
        found: HashMap<Program, PathBuf>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                limits,
                found,
                wrappers: Wrappers::find(),
                confinement,
                turns: Turns::new(bounds(limits)),
                stop: CancellationToken::new(),
                rooms: TaskTracker::new(),
            }),
        }
    }

    /// Refuses unless all of these can be run.
    ///
    /// # Errors
    /// [`ConversionError::Missing`], with the first that cannot.
    pub fn need(&self, programs: &[Program]) -> Result<(), ConversionError> {
        let mut needed = programs.iter();
        needed.try_for_each(|program| self.inner.command_of(*program).map(drop))
    }

    /// The confinement of programs.
    pub fn confinement(&self) -> &Confinement {
        &self.inner.confinement
    }

    /// An empty room for a user.
    ///
    /// # Errors
    /// [`ConversionError::Busy`] where too many wait already, or when no folder can be made.
    pub fn room(&self, owner: Id<User>) -> Result<Workroom, ConversionError> {
        if self.inner.turns.is_full(&owner) {
            return Err(ConversionError::Busy);
        }
        Ok(Workroom {
            owner,
            folder: Folder::make()?,
            shop: self.inner.clone(),
            spent: Duration::ZERO,
            _open: self.inner.rooms.token(),
        })
    }

    /// Kills what runs, and waits until the rooms are gone: at the end of a process
    /// nobody can be relied on to drop them.
    pub async fn stop(&self) {
        self.inner.stop.cancel();
        self.inner.rooms.close();
        if timeout(LAST_ROOMS, self.inner.rooms.wait()).await.is_err() {
            tracing::warn!("conversions were still running at the end");
        }
    }
}

/// A folder of one's own and what is left of the time that its conversion may take.
#[derive(Debug)]
pub struct Workroom {
    owner: Id<User>,
    folder: Folder,
    shop: Arc<Inner>,
    spent: Duration,
    // Last: it says that the folder is gone.
    _open: TaskTrackerToken,
}

impl Workroom {
    /// Where a file of this name is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where a program that is run in the room finds a file of this name.
    pub fn path_inside(&self, name: &str) -> PathBuf {
        self.shop.confinement.inside(self.folder.path()).join(name)
    }

    /// Runs a program in the room, and waits for its end and that of all it started.
    ///
    /// # Errors
    /// As [`ConversionError`] says; then nothing of it runs any more.
    pub async fn run<A: AsRef<OsStr>>(
        &mut self,
        program: Program,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Finished, ConversionError> {
        let limits = self.shop.limits;
        let (wrappers, path) = self.shop.command_of(program)?;
        let _turn = self.shop.turn(self.owner).await?;
        let left = limits.time.saturating_sub(self.spent);
        let started = Instant::now();
        let (confinement, folder) = (&self.shop.confinement, self.folder.path());
        let chain = wrappers.chain(path, left, &limits);
        let mut command = program::command(confinement.wrap(&chain, folder))?;
        command.args(arguments);
        let running = Running::start(command, folder, confinement.inside(folder))?;
        // Unless it is seen to end, it may still be writing when the folder goes.
        self.folder.is_in_use(true);
        let finished = running.finish(left, &self.shop.stop).await;
        self.folder.is_in_use(false);
        self.spent += started.elapsed();
        metrics::histogram!("ledgerline_conversion_seconds", "program" => program.file())
            .record(started.elapsed().as_secs_f64());
        self.judge(program, finished?)
    }

    /// Waits for something that fills the room, unless the server stops.
    ///
    /// # Errors
    /// [`ConversionError::Stopping`].
    pub async fn fill<T>(&mut self, filled: impl Future<Output = T>) -> Result<T, ConversionError> {
        let filled = self.shop.stop.run_until_cancelled(filled).await;
        filled.ok_or(ConversionError::Stopping)
    }

    /// Does a piece of work in this process that takes a while, in the turn of a
    /// program. It cannot be stopped: how long it may take is for the caller to bound.
    ///
    /// # Errors
    /// When its turn does not come, or it panicked.
    pub async fn work<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ConversionError> {
        let turn = self.shop.turn(self.owner).await?;
        self.folder.is_in_use(true);
        let working = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        let done = working.await;
        self.folder.is_in_use(false);
        done.map_err(|error| std::io::Error::other(error).into())
    }

    fn judge(
        &self,
        program: Program,
        finished: Option<Finished>,
    ) -> Result<Finished, ConversionError> {
        use nix::libc::{SIGXCPU, SIGXFSZ};
        use std::os::unix::process::ExitStatusExt;
        let limits = self.shop.limits;
        let Some(finished) = finished else {
            return Err(if self.shop.stop.is_cancelled() {
                ConversionError::Stopping
            } else {
                ConversionError::TooSlow(limits.time)
            });
        };
        tracing::debug!(program = program.file(), status = %finished.status, "converted");
        let code = finished.status.code();
        let confinement = &self.shop.confinement;
        let of_confined = code.and_then(|code| confinement.signal_of(code));
        let is_started = !matches!(code, Some(126 | 127))
            && !code.is_some_and(|code| confinement.failed(code, &finished.stderr));
        match finished.status.signal().or(of_confined) {
            // Of what wraps it.
            _ if !is_started => {
                let said = String::from_utf8_lossy(&finished.stderr);
                let said = said.lines().next().unwrap_or_default();
                let file = program.file();
                let why = format!("{file} could not be started: {said}");
                Err(std::io::Error::other(why).into())
            }
            Some(SIGXCPU) => Err(ConversionError::TooSlow(limits.time)),
            Some(SIGXFSZ) => Err(ConversionError::TooLarge(limits.file)),
            _ => Ok(finished),
        }
    }
}

/// Of several turns one user never has all.
fn bounds(limits: Limits) -> Bounds {
    Bounds {
        at_once: limits.at_once,
        at_once_per_key: limits.at_once.saturating_sub(1),
        waiting_per_key: WAITING_PER_USER,
        waiting: WAITING,
        timeout: limits.time,
        gauge: "ledgerline_conversions_waiting",
    }
}

impl Inner {
    async fn turn(&self, owner: Id<User>) -> Result<Turn<Id<User>>, ConversionError> {
        let turn = self.stop.run_until_cancelled(self.turns.take(owner)).await;
        let turn = turn.ok_or(ConversionError::Stopping)?;
        turn.map_err(|_| ConversionError::Busy)
    }

    fn command_of(&self, program: Program) -> Result<(&Wrappers, &Path), ConversionError> {
        let wrappers = self
            .wrappers
            .as_ref()
            .ok_or(ConversionError::Missing(Wrappers::NAMES))?;
        if self.confinement.refuses() {
            return Err(ConversionError::Unconfined);
        }
        if self.found.contains_key(&program) && !self.confinement.suits(program) {
            return Err(ConversionError::Missing(
                "bubblewrap (bwrap), for LibreOffice,",
            ));
        }
        let path = self.found.get(&program);
        let path = path.ok_or(ConversionError::Missing(program.title()))?;
        Ok((wrappers, path))
    }
}
