//! The files that a confined program sees: those of the system, and the folder that it is in.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

/// Programs, libraries, fonts and their configuration; nothing else of `/etc`.
const SYSTEM: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix/store",
    "/gnu/store",
    "/etc/alternatives",
    "/etc/fonts",
    "/etc/ghostscript",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/libreoffice",
    "/etc/papersize",
    "/var/cache/fontconfig",
    "/var/lib/ghostscript",
];
/// The folder in which each package has a folder.
const PACKAGES: &str = "/opt";

/// The paths that a program sees, and those among them that are hidden.
#[derive(Debug)]
pub(super) struct Visible<'h> {
    /// Symbolic links at the root, to folders of the system, with their targets.
    links: Vec<(PathBuf, PathBuf)>,
    paths: Vec<PathBuf>,
    hidden: &'h [PathBuf],
}

impl<'h> Visible<'h> {
    /// The paths that these programs need, without those that are hidden.
    pub fn to(programs: &[&Path], hidden: &'h [PathBuf]) -> Self {
        let (mut links, mut paths) = (Vec::new(), Vec::new());
        for path in SYSTEM.iter().map(Path::new) {
            match fs::read_link(path) {
                Ok(to) if path.parent() == Some(Path::new("/")) => links.push((path.into(), to)),
                _ if path.exists() => paths.push(path.to_owned()),
                _ => {}
            }
        }
        let real = programs.iter().map(|program| program.canonicalize());
        for folder in real.flatten().filter_map(|program| own_folder(&program)) {
            if !paths.iter().any(|path| folder.starts_with(path)) {
                paths.push(folder);
            }
        }
        Self {
            links,
            paths,
            hidden,
        }
    }

    /// The arguments of bubblewrap that mount the paths, and the program's folder at `inside`.
    pub fn for_bubblewrap(&self, folder: &Path, inside: &Path) -> Vec<OsString> {
        let mut words: Vec<OsString> = Vec::new();
        let mut say = |these: &[&dyn AsRef<std::ffi::OsStr>]| {
            words.extend(these.iter().map(|word| word.as_ref().to_owned()));
        };
        say(&[&"--unshare-all", &"--die-with-parent", &"--new-session"]);
        say(&[
            &"--cap-drop",
            &"ALL",
            &"--proc",
            &"/proc",
            &"--dev",
            &"/dev",
        ]);
        // Before the other mounts, one of which may lie in `inside`.
        say(&[&"--bind", &folder, &inside]);
        for path in &self.paths {
            say(&[&"--ro-bind", path, path]);
        }
        for (link, to) in &self.links {
            say(&[&"--symlink", to, link]);
        }
        for path in self.hidden_within() {
            if path.is_dir() {
                say(&[&"--tmpfs", path, &"--remount-ro", path])
            } else {
                say(&[&"--ro-bind", &"/dev/null", path])
            }
        }
        say(&[&"--chdir", &inside]);
        // Only the program's folder is writable: writes elsewhere would use memory.
        // Files in `/proc` belong to root, and so may the program.
        for mount in ["/proc", "/dev", "/"] {
            say(&[&"--remount-ro", &mount]);
        }
        words
    }

    /// The arguments of `ledgerline confined` that allow to read the paths, and to write to
    /// `folder`.
    pub fn for_landlock(&self, folder: &Path) -> Vec<OsString> {
        let canonical = self
            .paths
            .iter()
            .filter_map(|path| path.canonicalize().ok());
        let read = canonical.flat_map(|path| without(path, self.hidden));
        let read = read.flat_map(|path| ["--read".into(), path.into_os_string()]);
        let write = ["--write".into(), folder.as_os_str().to_owned()];
        read.chain(write).collect()
    }

    fn hidden_within(&self) -> impl Iterator<Item = &PathBuf> {
        let canonical = self
            .paths
            .iter()
            .filter_map(|path| path.canonicalize().ok());
        let seen: Vec<PathBuf> = canonical.collect();
        let is_within = move |path: &&PathBuf| seen.iter().any(|seen| path.starts_with(seen));
        self.hidden.iter().filter(is_within)
    }
}

/// The folder of a program outside the system's folders; in `/opt` the folder of its package.
fn own_folder(program: &Path) -> Option<PathBuf> {
    let in_package = program.strip_prefix(PACKAGES).ok();
    let package = in_package.and_then(|rest| rest.components().next());
    match package {
        Some(package) if in_package.is_some_and(|rest| rest.components().count() > 1) => {
            Some(Path::new(PACKAGES).join(package))
        }
        _ => program.parent().map(Path::to_owned),
    }
}

/// The path, or if it contains hidden paths, its entries without them. Links are left out:
/// their targets are allowed by their own paths, or not.
fn without(path: PathBuf, hidden: &[PathBuf]) -> Vec<PathBuf> {
    if hidden.iter().any(|hidden| path.starts_with(hidden)) {
        return Vec::new();
    }
    if !hidden.iter().any(|hidden| hidden.starts_with(&path)) {
        return vec![path];
    }
    let entries = fs::read_dir(&path).into_iter().flatten().flatten();
    let is_link = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_symlink());
    let real = entries.filter(|entry| !is_link(entry));
    real.flat_map(|entry| without(entry.path(), hidden))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_seen_with_its_folder_or_its_package() {
        let folder = |program: &str| own_folder(Path::new(program));
        assert_eq!(
            folder("/opt/office/program/soffice"),
            Some("/opt/office".into())
        );
        assert_eq!(folder("/opt/gs"), Some("/opt".into()));
        assert_eq!(folder("/home/a/bin/gs"), Some("/home/a/bin".into()));
    }

    #[test]
    fn what_is_hidden_is_left_out_and_its_neighbours_are_not() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let hidden = root.join("b/hidden");
        for folder in ["a", "b/c", "b/hidden/d"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        std::os::unix::fs::symlink(&hidden, root.join("link")).unwrap();
        let mut seen = without(root.clone(), std::slice::from_ref(&hidden));
        seen.sort();
        assert_eq!(seen, [root.join("a"), root.join("b/c")]);
        assert_eq!(without(hidden.join("d"), &[hidden]), Vec::<PathBuf>::new());
        assert_eq!(without(root.join("a"), &[]), [root.join("a")]);
    }

    #[test]
    fn bubblewrap_covers_what_is_hidden_in_what_is_seen() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        fs::create_dir(root.join("data")).unwrap();
        fs::write(root.join("secret.toml"), "").unwrap();
        let hidden = [root.join("data"), root.join("secret.toml"), "/root".into()];
        let program = root.join("gs");
        fs::write(&program, "").unwrap();
        let visible = Visible::to(&[program.as_path()], &hidden);
        let words = visible.for_bubblewrap(Path::new("/tmp/x"), Path::new("/tmp"));
        let line = words.join(std::ffi::OsStr::new(" ")).into_string().unwrap();
        let root = root.display();
        for part in [
            format!("--ro-bind {root} {root} "),
            format!("--tmpfs {root}/data "),
            format!("--ro-bind /dev/null {root}/secret.toml "),
        ] {
            assert!(line.contains(&part), "{part} in {line}");
        }
        assert!(!line.contains("/root "), "{line}");
    }
}
