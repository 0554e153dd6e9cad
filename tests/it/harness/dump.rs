//! Databases of earlier versions, from `tests/files/dump`.

use std::{
    fs::File,
    io::{BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::{Map, Value};
use sqlx::{Connection, Executor, PgConnection};
use tokio::sync::OnceCell;

use super::{Database, binary};

/// Something of every kind.
static EVERYTHING: Source = Source::named("2026-11-30");
/// Two companies that share an installation.
static COMPANIES: Source = Source::named("2026-11-30-companies");
/// Moves the times of work in progress forward by the age of the dump, as if no time had passed.
const MOVE_TIMES: &str = "do $$
declare
    age interval := now() - (select max(occurred_at) from events);
    place record;
begin
    for place in select table_schema, table_name, column_name from information_schema.columns
        where table_schema in ('dispatch', 'once') and data_type = 'timestamp with time zone'
    loop
        execute format('update %1$I.%2$I set %3$I = %3$I + $1',
            place.table_schema, place.table_name, place.column_name) using age;
    end loop;
end $$";

/// A dump, restored and read once.
struct Source {
    /// The name of its files, without extension.
    name: &'static str,
    template: OnceCell<Database>,
    recorded: OnceLock<Dump>,
}

impl Source {
    const fn named(name: &'static str) -> Self {
        Self {
            name,
            template: OnceCell::const_new(),
            recorded: OnceLock::new(),
        }
    }

    fn file(&self, kind: &str) -> PathBuf {
        folder().join(format!("{}.{kind}", self.name))
    }

    fn recorded(&self) -> &Dump {
        self.recorded.get_or_init(|| {
            let file = File::open(self.file("json")).unwrap();
            serde_json::from_reader(BufReader::new(file)).unwrap()
        })
    }

    /// A copy of the restored database.
    async fn database(&'static self) -> Database {
        let template = self.template.get_or_init(|| restored(self)).await;
        let database = Database::copy_of(template).await;
        let mut sql = PgConnection::connect_with(&database.options())
            .await
            .unwrap();
        sql.execute(MOVE_TIMES).await.unwrap();
        sql.close().await.unwrap();
        database
    }
}

/// Facts recorded with the dump; its README lists them.
#[derive(Debug, Deserialize)]
pub struct Dump {
    names: Map<String, Value>,
    /// Answers of the API by path: to `admin`, or in the dump of companies to whom the path is
    /// preceded by.
    pub answers: Map<String, Value>,
    /// SHA-256 of every downloaded file, by path.
    pub media: Map<String, Value>,
}

impl Dump {
    /// The facts of the dump that [`Database::from_dump`] restores.
    pub fn recorded() -> &'static Self {
        EVERYTHING.recorded()
    }

    /// The facts of the dump that [`Database::from_dump_of_companies`] restores.
    pub fn of_companies() -> &'static Self {
        COMPANIES.recorded()
    }

    /// The id recorded under this name, such as `account.victim`.
    #[track_caller]
    pub fn id(&self, name: &str) -> i64 {
        let id = self.names.get(name).and_then(Value::as_i64);
        id.unwrap_or_else(|| panic!("the dump names no {name}"))
    }

    /// The text recorded under this name, such as `password.weak`.
    #[track_caller]
    pub fn text(&self, name: &str) -> &str {
        let text = self.names.get(name).and_then(Value::as_str);
        text.unwrap_or_else(|| panic!("the dump names no {name}"))
    }
}

impl Database {
    /// Creates a database restored from the dump with something of every kind, with its master key.
    pub async fn from_dump() -> Self {
        EVERYTHING.database().await
    }

    /// Creates a database restored from the dump of two companies, with its master key.
    pub async fn from_dump_of_companies() -> Self {
        COMPANIES.database().await
    }
}

/// The restored dump, as a template for copies.
async fn restored(source: &'static Source) -> Database {
    let key = std::fs::read_to_string(source.file("key")).unwrap();
    let database = Database::create().await.with_key(key.trim());
    let here = database.clone();
    let restore = move || {
        let mut dump = Vec::new();
        let packed = File::open(source.file("sql.gz")).unwrap();
        GzDecoder::new(packed).read_to_end(&mut dump).unwrap();
        psql(&here, &std::fs::read(folder().join("roles.sql")).unwrap());
        psql(&here, &dump);
    };
    tokio::task::spawn_blocking(restore).await.unwrap();
    database
}

/// Runs a script by psql; every statement must succeed.
fn psql(database: &Database, script: &[u8]) {
    let options = database.options();
    let mut psql = Command::new(binary("psql"))
        .args([
            "-X",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            "ledgerline",
            "-h",
        ])
        .arg(options.get_socket().expect("a socket"))
        .args(["-d", options.get_database().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // If a statement fails, psql does not read the rest.
    let written = psql.stdin.take().unwrap().write_all(script);
    let ended = psql.wait_with_output().unwrap();
    let complaint = String::from_utf8_lossy(&ended.stderr);
    assert!(
        ended.status.success(),
        "the dump is not restored: {complaint}"
    );
    written.unwrap();
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files/dump")
}
