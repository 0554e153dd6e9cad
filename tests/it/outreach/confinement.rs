//! Programs that convert see the system's files and their own folder, and nothing else: a
//! program that is taken over reads no secret, opens no connection and reaches no process.
//!
//! A script in place of sox attempts all of these, and writes the successful ones as its sound.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use serde_json::json;

use crate::harness::{Answer, Client, Database, Server, Setup, cannot_run, scratch_dir};

/// A server that converts with the script.
struct Spied {
    server: Server,
    admin: Client,
    media: String,
    programs: PathBuf,
    // The address that the script tries to connect to.
    listener: TcpListener,
}

impl Spied {
    /// A server that finds these programs of the system on its `PATH`.
    async fn with(programs: &[&str], policy: &str) -> Self {
        let folder = scratch_dir("spied");
        for name in programs {
            let on_path = std::env::split_paths(&std::env::var_os("PATH").unwrap())
                .map(|path| path.join(name))
                .find(|path| path.exists());
            let on_path = on_path.unwrap_or_else(|| panic!("{name} is missing: install it"));
            symlink(on_path, folder.join(name)).unwrap();
        }
        script(&folder.join("sox"), "exit 1");
        Self::on(folder, policy).await
    }

    /// A server with the programs in this folder, which is visible because sox is in it. The data
    /// directory is in it too, and has to be hidden.
    async fn on(programs: PathBuf, policy: &str) -> Self {
        let data = programs.join("data");
        fs::create_dir(&data).unwrap();
        fs::write(data.join("master.key"), "secret\n").unwrap();
        let setup = Setup::on(&Database::create().await)
            .path(&programs)
            .set("DATA_DIR", data.to_str().unwrap())
            .set("CONFINEMENT", policy);
        let server = setup.start().await;
        let admin = server.admin().await;
        let body = json!({"name": "spied", "description": "d"});
        let recording = admin.post("/messages/recordings", body).await;
        Self {
            media: format!(
                "/messages/recordings/{}/media",
                recording.id("recording_id")
            ),
            listener: TcpListener::bind("127.0.0.1:0").unwrap(),
            server,
            admin,
            programs,
        }
    }

