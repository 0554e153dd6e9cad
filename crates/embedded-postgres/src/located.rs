//! A running cluster as another process sees it: connection options and a `psql` command.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::{
    DATABASE, SUPERUSER, binaries,
    error::{Context, EmbeddedError},
    leftovers, owner,
    place::{self, Place},
};

/// The address of a running cluster.
#[derive(Debug, Clone)]
pub struct Located {
    pub(super) socket_dir: PathBuf,
    pub(super) port: u16,
    pub(super) psql: PathBuf,
}

impl Located {
    /// Finds the running cluster of a data directory.
    pub(super) fn find(data_dir: &Path) -> Result<Self, EmbeddedError> {
        let not_running = || EmbeddedError::NotRunning(data_dir.to_owned());
        if !data_dir.exists() {
            return Err(not_running());
        }
        let place = Place::existing(&place::canonical(data_dir)?)?.ok_or_else(not_running)?;
        let cluster = place.cluster();
        let pid_file = cluster.join("postmaster.pid");
        let state = match fs::read_to_string(&pid_file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(not_running()),
            read => read.context(|| format!("read {}", pid_file.display()))?,
        };
        // Its fourth and fifth lines are the port and the socket's directory.
        let mut lines = state.lines().map(str::trim).skip(3);
        let port = lines
            .next()
            .and_then(|port| port.parse().ok())
            .ok_or_else(not_running)?;
        let socket_dir = PathBuf::from(lines.next().ok_or_else(not_running)?);
        let server = leftovers::postmaster(&cluster);
        if server.is_none() && Path::new("/proc/self").exists() {
            return Err(not_running());
        }
        let psql = binaries::psql_beside(server.as_deref());
        Ok(Self {
            socket_dir,
            port,
            psql,
        })
    }

    /// Options to connect as the superuser.
    pub fn connect_options(&self) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(&self.socket_dir)
            .port(self.port)
            .username(SUPERUSER)
            .database(DATABASE)
            .ssl_mode(PgSslMode::Disable)
    }

    /// `psql` on the database as `role`, ready for further arguments.
    pub fn psql_command(&self, role: &str) -> Command {
        let mut command = Command::new(&self.psql);
        owner::forget_environment(&mut command);
        command.arg("--host").arg(&self.socket_dir).args([
            "--port",
            &self.port.to_string(),
            "--username",
            role,
            "--dbname",
            DATABASE,
        ]);
        command
    }
}
