//! A real Postfix that hands mail over to our LMTP server.

use std::{
    fs,
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use nix::unistd::{User, chown, geteuid};

use super::{eventually, free_port, guardian::Guardian, process::Process, scratch_dir, seconds};

const MASTER: &str = "/usr/lib/postfix/sbin/master";

/// A running Postfix for one domain, whose mail it hands over.
#[derive(Debug)]
pub struct Postfix {
    /// The port on which it accepts mail.
    pub port: u16,
    dir: PathBuf,
    _master: Process,
    _guardian: Guardian,
}

impl Postfix {
    /// Starts a Postfix that hands over the mail of `domain` to this port.
    pub async fn handing_over(domain: &str, lmtp: u16) -> Self {
        assert!(
            Path::new(MASTER).exists(),
            "peer Postfix is missing: install postfix"
        );
        assert!(geteuid().is_root(), "peer Postfix runs as root only");
        let dir = scratch_dir("postfix");
        let guardian = Guardian::new(&dir);
        let port = free_port();
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&dir, open.clone()).unwrap();
        for name in ["conf", "queue", "data"] {
            fs::create_dir(dir.join(name)).unwrap();
            fs::set_permissions(dir.join(name), open.clone()).unwrap();
        }
        let postfix = User::from_name("postfix").unwrap().expect("its user");
        chown(&dir.join("data"), Some(postfix.uid), None).unwrap();
        fs::write(dir.join("conf/main.cf"), main(&dir, domain, lmtp)).unwrap();
        fs::write(dir.join("conf/master.cf"), services(port)).unwrap();
        let conf = dir.join("conf");
        // Creates the folders of the queue.
        let checked = Command::new("/usr/sbin/postfix")
            .arg("-c")
            .arg(&conf)
            .arg("check")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(checked.status.success(), "{checked:?}");
        let mut master = Command::new(MASTER);
        master.arg("-c").arg(&conf).arg("-d");
        master.stdin(Stdio::null()).stdout(Stdio::null());
        master.stderr(Stdio::null());
        let master = Process::spawn(master, &dir, "master");
        let this = Self {
            port,
            dir,
            _master: master,
            _guardian: guardian,
        };
        eventually("Postfix listens", seconds(20), async || {
            TcpStream::connect(("127.0.0.1", port)).ok()
        })
        .await;
        this
    }

    /// The content of its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("maillog")).unwrap_or_default()
    }
}

impl Drop for Postfix {
    /// Shows the log of a test that failed.
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}

/// The main configuration: what it defers, a busy recipient for instance, it tries again each second.
fn main(dir: &Path, domain: &str, lmtp: u16) -> String {
    let dir = dir.display();
    format!(
        "compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
maillog_file = {dir}/maillog
maillog_file_prefixes = {dir}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
myhostname = mx.example
mydestination =
alias_maps =
alias_database =
virtual_mailbox_domains = {domain}
virtual_transport = lmtp:inet:127.0.0.1:{lmtp}
local_transport = error:none
default_transport = error:none
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 1s
"
    )
}

fn services(port: u16) -> String {
    format!(
        "127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"
    )
}
