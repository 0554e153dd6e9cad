//! Temporary folders that are removed with their contents.

use std::{
    fs::{self, File, Permissions},
    io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    time::Duration,
};

use tempfile::TempDir;

const PREFIX: &str = "ledgerline-room-";
/// The file that the folder's owner keeps locked.
const LOCK: &str = ".lock";
/// Attempts to remove a folder, 100 ms apart, while killed programs release its files.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(100);

/// A folder that only this user can enter.
#[derive(Debug)]
pub(super) struct Folder {
    folder: Option<TempDir>,
    _lock: File,
    in_use: bool,
}

impl Folder {
    pub fn make() -> io::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(Permissions::from_mode(0o700))
            .tempdir()?;
        let new = folder.path().join(".new");
        let lock = File::create_new(&new)?;
        lock.try_lock()?;
        // The lock file gets its name only when locked: a sweep must not take the folder for
        // abandoned.
        fs::rename(new, folder.path().join(LOCK))?;
        Ok(Self {
            folder: Some(folder),
            _lock: lock,
            in_use: false,
        })
    }

    pub fn path(&self) -> &Path {
        self.folder.as_ref().map_or(Path::new("/"), TempDir::path)
    }

    /// Sets whether a program may be writing in the folder.
    pub fn is_in_use(&mut self, yes: bool) {
        self.in_use = yes;
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let Some(folder) = self.folder.take() else {
            return;
        };
        // If the runtime ends first, the task is dropped, and the folder is removed with it.
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) if self.in_use => drop(runtime.spawn(remove(folder))),
            _ => drop(folder),
        }
    }
}

async fn remove(folder: TempDir) {
    for _ in 0..TRIES {
        match fs::remove_dir_all(folder.path()) {
            Ok(()) => return,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
    tracing::warn!(folder = %folder.path().display(), "a folder could not be removed");
}

/// Removes folders whose process was killed.
pub(super) fn sweep() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else {
        return;
    };
    let ours = entries.flatten().filter(|entry| {
        let named = entry.file_name().to_string_lossy().starts_with(PREFIX);
        let owner = nix::unistd::geteuid().as_raw();
        named
            && fs::symlink_metadata(entry.path())
                .is_ok_and(|found| found.is_dir() && found.uid() == owner)
    });
    for entry in ours {
        let abandoned =
            File::open(entry.path().join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok());
        if abandoned && let Err(error) = fs::remove_dir_all(entry.path()) {
            tracing::debug!(%error, "an abandoned folder could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_private_and_goes_with_its_files() {
        let folder = Folder::make().unwrap();
        let path = folder.path().to_owned();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        fs::write(path.join("file"), b"x").unwrap();
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn a_sweep_takes_only_what_is_abandoned() {
        let kept = Folder::make().unwrap();
        let abandoned = tempfile::Builder::new().prefix(PREFIX).tempdir().unwrap();
        File::create(abandoned.path().join(LOCK)).unwrap();
        sweep();
        assert!(kept.path().exists() && !abandoned.path().exists());
    }
}