    /// The method of confinement, as `/readyz` reports it.
    async fn way(&self) -> String {
        let ready = self.server.stranger().get("/readyz").await.ok();
        ready["conversions"]["confinement"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// True if programs are confined by this method; if not, the reason is reported, which must be
    /// in the log.
    async fn is(&self, way: &str) -> bool {
        let found = self.way().await;
        if found == way {
            return true;
        }
        let log = self.server.log();
        let said = log.lines().find(|line| {
            line.contains("conversions cannot be confined this way") && line.contains(way)
        });
        let said = said.unwrap_or_else(|| panic!("{found} instead of {way}: {log}"));
        cannot_run(&format!("conversions confined by {way}"), said);
        false
    }

    /// Uploads a file that sox has to convert.
    async fn convert(&self) -> Answer {
        let upload = b"ID3\x03\0\0\0\0\0\0 no sound".to_vec();
        self.admin.upload(&self.media, "audio/mpeg", upload).await
    }

    fn key(&self) -> PathBuf {
        self.programs.join("data/master.key")
    }

    /// The names of the attempts that succeed from within a program.
    async fn found(&self) -> String {
        let (pid, port) = (
            self.server.pid(),
            self.listener.local_addr().unwrap().port(),
        );
        let (key, outside) = (self.key(), self.programs.join("written"));
        let log = self.server.data_dir.join("server.log");
        let lines = [
            "exec 2>/dev/null; printf 'ran' > samples.raw".to_owned(),
            "found() { printf ' %s' \"$1\" >> samples.raw; }".to_owned(),
            format!("cat '{}' && found key", key.display()),
            format!("cat '{}' && found log", log.display()),
            "cat /etc/passwd && found passwd".to_owned(),
            format!("(: > '{}') && found writing", outside.display()),
            format!("(: < /dev/tcp/127.0.0.1/{port}) && found network"),
            format!("kill -0 {pid} && found signals"),
            format!("cat /proc/{pid}/environ && found environment"),
            format!(
                "(chmod 640 '{0}' || perl -e \"exit !!syscall({FCHMODAT2}, -100, '{0}', 0640, 0)\") \
                 && found mode",
                key.display()
            ),
            // Opened only: as root it could be written to.
            "(: >> /proc/sys/kernel/core_pattern) && found kernel".to_owned(),
            "printf '    ' >> samples.raw; exit 0".to_owned(),
        ];
        script(&self.programs.join("sox"), &lines.join("\n"));
        self.convert().await.id("recording_id");
        let file = self.admin.get(&self.media).await;
        let text = String::from_utf8_lossy(&file.body[44..]).into_owned();
        text.trim().to_owned()
    }
}

const NOTHING: &str = "ran";
const ALL: &str = "ran key log passwd writing network signals environment mode";

/// All that a program of the server's user finds; settings of the kernel are root's.
fn all() -> String {
    let kernel = if nix::unistd::geteuid().is_root() {
        " kernel"
    } else {
        ""
    };
    format!("{ALL}{kernel}")
}
/// The number of the system call fchmodat2, which `chmod` does not use.
const FCHMODAT2: i64 = 452;

/// Writes an executable bash script.
fn script(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/bash\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Writes a script in place of setpriv that refuses to start the confining programs.
fn refusing_setpriv(folder: &Path) {
    let refuse = "case \" $* \" in *' confined '*|*bwrap*) echo 'not here' >&2; exit 1;; esac";
    script(
        &folder.join("setpriv"),
        &format!("{refuse}\nexec /usr/bin/setpriv \"$@\""),
    );
    symlink("/usr/bin/prlimit", folder.join("prlimit")).unwrap();
    script(&folder.join("sox"), "exit 1");
}

/// Otherwise the tests of both methods would check nothing.
#[tokio::test]
async fn some_way_to_confine_works_on_this_machine() {
    let spied = Spied::with(&["setpriv", "prlimit", "bwrap"], "auto").await;
    let (way, log) = (spied.way().await, spied.server.log());
    assert!(["bubblewrap", "landlock"].contains(&way.as_str()), "{log}");
}

#[tokio::test]
async fn a_program_in_bubblewrap_finds_nothing() {
    let spied = Spied::with(&["setpriv", "prlimit", "bwrap"], "auto").await;
    if spied.is("bubblewrap").await {
        assert_eq!(spied.found().await, NOTHING);
    }
}

#[tokio::test]
async fn a_program_under_landlock_finds_nothing() {
    let spied = Spied::with(&["setpriv", "prlimit"], "required").await;
    if spied.is("landlock").await {
        assert_eq!(spied.found().await, NOTHING);
    }
}

#[tokio::test]
async fn where_nothing_confines_it_is_said_and_converted() {
    let folder = scratch_dir("spied");
    refusing_setpriv(&folder);
    let spied = Spied::on(folder, "auto").await;
    assert_eq!(spied.way().await, "none");
    let log = spied.server.log();
    assert!(log.contains("conversions are not confined"), "{log}");
    // All attempts of the script succeed if it is not confined.
    assert_eq!(spied.found().await, all());
}

#[tokio::test]
async fn what_must_be_confined_and_cannot_be_is_refused() {
    let folder = scratch_dir("spied");
    refusing_setpriv(&folder);
    let spied = Spied::on(folder, "required").await;
    assert_eq!(spied.way().await, "none");
    let said = spied.convert().await.expect(501);
    assert!(
        said["detail"].to_string().contains("cannot be confined"),
        "{said}"
    );
}

#[tokio::test]
async fn confinement_can_be_switched_off_and_says_so() {
    let spied = Spied::with(&["setpriv", "prlimit"], "off").await;
    assert_eq!(spied.way().await, "none");
    assert!(spied.server.log().contains("LEDGERLINE_CONFINEMENT is off"));
    assert_eq!(spied.found().await, all());
}

#[tokio::test]
async fn a_link_that_a_program_leaves_is_not_followed() {
    let spied = Spied::with(&["setpriv", "prlimit"], "auto").await;
    let link = format!("ln -s '{}' samples.raw", spied.key().display());
    script(&spied.programs.join("sox"), &link);
    let answer = spied.convert().await;
    assert_ne!(answer.status, 200, "{}", answer.text());
    spied.admin.get(&spied.media).await.expect(404);
}
