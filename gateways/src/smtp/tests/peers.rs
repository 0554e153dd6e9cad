//! Starts and stops the mail servers of the tests. A server that is not installed fails the
//! test by name.

#![allow(clippy::disallowed_methods, reason = "waits for a peer of its own")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::Value;
use testkit::python;

/// A process that ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(program: &Path, command: &mut Command) -> Process {
    let child = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn();
    Process(
        child.unwrap_or_else(|error| panic!("{} cannot be started: {error}", program.display())),
    )
}

/// smtp-sink of Debian's postfix.
pub(crate) struct Sink {
    pub port: u16,
    _process: Process,
}

impl Sink {
    /// Starts smtp-sink with these flags, see smtp-sink(1), on a free port.
    pub fn start(flags: &[&str]) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        Self::start_on(port, flags)
    }

    pub fn start_on(port: u16, flags: &[&str]) -> Self {
        let program = Path::new("/usr/sbin/smtp-sink");
        assert!(
            program.exists(),
            "smtp-sink is missing: apt-get install postfix"
        );
        let mut command = Command::new(program);
        if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
            command.args(["-u", "nobody"]);
        }
        command
            .args(flags)
            .arg(format!("127.0.0.1:{port}"))
            .arg("128");
        let process = start(program, &mut command);
        until("smtp-sink listens", || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        Self {
            port,
            _process: process,
        }
    }
}

/// The server of peer.py, whose behaviour the recipient's local part selects.
pub(crate) struct Aiosmtpd {
    pub port: u16,
    log: Log,
    _process: Process,
}

/// The events that a peer has logged.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Value>>>);

impl Log {
    /// The events of this name so far.
    pub fn all(&self, event: &str) -> Vec<Value> {
        let log = self.0.lock().unwrap();
        log.iter()
            .filter(|entry| entry["event"] == event)
            .cloned()
            .collect()
    }

    /// Asserts that there are `times` events of this name, after waiting for them: a log entry may
    /// arrive later than the answer that it is about.
    pub fn has(&self, event: &str, times: usize) {
        until(&format!("{times} times {event}"), || {
            self.all(event).len() >= times
        });
        assert_eq!(self.all(event).len(), times, "{event}");
    }

    /// The only mail that was accepted.
    pub fn mail(&self) -> Value {
        until("the mail is taken", || !self.all("taken").is_empty());
        let mails = self.all("taken");
        assert_eq!(mails.len(), 1, "{mails:?}");
        mails[0].clone()
    }
}

impl Aiosmtpd {
    pub fn start(flags: &[&str]) -> Self {
        let python = python();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/smtp/tests/peer.py");
        let mut command = Command::new(&python);
        command.arg(script).args(flags).stdout(Stdio::piped());
        let mut process = start(&python, &mut command);
        let mut lines = BufReader::new(process.0.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap_or_else(|| {
            panic!(
                "aiosmtpd is missing: {} -m pip install aiosmtpd",
                python.display()
            )
        });
        let first: Value = serde_json::from_str(&first.unwrap()).unwrap();
        let log = Log::default();
        let written = log.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                written
                    .0
                    .lock()
                    .unwrap()
                    .push(serde_json::from_str(&line).unwrap());
            }
        });
        Self {
            port: first["port"].as_u64().unwrap() as u16,
            log,
            _process: process,
        }
    }

    pub fn log(&self) -> &Log {
        &self.log
    }
}

/// A simulated server for behaviour that no real server has: it greets, and answers each line
/// by a function of it; `None` makes it hang up.
pub(crate) struct Scripted {
    pub port: u16,
    pub heard: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    pub fn start(answer: impl Fn(&str) -> Option<&'static str> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let (noted, answer) = (heard.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (noted, answer) = (noted.clone(), answer.clone());
                std::thread::spawn(move || serve(stream.unwrap(), &noted, answer.as_ref()));
            }
        });
        Self { port, heard }
    }
}

fn serve(
    mut stream: TcpStream,
    heard: &Mutex<Vec<String>>,
    answer: &dyn Fn(&str) -> Option<&'static str>,
) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let mut line = "CONNECT".to_owned();
    loop {
        let Some(reply) = answer(&line) else { return };
        if stream.write_all(reply.as_bytes()).is_err() {
            return;
        }
        let Some(Ok(next)) = lines.next() else { return };
        heard.lock().unwrap().push(next.clone());
        line = next;
    }
}

/// A certificate authority and its certificate for 127.0.0.1, made by openssl.
pub(crate) struct Certificates {
    directory: PathBuf,
}

impl Certificates {
    pub fn make(name: &str) -> Self {
        let directory =
            std::env::temp_dir().join(format!("ledgerline-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("san"), "subjectAltName=IP:127.0.0.1\n").unwrap();
        for arguments in [
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
             -subj /CN=authority -keyout ca.key -out ca.pem",
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
             -subj /CN=peer -keyout key.pem -out request.pem",
            "x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
             -extfile san -out certificate.pem",
        ] {
            let made = Command::new("openssl")
                .args(arguments.split_whitespace())
                .current_dir(&directory)
                .output()
                .expect("openssl is missing: apt-get install openssl");
            assert!(
                made.status.success(),
                "{}",
                String::from_utf8_lossy(&made.stderr)
            );
        }
        Self { directory }
    }

    pub fn authority(&self) -> String {
        let mut pem = String::new();
        let file = std::fs::File::open(self.directory.join("ca.pem"));
        file.unwrap().read_to_string(&mut pem).unwrap();
        pem
    }

    /// The path of a file in the certificates' directory.
    pub fn file(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    /// The peer's flags for TLS.
    pub fn flags(&self) -> [String; 4] {
        [
            "--certificate".into(),
            self.file("certificate.pem"),
            "--key".into(),
            self.file("key.pem"),
        ]
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Waits until a condition holds that another process brings about.
pub(crate) fn until(what: &str, happened: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(180);
    while !happened() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
