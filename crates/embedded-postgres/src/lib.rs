//! Postgres as a part of Ledgerline: the system's binaries, run and watched as child processes.
//!
//! This crate finds the binaries, chooses the directories of the cluster and its socket and the
//! user that the server runs as, creates, starts, supervises and stops the server, and cleans up
//! after a run that was killed. It creates the database, but does not deal with its contents.
//!
//! A data directory holds `postgres/` (the cluster), `postgres.conf` (settings, which operators
//! may change), `postgres_hba.conf`, `postgres.log` and `ledgerline.lock`; if the database's user
//! cannot reach it, the first three are in another directory, which `postgres.location` names.
//!
//! Whatever starts, finds or ends a server belongs here; tables, migrations and sessions do not.
//! For another system's packages: a line in `USUAL_PLACES` (`binaries.rs`).

mod binaries;
mod error;
mod leftovers;
mod located;
mod owner;
mod place;
mod server;
mod supervisor;
#[cfg(test)]
mod tests;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};

use self::{
    binaries::Binaries,
    owner::Owner,
    place::{Lock, Place, Surroundings},
    server::{Server, shut_down},
    supervisor::Supervisor,
};
pub use self::{error::EmbeddedError, located::Located};

/// The cluster's superuser, reachable over the private socket only.
const SUPERUSER: &str = "ledgerline";
const DATABASE: &str = "ledgerline";

/// The configuration of the embedded Postgres.
#[derive(Debug, Clone)]
pub struct EmbeddedConfig {
    /// Ledgerline's data directory; created if absent.
    pub data_dir: PathBuf,
    /// The folder with `postgres` and `initdb`; without it the usual places are searched.
    pub bin_dir: Option<PathBuf>,
    /// A loopback address for analysts to connect to over TCP. Without it there is only the
    /// socket.
    pub listen: Option<SocketAddr>,
}

/// A supervised Postgres of this process. To be ended by [`stop`](Self::stop): a drop tells the
/// server to end but does not wait for it.
#[derive(Debug)]
pub struct EmbeddedPostgres {
    supervisor: Supervisor,
    way_in: Located,
    notice: Option<String>,
    /// Locks held for as long as the server may run: fields are dropped in order, so these are
    /// dropped last.
    locks: Vec<Lock>,
}

impl EmbeddedPostgres {
    /// Starts the cluster of a data directory, creating it if absent, and waits until it accepts
    /// connections.
    pub async fn start(config: EmbeddedConfig) -> Result<Self, EmbeddedError> {
        Self::start_in(config, &Surroundings::default()).await
    }

    async fn start_in(
        config: EmbeddedConfig,
        surroundings: &Surroundings,
    ) -> Result<Self, EmbeddedError> {
        if let Some(address) = config.listen
            && (!address.ip().is_loopback() || address.port() == 0)
        {
            return Err(EmbeddedError::NotLoopback(address));
        }
        create_data_dir(&config.data_dir)?;
        let data_dir = place::canonical(&config.data_dir)?;
        let mut locks = vec![place::lock(&data_dir, &data_dir)?];

        let bin_dir = config.bin_dir.as_deref();
        let (owner, binaries, place) = settle(&data_dir, bin_dir, surroundings)?;
        if place.is_elsewhere() {
            // A copy of the data directory has a lock of its own but the same note.
            locks.push(place::lock(&place.base, &data_dir)?);
        }
        let socket_dir = place::socket_dir(&place.cluster(), &owner, surroundings)?;
        let log = data_dir.join("postgres.log");
        let server = Server {
            owner,
            binaries,
            place,
            socket_dir,
            listen: config.listen,
            log,
        };
        if !server.place.has_cluster() {
            server.create_cluster().await?;
        }
        server.place.cluster_is_made()?;
        server.write_settings()?;
        server.rotate_log();
        leftovers::clear(&server.place.cluster(), &server.socket_dir).await?;

        let notice = server.place.is_elsewhere().then(|| {
            format!(
                "The database is in {}, because user {}, as whom Postgres runs, cannot reach {}",
                server.place.base.display(),
                server.owner.name,
                data_dir.display()
            )
        });
        let psql = binaries::psql_beside(Some(&server.binaries.postgres()));
        let way_in = Located {
            socket_dir: server.socket_dir.clone(),
            port: server.port(),
            psql,
        };

        let mut child = server.spawn()?;
        if let Err(error) = server.wait_ready(&mut child).await {
            shut_down(&mut child).await;
            return Err(error);
        }
        let postgres = Self {
            supervisor: Supervisor::watch(server, child),
            way_in,
            notice,
            locks,
        };
        match create_database(&postgres.connect_options()).await {
            Ok(()) => Ok(postgres),
            Err(error) => {
                postgres.stop().await;
                Err(error.into())
            }
        }
    }

