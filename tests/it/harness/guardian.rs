//! Cleans up a directory of the tests, even if they are killed.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

/// A small process that waits for the end of its input, which comes when this value is dropped
/// or the tests are killed. Then it ends the processes that are noted in the directory and the
/// Postgres that runs in it, and removes the directory.
#[derive(Debug)]
pub struct Guardian(Child);

const SCRIPT: &str = r#"
dir=$1
cat >/dev/null
gone() { ! kill -0 "$1" 2>/dev/null; }
end() { # pid signal tries
    kill -"$2" "$1" 2>/dev/null || return 0
    kill -CONT "$1" 2>/dev/null
    i=0
    while [ $i -lt "$3" ]; do
        gone "$1" && return 0
        sleep 0.1
        i=$((i + 1))
    done
    kill -KILL "$1" 2>/dev/null
}
for note in "$dir"/*.pid; do
    # To Postgres, TERM means to wait for its clients.
    case $note in */scratch.pid) signal=INT ;; *) signal=TERM ;; esac
    [ -f "$note" ] && end "$(cat "$note")" "$signal" 150
done
base=$dir
[ -f "$dir/postgres.location" ] && base=$(cat "$dir/postgres.location")
if [ -f "$base/postgres/postmaster.pid" ]; then
    pid=$(head -n 1 "$base/postgres/postmaster.pid")
    [ "$(readlink "/proc/$pid/cwd")" = "$base/postgres" ] && end "$pid" INT 100
fi
[ -f "$dir/socket.location" ] && rm -rf "$(cat "$dir/socket.location")"
rm -rf "$dir"
case $base in /var/lib/ledgerline/*) rm -rf "$base" ;; esac
"#;

impl Guardian {
    /// Watches over this directory.
    pub fn new(dir: &Path) -> Self {
        let child = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "guardian"])
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        Self(child)
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
