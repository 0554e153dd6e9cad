//! A mail server that records accepted mails: `peers/recorder.py`.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{ChildStdin, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde::Deserialize;
use testkit::python;

use super::{
    TIMEOUT, eventually, guardian::Guardian, process::Process, scratch_dir, while_it_moves,
};

/// A running recorder. Recipients choose how it treats them; see the script.
#[derive(Debug)]
pub struct MailRecorder {
    pub port: u16,
    out: PathBuf,
    held: Arc<AtomicUsize>,
    input: Mutex<ChildStdin>,
    _process: Process,
    _guardian: Guardian,
}

/// A mail that was finally accepted, decoded by Python's email package.
#[derive(Debug, Clone, Deserialize)]
pub struct Received {
    pub message_id: String,
    pub sender: String,
    pub recipients: Vec<String>,
    pub headers: Vec<(String, String)>,
    pub text: Option<String>,
    pub html: Option<String>,
    pub attachments: Vec<Attachment>,
}

/// An attachment of a mail.
#[derive(Debug, Clone, Deserialize)]
pub struct Attachment {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    /// The content in base64.
    pub content: String,
}

impl Received {
    /// A header's values, as decoded.
    pub fn header(&self, name: &str) -> Vec<&str> {
        let named = self
            .headers
            .iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }
}

impl MailRecorder {
    /// Starts a recorder that takes this long for each mail.
    pub fn start(delay_ms: u64) -> Self {
        let dir = scratch_dir("mx");
        let guardian = Guardian::new(&dir);
        let out = dir.join("mails.jsonl");
        fs::write(&out, "").unwrap();
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut command = Command::new(python());
        command
            .arg(here.join("tests/it/peers/recorder.py"))
            .arg("--out")
            .arg(&out);
        command.args(["--delay-ms", &delay_ms.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(fs::File::create(dir.join("recorder.log")).unwrap());
        let (mut process, stdout) = Process::spawn_piped(command, &dir, "recorder");
        let mut stdout = BufReader::new(stdout);
        let mut port = String::new();
        stdout.read_line(&mut port).unwrap();
        let log = || fs::read_to_string(dir.join("recorder.log")).unwrap_or_default();
        let port = port
            .trim()
            .parse()
            .unwrap_or_else(|_| panic!("peer recorder.py: {}", log()));
        let held = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&held);
        std::thread::spawn(move || {
            for count in stdout.lines().map_while(Result::ok) {
                counted.store(count.parse().unwrap(), Ordering::SeqCst);
            }
        });
        Self {
            port,
            out,
            held,
            input: Mutex::new(process.take_stdin()),
            _process: process,
            _guardian: guardian,
        }
    }

    /// Accepts `count` more mails, and then holds back the reply to each.
    pub fn hold_after(&self, count: usize) {
        self.tell(&format!("hold {count}"));
    }

    /// Replies to the held mails; later ones may be held again.
    pub fn answer_held(&self) {
        self.tell("answer");
    }

    /// Replies to the held mails, and holds no more.
    pub fn release(&self) {
        self.tell("release");
    }

    /// The number of mails that are held now, and thus on the wire.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::SeqCst)
    }

    /// Waits until `count` mails are held.
    pub async fn holds(&self, count: usize) {
        while_it_moves(&format!("{count} mails are held"), async || {
            match self.held() {
                enough if enough >= count => Ok(()),
                held => Err((held, self.count())),
            }
        })
        .await;
    }

    fn tell(&self, line: &str) {
        writeln!(self.input.lock().unwrap(), "{line}").unwrap();
    }

    /// All accepted mails.
    pub fn mails(&self) -> Vec<Received> {
        let text = fs::read_to_string(&self.out).unwrap();
        // A line that is being written has no line end yet.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The number of accepted mails.
    pub fn count(&self) -> usize {
        let text = fs::read(&self.out).unwrap();
        text.iter().filter(|byte| **byte == b'\n').count()
    }

    /// The mail to this recipient, once it is accepted.
    pub async fn mail_to(&self, recipient: &str) -> Received {
        let what = format!("the recorder takes a mail to {recipient}");
        eventually(&what, TIMEOUT, async || {
            self.mails()
                .into_iter()
                .find(|mail| mail.recipients == [recipient])
        })
        .await
    }

    /// The number of accepted mails by recipient.
    pub fn by_recipient(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for recipient in self.mails().into_iter().flat_map(|mail| mail.recipients) {
            *counts.entry(recipient).or_default() += 1;
        }
        counts
    }
}
