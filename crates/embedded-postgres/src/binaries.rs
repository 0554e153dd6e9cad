//! Finds the server's programs on this system.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{error::EmbeddedError, owner::Owner};

/// The oldest supported major version: older servers lack features that the migrations use.
const OLDEST: u32 = 14;

/// The folders in which packages install servers; `*` stands for the rest of a path component.
const USUAL_PLACES: &[&str] = &[
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/lib64/pgsql/bin",
    "/usr/libexec/postgresql*",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/usr/local/pgsql/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
];

/// A folder with `postgres` and `initdb` of one version.
#[derive(Debug, Clone)]
pub(super) struct Binaries {
    dir: PathBuf,
    pub major: u32,
}

impl Binaries {
    pub fn postgres(&self) -> PathBuf {
        self.dir.join("postgres")
    }

    pub fn initdb(&self) -> PathBuf {
        self.dir.join("initdb")
    }

    /// Finds the binaries, only in `bin_dir` if it is set: of the version that made `cluster`, if
    /// that exists; otherwise the first in `PATH`, otherwise the newest in the usual places.
    pub fn find(
        bin_dir: Option<&Path>,
        owner: &Owner,
        cluster: &Path,
    ) -> Result<Self, EmbeddedError> {
        let candidates: Vec<Self> = match bin_dir {
            Some(dir) => {
                vec![
                    Self::in_dir(dir, owner).ok_or_else(|| EmbeddedError::NotInBinDir {
                        dir: dir.to_owned(),
                        user: owner.name.clone(),
                    })?,
                ]
            }
            None => candidate_dirs()
                .iter()
                .filter_map(|dir| Self::in_dir(dir, owner))
                .collect(),
        };
        match made_by(cluster) {
            Some(major) => candidates
                .into_iter()
                .find(|found| found.major == major)
                .ok_or_else(|| EmbeddedError::OtherVersion {
                    cluster: cluster.to_owned(),
                    made_by: major,
                }),
            None => candidates
                .into_iter()
                .next()
                .ok_or(EmbeddedError::NotInstalled),
        }
    }

    fn in_dir(dir: &Path, owner: &Owner) -> Option<Self> {
        // initdb looks for postgres beside itself: a link in /usr/local/bin has to be followed first.
        let dir = fs::canonicalize(dir.join("postgres"))
            .ok()?
            .parent()?
            .to_owned();
        let found = Self {
            major: major_version(&dir.join("postgres"), owner)?,
            dir,
        };
        (found.major >= OLDEST && found.initdb().is_file()).then_some(found)
    }
}

/// The `psql` beside a running server's own program, else the usual one.
pub(super) fn psql_beside(server: Option<&Path>) -> PathBuf {
    server
        .and_then(Path::parent)
        .map(|dir| dir.join("psql"))
        .filter(|psql| psql.is_file())
        .unwrap_or_else(|| {
            candidate_dirs()
                .iter()
                .map(|dir| dir.join("psql"))
                .find(|psql| psql.is_file())
                .unwrap_or_else(|| PathBuf::from("psql"))
        })
}

/// The major version of the server that made a cluster.
pub(super) fn made_by(cluster: &Path) -> Option<u32> {
    let version = fs::read_to_string(cluster.join("PG_VERSION")).ok()?;
    version.trim().split('.').next()?.parse().ok()
}

/// The major version in the output of `--version`:
/// `postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)` → 15.
fn major_version(postgres: &Path, owner: &Owner) -> Option<u32> {
    let mut command = Command::new(postgres);
    owner.dress(&mut command);
    let said = command.arg("--version").current_dir("/").output().ok()?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let digits = said
        .split_once(") ")?
        .1
        .split(|c: char| !c.is_ascii_digit())
        .next()?;
    digits.parse().ok()
}

fn candidate_dirs() -> Vec<PathBuf> {
    let mut dirs: Vec<PathBuf> = env::var_os("PATH")
        .iter()
        .flat_map(env::split_paths)
        .filter(|dir| dir.is_absolute())
        .collect();
    let mut usual: Vec<PathBuf> = USUAL_PLACES
        .iter()
        .flat_map(|pattern| expand(pattern))
        .collect();
    usual.sort_by_key(|dir| std::cmp::Reverse(number_in(dir)));
    dirs.extend(usual);
    dirs.dedup();
    dirs
}

/// The directories that a pattern with at most one `*` stands for.
fn expand(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else {
        return vec![PathBuf::from(pattern)];
    };
    let Some((parent, prefix)) = before.rsplit_once('/') else {
        return Vec::new();
    };
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path().join(after.trim_start_matches('/')))
        .filter(|dir| dir.is_dir())
        .collect()
}

/// The largest number in a path, to try newer versions first: `/usr/lib/postgresql/15/bin` → 15.
fn number_in(dir: &Path) -> u32 {
    dir.to_string_lossy()
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .max()
        .unwrap_or(0)
}
