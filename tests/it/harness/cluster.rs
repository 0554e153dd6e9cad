//! Databases on one scratch Postgres, for servers without an embedded one, and for several
//! servers on one database.

use std::{
    fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use nix::unistd::{User, chown, geteuid};
use sqlx::{Connection, Executor, PgConnection, postgres::PgConnectOptions};
use tokio::sync::OnceCell;

use super::{guardian::Guardian, process::Process, scratch_dir, seconds, unique};

const MASTER_KEY: &str = "5f3a1c0e9b7d8642f1e0d3c2b5a49687786950413223140506f7e8d9cabb9cad";

/// A database that no other test of this run uses.
#[derive(Debug, Clone)]
pub struct Database {
    socket: PathBuf,
    name: String,
    master_key: String,
}

#[derive(Debug)]
struct Cluster {
    dir: PathBuf,
    _postgres: Process,
    _guardian: Guardian,
}

static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();

impl Database {
    /// Creates a new database.
    pub async fn create() -> Self {
        Self::made("").await
    }

    /// Creates a new database whose letters are those of this locale.
    pub async fn in_locale(locale: &str) -> Self {
        Self::made(&format!("template template0 locale '{locale}'")).await
    }

    /// Creates a copy of another database, to which no session may be connected.
    pub async fn copy_of(other: &Self) -> Self {
        let copy = Self::made(&format!("template {}", other.name)).await;
        copy.with_key(&other.master_key)
    }

    async fn made(how: &str) -> Self {
        let cluster = CLUSTER.get_or_init(Cluster::start).await;
        let name = format!("test_{}", unique());
        let mut postgres = cluster.connect("postgres").await.unwrap();
        postgres
            .execute(format!("create database {name} {how}").as_str())
            .await
            .unwrap();
        Self {
            socket: cluster.dir.clone(),
            name,
            master_key: MASTER_KEY.to_owned(),
        }
    }

    /// This database, with another master key than the usual one of the tests.
    pub fn with_key(self, master_key: &str) -> Self {
        let master_key = master_key.to_owned();
        Self { master_key, ..self }
    }

    /// The master key that its contents are sealed with.
    pub fn master_key(&self) -> &str {
        &self.master_key
    }

    /// The URL of the database, for the settings of a server.
    pub fn url(&self) -> String {
        let socket = self.socket.to_str().unwrap().replace('/', "%2F");
        format!(
            "postgres://ledgerline@localhost/{}?host={socket}",
            self.name
        )
    }

    /// The options of a connection as its superuser.
    pub fn options(&self) -> PgConnectOptions {
        options(&self.socket, 5432, &self.name)
    }
}

/// The options of a connection to a database over a private socket.
pub fn options(socket: &Path, port: u16, database: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(socket)
        .port(port)
        .username("ledgerline")
        .database(database)
}

impl Cluster {
    async fn start() -> Self {
        let dir = scratch_dir("pg");
        let data = dir.join("postgres");
        fs::create_dir(&data).unwrap();
        let owner = geteuid().is_root().then(unprivileged);
        if let Some(owner) = &owner {
            for path in [&dir, &data] {
                chown(path, Some(owner.uid), Some(owner.gid)).unwrap();
            }
        }
        let command = |program: &str| {
            let mut command = Command::new(binary(program));
            command.current_dir(&dir).stdout(Stdio::null());
            if let Some(owner) = &owner {
                command.uid(owner.uid.as_raw()).gid(owner.gid.as_raw());
            }
            command
        };
        let made = command("initdb")
            .args([
                "--username=ledgerline",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
            ])
            .arg("--pgdata")
            .arg(&data)
            .status()
            .unwrap();
        assert!(made.success(), "initdb failed");

        let mut postgres = command("postgres");
        postgres
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(&dir)
            .stderr(log(&dir));
        for setting in [
            "listen_addresses=",
            "max_connections=400",
            "shared_buffers=128MB",
        ] {
            postgres.args(["-c", setting]);
        }
        let guardian = Guardian::new(&dir);
        let process = Process::spawn(postgres, &dir, "scratch");
        let cluster = Self {
            dir,
            _postgres: process,
            _guardian: guardian,
        };
        super::eventually("the scratch Postgres answers", seconds(30), async || {
            cluster.connect("postgres").await.ok()
        })
        .await;
        cluster
    }

    async fn connect(&self, database: &str) -> Result<PgConnection, sqlx::Error> {
        PgConnection::connect_with(&options(&self.dir, 5432, database)).await
    }
}

fn log(dir: &Path) -> fs::File {
    fs::File::create(dir.join("postgres.log")).unwrap()
}

/// The user as whom Postgres runs if the tests run as root, as whom it refuses to run.
fn unprivileged() -> User {
    let known = |name| User::from_name(name).ok().flatten();
    known("postgres")
        .or_else(|| known("nobody"))
        .expect("a user postgres or nobody")
}

/// The path of a Postgres program, of the newest version installed.
pub fn binary(program: &str) -> PathBuf {
    if let Some(dir) = std::env::var_os("LEDGERLINE_POSTGRES_BIN") {
        return Path::new(&dir).join(program);
    }
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let found = versions.filter_map(|entry| {
        let version: u32 = entry.file_name().to_str()?.parse().ok()?;
        let path = entry.path().join("bin").join(program);
        path.exists().then_some((version, path))
    });
    let on_path = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path)
            .map(|dir| dir.join(program))
            .find(|file| file.exists())
    };
    let newest = found.max().map(|(_, path)| path).or_else(on_path);
    newest.unwrap_or_else(|| panic!("{program} of PostgreSQL is missing: install postgresql"))
}
