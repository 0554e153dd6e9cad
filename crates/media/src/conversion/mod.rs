//! Conversion of uploads by programs of the system.
//!
//! A [`Workroom`] is a private folder in which one [`Program`] after another is run, without a
//! shell, confined to the folder ([`Confinement`]) and with limits on time, memory and file
//! size. Its files are given to programs by their names alone, since programs run in it. Users
//! are served in rotation. When a workroom is dropped, also because the request was cancelled,
//! programs that still run are killed and the folder is removed.
//!
//! To convert with another program: a line in each of [`Program`]'s lists.

mod confinement;
mod files;
mod folder;
mod open_rooms;
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
use self::{
    folder::Folder,
    open_rooms::{OpenRoom, OpenRooms, RoomBounds},
    program::Wrappers,
    running::Running,
};

/// Bounds on waiting conversions: of one user, and in total.
const WAITING_PER_USER: usize = 32;
const WAITING: usize = 256;
/// Time limit for the removal of all workrooms when the process stops.
const LAST_ROOMS: Duration = Duration::from_secs(1);

/// The limits of a conversion. The root package reads them from settings.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Time limit for all programs of one conversion together (60 s).
    pub time: Duration,
    /// The address space of a program, in bytes (1 GiB).
    pub memory: u64,
    /// The largest file a program may write, in bytes (256 MiB).
    pub file: u64,
    /// The most programs that run at once (2).
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

/// The reason for which a program did not run to its end.
#[derive(Debug, Error)]
pub enum ConversionError {
    /// The program, or a helper of it, is not installed.
    #[error("{0} is not installed")]
    Missing(&'static str),
    /// Too many workrooms are open or conversions waiting, or the wait took too long.
    #[error("too many conversions at once")]
    Busy,
    /// Programs must be confined, and cannot be on this machine.
    #[error("conversions are refused: they cannot be confined on this server")]
    Unconfined,
    /// The server stops.
    #[error("the server stops")]
    Stopping,
    /// The program exceeded the time limit, and was killed.
    #[error("it took more than {0:?}")]
    TooSlow(Duration),
    /// The program wrote a file beyond the limit, and was stopped.
    #[error("it became larger than {0} bytes")]
    TooLarge(u64),
    /// A call of the operating system failed.
    #[error("{0}")]
    System(#[from] std::io::Error),
}

/// The result of a program that ran to its end, beside its files.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The exit status; the caller decides whether it means success.
    pub status: ExitStatus,
    /// The first 64 KiB of the standard output.
    pub stdout: Vec<u8>,
    /// The first 64 KiB of the standard error.
    pub stderr: Vec<u8>,
}

impl Finished {
    /// True if the exit status is 0.
    pub fn success(&self) -> bool {
        self.status.success()
    }

    /// The standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

/// The installed programs, with their confinement, limits and queue. Clones share it.
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
    open: OpenRooms,
    stop: CancellationToken,
    rooms: TaskTracker,
}

impl Conversions {
    /// Looks for the programs on `PATH`, once, and removes the folders of processes that were
    /// killed.
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
                open: OpenRooms::new(room_bounds(limits)),
                stop: CancellationToken::new(),
                rooms: TaskTracker::new(),
            }),
        }
    }

    /// Refuses unless all of these programs can be run.
    ///
    /// # Errors
    /// [`ConversionError::Missing`] with the first one missing, or [`ConversionError::Unconfined`].
    pub fn need(&self, programs: &[Program]) -> Result<(), ConversionError> {
        let mut needed = programs.iter();
        needed.try_for_each(|program| self.inner.command_of(*program).map(drop))
    }

    /// The confinement of programs.
    pub fn confinement(&self) -> &Confinement {
        &self.inner.confinement
    }

    /// Makes an empty workroom for a user.
    ///
    /// # Errors
    /// [`ConversionError::Busy`] if too many workrooms are open; otherwise when no folder can be
    /// made.
    pub fn room(&self, owner: Id<User>) -> Result<Workroom, ConversionError> {
        // Counted before the upload is read, since the workroom holds it on the disk.
        let open = self.inner.open.enter(owner).ok_or(ConversionError::Busy)?;
        Ok(Workroom {
            owner,
            _counted: open,
            folder: Folder::make()?,
            shop: self.inner.clone(),
            spent: Duration::ZERO,
            _open: self.inner.rooms.token(),
        })
    }

    /// Kills all running programs, and waits until the workrooms are removed: at the end of a
    /// process it is not certain that each is dropped.
    pub async fn stop(&self) {
        self.inner.stop.cancel();
        self.inner.rooms.close();
        if timeout(LAST_ROOMS, self.inner.rooms.wait()).await.is_err() {
            tracing::warn!("conversions were still running at the end");
        }
    }
}

/// The private folder of one conversion, and the time that its programs have used.
#[derive(Debug)]
pub struct Workroom {
    owner: Id<User>,
    _counted: OpenRoom,
    folder: Folder,
    shop: Arc<Inner>,
    spent: Duration,
    // Last, since its drop reports that the folder is removed.
    _open: TaskTrackerToken,
}

impl Workroom {
    /// The path of a file of this name.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The path at which a program in the workroom finds a file of this name.
    pub fn path_inside(&self, name: &str) -> PathBuf {
        self.shop.confinement.inside(self.folder.path()).join(name)
    }

    /// Runs a program in the workroom, waits for its end, and kills the processes that it leaves
    /// running.
    ///
    /// # Errors
    /// As [`ConversionError`] says; then none of its processes runs any more.
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
        // If this future is dropped, the program may still be writing when the folder is removed.
        self.folder.is_in_use(true);
        let finished = running.finish(left, &self.shop.stop).await;
        self.folder.is_in_use(false);
        self.spent += started.elapsed();
        metrics::histogram!("ledgerline_conversion_seconds", "program" => program.file())
            .record(started.elapsed().as_secs_f64());
        self.judge(program, finished?)
    }

    /// Waits for a future that fills the workroom, such as an upload, unless the server stops.
    ///
    /// # Errors
    /// [`ConversionError::Stopping`].
    pub async fn fill<T>(&mut self, filled: impl Future<Output = T>) -> Result<T, ConversionError> {
        let filled = self.shop.stop.run_until_cancelled(filled).await;
        filled.ok_or(ConversionError::Stopping)
    }

    /// Runs blocking work in this process, which counts as one running program. The work cannot be
    /// stopped: the caller has to bound its time.
    ///
    /// # Errors
    /// When its turn does not come in time, or the work panicked.
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
            // The status is that of a wrapper.
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

/// The bounds of the queue: if several programs may run at once, one user never has all turns.
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

/// Bounds on open workrooms: as many as conversions may run and wait.
fn room_bounds(limits: Limits) -> RoomBounds {
    let running = bounds(limits);
    RoomBounds {
        per_user: WAITING_PER_USER + running.at_once_per_key.max(1),
        total: WAITING + running.at_once.max(1),
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