    /// Finds the running cluster of a data directory for a second process; starts nothing.
    pub fn locate(data_dir: &Path) -> Result<Located, EmbeddedError> {
        Located::find(data_dir)
    }

    /// Options to connect as the superuser to the database `ledgerline`.
    pub fn connect_options(&self) -> PgConnectOptions {
        self.way_in.connect_options()
    }

    /// `psql` over the socket as `role`, ready for further arguments.
    pub fn psql_command(&self, role: &str) -> Command {
        self.way_in.psql_command(role)
    }

    /// A message for the operator if the cluster is not in the data directory.
    pub fn notice(&self) -> Option<&str> {
        self.notice.as_deref()
    }

    /// The server's process id; none while it is being restarted.
    pub fn postmaster_pid(&self) -> Option<u32> {
        self.supervisor.pid()
    }

    /// Stops the server by a fast shutdown: sessions are ended, a checkpoint is written. Takes at
    /// most 40 s.
    pub async fn stop(self) {
        let Self {
            supervisor, locks, ..
        } = self;
        supervisor.stop().await;
        drop(locks);
    }
}

/// Creates Ledgerline's data directory so that the database's user can pass through it.
pub fn create_data_dir(data_dir: &Path) -> Result<(), EmbeddedError> {
    place::create_dir(data_dir)
}

/// True if a data directory has a cluster, or a note that its cluster is elsewhere.
pub fn has_cluster(data_dir: &Path) -> bool {
    match place::canonical(data_dir).and_then(|data_dir| Place::existing(&data_dir)) {
        Ok(place) => place.is_some_and(|place| place.has_cluster()),
        // The note is there, and what it names is not, or it cannot be read.
        Err(_) => data_dir.exists(),
    }
}

/// Chooses the user, the binaries and the directory of the cluster.
fn settle(
    data_dir: &Path,
    bin_dir: Option<&Path>,
    surroundings: &Surroundings,
) -> Result<(Owner, Binaries, Place), EmbeddedError> {
    if let Some(place) = Place::existing(data_dir)? {
        let cluster = place.cluster();
        let owner = Owner::detect(&cluster)?;
        let binaries = Binaries::find(bin_dir, &owner, &cluster)?;
        if !owner.can_run(&binaries.postgres(), &place.base) {
            return Err(EmbeddedError::Unreachable {
                cluster,
                user: owner.name,
            });
        }
        return Ok((owner, binaries, place));
    }
    let owner = Owner::for_new()?;
    let binaries = Binaries::find(bin_dir, &owner, &data_dir.join("postgres"))?;
    let postgres = binaries.postgres();
    match Place::fresh(data_dir, surroundings, |dir| owner.can_run(&postgres, dir))? {
        Some(place) => Ok((owner, binaries, place)),
        None => Err(EmbeddedError::NowhereReachable {
            data_dir: data_dir.to_owned(),
            elsewhere: surroundings.elsewhere.clone(),
            user: owner.name,
        }),
    }
}

async fn create_database(options: &PgConnectOptions) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect_with(&options.clone().database("postgres")).await?;
    let exists: bool =
        sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(DATABASE)
            .fetch_one(&mut connection)
            .await?;
    if !exists {
        sqlx::query(&format!("create database {DATABASE}"))
            .execute(&mut connection)
            .await?;
    }
    connection.close().await
}
