//! Errors that keep the embedded Postgres from running; each message says what to do about it.

use std::{io, net::SocketAddr, path::PathBuf};

/// An error of starting, finding or preparing the embedded Postgres.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// No usable server binaries anywhere.
    #[error(
        "PostgreSQL 14 or newer was not found. Install it (Debian, Ubuntu: apt-get install postgresql; \
         Fedora: dnf install postgresql-server; macOS: brew install postgresql@17), \
         name its folder in LEDGERLINE_POSTGRES_BIN, or use a server of your own with LEDGERLINE_DATABASE_URL"
    )]
    NotInstalled,

    /// The folder that was configured holds no usable server.
    #[error(
        "{} holds no PostgreSQL 14 or newer that user {user} can run (postgres and initdb). \
         Correct LEDGERLINE_POSTGRES_BIN or unset it to have the binaries looked for",
        .dir.display()
    )]
    NotInBinDir {
        /// The configured folder.
        dir: PathBuf,
        /// The user that the server would run as.
        user: String,
    },

    /// The cluster on disk belongs to another major version.
    #[error(
        "The data in {} was made by PostgreSQL {made_by}, which is not installed. \
         Install it (Debian: apt-get install postgresql-{made_by}), or move the data to a newer one with pg_upgrade",
        .cluster.display()
    )]
    OtherVersion {
        /// The cluster's directory.
        cluster: PathBuf,
        /// The major version that made it.
        made_by: u32,
    },

    /// The process runs as root, and there is no unprivileged user to run Postgres as.
    #[error(
        "Postgres does not run as root, and this system has neither a user postgres nor a user nobody. \
         Create one of them (useradd --system postgres), or start Ledgerline as an ordinary user"
    )]
    NoUnprivilegedUser,

    /// The cluster belongs to another user.
    #[error(
        "The database in {} belongs to user {owner}. Start Ledgerline as that user or as root, \
         or give the directory to yourself (chown -R)",
        .cluster.display()
    )]
    ForeignCluster {
        /// The cluster's directory.
        cluster: PathBuf,
        /// Name or number of the owner.
        owner: String,
    },

    /// The database's user cannot get into the directory that already holds its data.
    #[error(
        "User {user} cannot reach its database in {}. \
         Let it pass through every directory above (chmod o+x), or move the data directory",
        .cluster.display()
    )]
    Unreachable {
        /// The cluster's directory.
        cluster: PathBuf,
        /// The user that the server runs as.
        user: String,
    },

    /// Neither the data directory nor the place beside it can be reached by the database's user.
    #[error(
        "User {user}, as whom Postgres has to run, can reach neither {} nor {}. \
         Choose a LEDGERLINE_DATA_DIR that it can reach",
        .data_dir.display(), .elsewhere.display()
    )]
    NowhereReachable {
        /// The configured data directory.
        data_dir: PathBuf,
        /// The place tried instead.
        elsewhere: PathBuf,
        /// The user that the server would run as.
        user: String,
    },

    /// The data directory says that its cluster is elsewhere, and it is not there.
    #[error(
        "{} says that the database is in {}, but there is none. Bring it back, \
         or delete that note to start with an empty database",
        .note.display(), .base.display()
    )]
    Missing {
        /// The note in the data directory.
        note: PathBuf,
        /// The directory that should hold the cluster.
        base: PathBuf,
    },

    /// Another process runs on this data directory.
    #[error(
        "Another Ledgerline already runs on {}. Stop it first, or choose another LEDGERLINE_DATA_DIR",
        .0.display()
    )]
    InUse(PathBuf),

    /// Nothing runs on this data directory.
    #[error("No Ledgerline runs on {} (LEDGERLINE_DATA_DIR). Start one with ledgerline serve, or name the data directory of the one that runs", .0.display())]
    NotRunning(PathBuf),

    /// TCP was asked for on an address that others can reach, or without a port.
    #[error(
        "LEDGERLINE_POSTGRES_LISTEN is {0}, but the embedded Postgres listens on loopback only. \
         Give something like 127.0.0.1:5433"
    )]
    NotLoopback(SocketAddr),

    /// There is no safe directory for the socket.
    #[error(
        "There is no private directory for the database's socket: {} belongs to somebody else. Remove it",
        .0.display()
    )]
    NoSocketDir(PathBuf),

    /// A Postgres of an earlier run does not stop.
    #[error(
        "A Postgres of an earlier run (process {pid}) still works on {} and does not stop. End it, then start again",
        .cluster.display()
    )]
    OrphanStays {
        /// The server's process id.
        pid: i32,
        /// The cluster's directory.
        cluster: PathBuf,
    },

    /// initdb failed.
    #[error("initdb could not create the database in {}: {said}", .cluster.display())]
    InitDb {
        /// The cluster's directory.
        cluster: PathBuf,
        /// The output of initdb on stderr.
        said: String,
    },

    /// The server ended or hung while starting.
    #[error("Postgres did not start: {said} (its log: {})", .log.display())]
    DidNotStart {
        /// The state of its process and the cause from its log.
        said: String,
        /// The log file.
        log: PathBuf,
    },

    /// A file or process operation failed.
    #[error("Could not {what}: {source}")]
    Io {
        /// The operation, as in "open /x/y".
        what: String,
        /// The system's answer.
        source: io::Error,
    },

    /// The running server refused to prepare the database.
    #[error("The embedded Postgres runs but refuses to be prepared: {0}")]
    Database(#[from] sqlx::Error),
}

/// Names the operation that an [`io::Error`] is about.
pub(super) trait Context<T> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T, EmbeddedError>;
}

impl<T, E: Into<io::Error>> Context<T> for Result<T, E> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T, EmbeddedError> {
        self.map_err(|error| EmbeddedError::Io {
            what: what(),
            source: error.into(),
        })
    }
}
