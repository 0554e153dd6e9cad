//! Access to the files of a workroom, which a hostile program may have replaced by links to
//! other files, or by pipes that would never end.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use nix::libc::{O_NOFOLLOW, O_NONBLOCK};

/// Opens a file of a workroom for reading.
///
/// # Errors
/// When the file does not exist, or is not a regular file.
pub fn open(path: &Path) -> io::Result<File> {
    regular(OpenOptions::new().read(true), path)
}

/// Creates a file of a workroom, or truncates it.
///
/// # Errors
/// When it exists and is not a regular file, or the system does not create it.
pub fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    regular(options.write(true).create(true).truncate(true), path)
}

fn regular(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = options.custom_flags(O_NOFOLLOW | O_NONBLOCK).open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("no regular file"))
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn links_and_pipes_are_not_opened() {
        let room = tempfile::tempdir().unwrap();
        let path = |name: &str| room.path().join(name);
        fs::write(path("secret"), b"key").unwrap();
        symlink(path("secret"), path("link")).unwrap();
        nix::unistd::mkfifo(&path("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        for name in ["link", "pipe", "."] {
            assert!(open(&path(name)).is_err(), "{name}");
            assert!(create(&path(name)).is_err(), "{name}");
        }
        assert_eq!(fs::read(path("secret")).unwrap(), b"key");
        open(&path("secret")).unwrap();
        create(&path("new")).unwrap();
    }
}
