//! The user that the server runs as: that of this process, or an unprivileged user if it runs
//! as root.

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt, lchown},
        process::CommandExt,
    },
    path::Path,
    process::{Command, Stdio},
};

use nix::unistd::{Uid, User, getegid, geteuid};

use super::error::{Context, EmbeddedError};

/// The user that owns the cluster and runs its processes.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    uid: u32,
    gid: u32,
    /// The name or number, for messages.
    pub name: String,
    /// True if this process is root and has to drop its privileges to run as this user.
    drops: bool,
}

impl Owner {
    /// The owner of an existing cluster; for a new cluster, or one that root owns, as
    /// [`Owner::for_new`].
    pub fn detect(cluster: &Path) -> Result<Self, EmbeddedError> {
        let us = geteuid();
        match fs::metadata(cluster) {
            Ok(found) if us.is_root() && found.uid() != 0 => Ok(Self {
                uid: found.uid(),
                gid: found.gid(),
                name: name_of(found.uid()),
                drops: true,
            }),
            Ok(found) if found.uid() != us.as_raw() => Err(EmbeddedError::ForeignCluster {
                cluster: cluster.to_owned(),
                owner: name_of(found.uid()),
            }),
            _ => Self::for_new(),
        }
    }

    /// The owner of a new cluster: the user of this process, or for root `postgres`, otherwise
    /// `nobody`.
    pub fn for_new() -> Result<Self, EmbeddedError> {
        let us = geteuid();
        if !us.is_root() {
            let (uid, gid) = (us.as_raw(), getegid().as_raw());
            return Ok(Self {
                uid,
                gid,
                name: name_of(uid),
                drops: false,
            });
        }
        ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| User::from_name(name).ok().flatten())
            .filter(|user| !user.uid.is_root())
            .map(|user| Self {
                uid: user.uid.as_raw(),
                gid: user.gid.as_raw(),
                name: user.name,
                drops: true,
            })
            .ok_or(EmbeddedError::NoUnprivilegedUser)
    }

    /// Makes a command run as this user, in its own process group (so without the terminal's
    /// signals) and without the `PG*` variables of this process.
    pub fn dress(&self, command: &mut Command) {
        command
            .stdin(Stdio::null())
            .process_group(0)
            .env("LC_ALL", "C");
        forget_environment(command);
        if self.drops {
            // Rust drops the supplementary groups along with root.
            command.gid(self.gid).uid(self.uid);
        }
    }

    /// Gives this user a file or directory.
    pub fn give(&self, path: &Path) -> Result<(), EmbeddedError> {
        if self.drops {
            lchown(path, Some(self.uid), Some(self.gid))
                .context(|| format!("give {} to user {}", path.display(), self.name))?;
        }
        Ok(())
    }

    /// True if this user owns the file that the metadata describes.
    pub fn owns(&self, metadata: &fs::Metadata) -> bool {
        metadata.uid() == self.uid
    }

    /// True if this user can run the program with `dir` as its working directory. Found out by
    /// trying, because modes do not show all (ACLs, mounts).
    pub fn can_run(&self, program: &Path, dir: &Path) -> bool {
        let mut probe = Command::new(program);
        self.dress(&mut probe);
        probe
            .arg("--version")
            .current_dir(dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }
}

/// Removes the `PG*` variables: a `PGDATA` or `PGHOST` set for another server must not affect
/// this one.
pub(super) fn forget_environment(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("PG")) {
            command.env_remove(name);
        }
    }
}

fn name_of(uid: u32) -> String {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => user.name,
        _ => uid.to_string(),
    }
}
