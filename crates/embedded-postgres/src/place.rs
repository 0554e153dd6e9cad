//! The directories of a data directory's cluster and of its socket, and the locks on them.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, ErrorKind},
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    },
    path::{Path, PathBuf},
};

use nix::unistd::geteuid;

use super::{
    error::{Context, EmbeddedError},
    owner::Owner,
};

/// The note in a data directory that names the directory of its cluster, if that is elsewhere.
const NOTE: &str = "postgres.location";
/// The note while that cluster is being made: then a missing cluster is no loss of data.
const UNFINISHED_NOTE: &str = "postgres.location.new";

/// The directories of this system that a place may use; tests have their own.
#[derive(Debug, Clone)]
pub(super) struct Surroundings {
    /// The parent of the clusters whose data directory the database's user cannot reach.
    pub elsewhere: PathBuf,
    /// The parents of the sockets' directories; short, because a socket's path has at most 107
    /// bytes.
    pub sockets: Vec<PathBuf>,
}

impl Default for Surroundings {
    fn default() -> Self {
        let run = geteuid().is_root().then(|| PathBuf::from("/run"));
        Self {
            elsewhere: "/var/lib/ledgerline".into(),
            sockets: run.into_iter().chain([PathBuf::from("/tmp")]).collect(),
        }
    }
}

/// The directory that holds `postgres/`, the cluster: the data directory or one elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    pub base: PathBuf,
    note: Option<PathBuf>,
}

impl Place {
    /// The place of the existing cluster of a (canonical) data directory; also one whose making was
    /// begun.
    pub fn existing(data_dir: &Path) -> Result<Option<Self>, EmbeddedError> {
        for name in [NOTE, UNFINISHED_NOTE] {
            let note = data_dir.join(name);
            let base = match fs::read(&note) {
                Ok(text) => {
                    PathBuf::from(std::ffi::OsString::from_vec(text.trim_ascii_end().to_vec()))
                }
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error).context(|| format!("read {}", note.display())),
            };
            let place = Self {
                base,
                note: Some(note.clone()),
            };
            if name == NOTE && !place.has_cluster() {
                return Err(EmbeddedError::Missing {
                    note,
                    base: place.base,
                });
            }
            return Ok(Some(place));
        }
        let inside = Self {
            base: data_dir.to_owned(),
            note: None,
        };
        Ok(inside.has_cluster().then_some(inside))
    }

    /// The place for a new cluster: inside the data directory if the database's user can reach it,
    /// otherwise elsewhere; `None` if neither can be reached.
    pub fn fresh(
        data_dir: &Path,
        surroundings: &Surroundings,
        reachable: impl Fn(&Path) -> bool,
    ) -> Result<Option<Self>, EmbeddedError> {
        if reachable(data_dir) {
            return Ok(Some(Self {
                base: data_dir.to_owned(),
                note: None,
            }));
        }
        // An existing one belonged to a data directory of this name that was removed; it must not
        // be adopted.
        let Some(base) =
            siblings(&surroundings.elsewhere.join(hash(data_dir))).find(|base| !base.exists())
        else {
            return Ok(None);
        };
        create_dir(&base)?;
        if !reachable(&base) {
            let _ = fs::remove_dir(&base);
            return Ok(None);
        }
        let note = data_dir.join(UNFINISHED_NOTE);
        fs::write(&note, [base.as_os_str().as_bytes(), b"\n"].concat())
            .context(|| format!("write {}", note.display()))?;
        Ok(Some(Self {
            base,
            note: Some(note),
        }))
    }

    /// Notes that the cluster was made: from now on a missing cluster is an error.
    pub fn cluster_is_made(&self) -> Result<(), EmbeddedError> {
        if let Some(note) = self
            .note
            .as_ref()
            .filter(|note| note.ends_with(UNFINISHED_NOTE))
        {
            fs::rename(note, note.with_file_name(NOTE))
                .context(|| format!("rename {}", note.display()))?;
        }
        Ok(())
    }

    pub fn cluster(&self) -> PathBuf {
        self.base.join("postgres")
    }

    pub fn has_cluster(&self) -> bool {
        self.cluster().join("PG_VERSION").exists()
    }

    pub fn is_elsewhere(&self) -> bool {
        self.note.is_some()
    }
}

/// Creates a directory and its parents so that other users can pass through but not list it.
pub(super) fn create_dir(dir: &Path) -> Result<(), EmbeddedError> {
    if dir.is_dir() {
        return Ok(());
    }
    if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        create_dir(parent)?;
    }
    let context = || format!("create the directory {}", dir.display());
    match fs::create_dir(dir) {
        // Set explicitly: the umask may be stricter, and the database's user needs access.
        Ok(()) => fs::set_permissions(dir, fs::Permissions::from_mode(0o711)).context(context),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error).context(context),
    }
}

/// The lock that lets one process at a time run a cluster. It ends with the process, however
/// that ends.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Drop for Lock {
    /// Unlocks explicitly, because closing is not enough: a child that another thread is just
    /// starting has the file open until it execs.
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

/// Takes the lock in `dir`, or fails with [`EmbeddedError::InUse`].
pub(super) fn lock(dir: &Path, data_dir: &Path) -> Result<Lock, EmbeddedError> {
    let path = dir.join("ledgerline.lock");
    let context = || format!("lock {}", path.display());
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .context(context)?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(EmbeddedError::InUse(data_dir.to_owned())),
        Err(TryLockError::Error(error)) => Err(error).context(context),
    }
}

/// A private directory for a cluster's socket, which stays the same over restarts. Any user can
/// create a directory of that name in a shared parent, so one of another owner is skipped.
pub(super) fn socket_dir(
    cluster: &Path,
    owner: &Owner,
    surroundings: &Surroundings,
) -> Result<PathBuf, EmbeddedError> {
    let name = format!("ledgerline-{}", hash(cluster));
    let mut refused = EmbeddedError::NoSocketDir(PathBuf::from(&name));
    for parent in &surroundings.sockets {
        for dir in siblings(&parent.join(&name)) {
            match private_dir(&dir, owner) {
                Ok(true) => return Ok(dir),
                Ok(false) => refused = EmbeddedError::NoSocketDir(dir),
                Err(error) => {
                    refused = error;
                    break;
                }
            }
        }
    }
    Err(refused)
}

fn private_dir(dir: &Path, owner: &Owner) -> Result<bool, EmbeddedError> {
    let context = || format!("create the directory {}", dir.display());
    match DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => owner.give(dir)?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error).context(context),
    }
    let found = fs::symlink_metadata(dir).context(context)?;
    Ok(found.is_dir() && owner.owns(&found) && found.permissions().mode() & 0o077 == 0)
}

/// A path and eight alternatives for when it is taken: `x`, `x-2`, `x-3` …
fn siblings(path: &Path) -> impl Iterator<Item = PathBuf> {
    let first = path.to_owned();
    std::iter::once(first.clone()).chain((2..=9).map(move |n| {
        let mut name = first.clone().into_os_string();
        name.push(format!("-{n}"));
        name.into()
    }))
}

/// The FNV-1a hash of a path: a short name that is stable over releases of Rust. Not for
/// security.
fn hash(path: &Path) -> String {
    let hash = path
        .as_os_str()
        .as_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    format!("{hash:016x}")
}

/// The canonical form of a directory that exists.
pub(super) fn canonical(dir: &Path) -> Result<PathBuf, EmbeddedError> {
    fs::canonicalize(dir).map_err(|error: io::Error| EmbeddedError::Io {
        what: format!("open the data directory {}", dir.display()),
        source: error,
    })
}
