use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, geteuid},
};
use tokio::time::{Instant, sleep};

use super::*;

mod access;
mod life;
mod place;

/// A data directory and surroundings of a test's own, removed at its end.
struct Scratch {
    root: PathBuf,
}

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let root =
            std::env::temp_dir().join(format!("ledgerline-test-{}-{count}", std::process::id()));
        create_data_dir(&root.join("sockets")).unwrap();
        Self {
            root: fs::canonicalize(root).unwrap(),
        }
    }

    fn data_dir(&self) -> PathBuf {
        self.root.join("var")
    }

    fn cluster(&self) -> PathBuf {
        self.data_dir().join("postgres")
    }

    fn surroundings(&self) -> Surroundings {
        Surroundings {
            elsewhere: self.root.join("elsewhere"),
            sockets: vec![self.root.join("sockets")],
        }
    }

    async fn try_start(&self) -> Result<EmbeddedPostgres, EmbeddedError> {
        let config = EmbeddedConfig {
            data_dir: self.data_dir(),
            bin_dir: None,
            listen: None,
        };
        EmbeddedPostgres::start_in(config, &self.surroundings()).await
    }

    async fn start(&self) -> EmbeddedPostgres {
        self.try_start().await.unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

impl EmbeddedPostgres {
    /// Leaves the server running, as if this process had been killed; answers its process id.
    fn abandon(self) -> i32 {
        let pid = self.postmaster_pid().unwrap();
        self.supervisor.abandon();
        pid.try_into().unwrap()
    }
}

async fn write(postgres: &EmbeddedPostgres, note: &str) {
    let mut connection = PgConnection::connect_with(&postgres.connect_options())
        .await
        .unwrap();
    sqlx::raw_sql("create table if not exists notes (note text)")
        .execute(&mut connection)
        .await
        .unwrap();
    sqlx::query("insert into notes values ($1)")
        .bind(note)
        .execute(&mut connection)
        .await
        .unwrap();
}

async fn read(postgres: &EmbeddedPostgres) -> Result<Vec<String>, sqlx::Error> {
    let mut connection = PgConnection::connect_with(&postgres.connect_options()).await?;
    sqlx::query_scalar("select note from notes")
        .fetch_all(&mut connection)
        .await
}

fn is_alive(pid: i32) -> bool {
    fs::read_link(format!("/proc/{pid}/exe")).is_ok()
}
