//! Kannel: bearerbox, smsbox and its simulated message centre, fakesmsc.

use std::{
    fs::{self, File},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use super::{
    Client, eventually, free_port, guardian::Guardian, process::Process, scratch_dir, seconds,
    unique_name,
};

/// The configuration for inbound messages: nothing is answered to them.
const SILENT: &str = "
group = sms-service
keyword = default
text = \"\"
omit-empty = true
max-messages = 0
";
const FAKESMSC: &str = "/usr/lib/kannel/test/fakesmsc";

/// A running Kannel with one message centre, `fake`.
#[derive(Debug)]
pub struct Kannel {
    port: u16,
    centre_port: u16,
    dir: PathBuf,
    centre: Option<Process>,
    _smsbox: Process,
    _bearerbox: Process,
    _guardian: Guardian,
}

impl Kannel {
    /// Starts Kannel with its simulated message centre.
    pub async fn start() -> Self {
        let mut kannel = Self::over(SILENT).await;
        kannel.start_centre();
        kannel
    }

    /// Starts Kannel bound to a message centre on this port, called `centre`.
    pub async fn bound_to(port: u16) -> Self {
        Self::over(&(bound(port) + SILENT)).await
    }

    /// Starts Kannel bound to a message centre on this port; it delivers inbound messages to this
    /// URL.
    pub async fn bringing(port: u16, url: &str) -> Self {
        let more = format!(
            "{}
group = sms-service
keyword = default
get-url = \"{url}\"
max-messages = 0
",
            bound(port)
        );
        Self::over(&more).await
    }

    async fn over(more: &str) -> Self {
        let dir = scratch_dir("kannel");
        let guardian = Guardian::new(&dir);
        let [admin, boxes, port, centre_port] = [(); 4].map(|()| free_port());
        let conf = conf(admin, boxes, port, centre_port) + more;
        fs::write(dir.join("kannel.conf"), conf).unwrap();
        let bearerbox = spawn("/usr/sbin/bearerbox", &["kannel.conf"], &dir, "bearerbox");
        listens(boxes, "bearerbox").await;
        let smsbox = spawn("/usr/sbin/smsbox", &["kannel.conf"], &dir, "smsbox");
        listens(port, "smsbox").await;
        Self {
            port,
            centre_port,
            dir,
            centre: None,
            _smsbox: smsbox,
            _bearerbox: bearerbox,
            _guardian: guardian,
        }
    }

    /// Starts the message centre again.
    pub fn start_centre(&mut self) {
        let port = self.centre_port.to_string();
        // fakesmsc never ends by itself, and sends nothing.
        let arguments = ["-H", "127.0.0.1", "-r", &port, "-m", "0"];
        self.centre = Some(spawn(FAKESMSC, &arguments, &self.dir, "fakesmsc"));
    }

    /// Stops the message centre.
    pub fn stop_centre(&mut self) {
        self.centre = None;
    }

    /// The messages that the centre received, as lines of sender, recipient, kind and text.
    pub fn messages(&self) -> Vec<String> {
        let log = fs::read(self.dir.join("fakesmsc.log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log).into_owned();
        let message = |line: &str| Some(line.split_once("Got message ")?.1.to_owned());
        log.lines().filter_map(message).collect()
    }

    /// The messages that the centre received, once there are `count`. Its log is a little behind
    /// its reports.
    pub async fn arrived(&self, count: usize) -> Vec<String> {
        let what = format!("{count} messages arrive");
        eventually(&what, seconds(20), async || {
            Some(self.messages()).filter(|messages| messages.len() >= count)
        })
        .await
    }

    /// Creates a provider that sends through Kannel, with these settings.
    pub async fn provider(&self, admin: &Client, password: &str, settings: Value) -> i64 {
        let provider = json!({
            "name": unique_name("kannel"), "type": "http", "host": "127.0.0.1", "port": self.port,
            "username": "ledgerline", "password": password, "settings": settings,
        });
        admin.post("/providers", provider).await.id("provider_id")
    }
}

async fn listens(port: u16, what: &str) {
    eventually(&format!("{what} listens"), seconds(20), async || {
        TcpStream::connect(("127.0.0.1", port)).ok()
    })
    .await;
}

fn spawn(program: &str, arguments: &[&str], dir: &Path, name: &str) -> Process {
    let missing = "is missing: install kannel and kannel-extras";
    assert!(Path::new(program).exists(), "peer {program} {missing}");
    let log = dir.join(format!("{name}.log"));
    let log = File::options().append(true).create(true).open(log).unwrap();
    let mut command = Command::new(program);
    command.args(arguments).current_dir(dir);
    // fakesmsc ends when its input does.
    command.stdin(Stdio::piped());
    command.stdout(log.try_clone().unwrap()).stderr(log);
    Process::spawn(command, dir, name)
}

/// The configuration of Kannel. It cannot bind the fake centre's port to loopback only, and
/// therefore admits only loopback there. smsbox cuts outbound messages after one part. Inbound
/// messages are delivered in their parts, and again if they were not answered.
fn conf(admin: u16, boxes: u16, port: u16, centre: u16) -> String {
    let mut conf = include_str!("../../files/kannel.conf").to_owned();
    let ports = [
        ("{admin}", admin),
        ("{boxes}", boxes),
        ("{port}", port),
        ("{centre}", centre),
    ];
    for (name, port) in ports {
        conf = conf.replace(name, &port.to_string());
    }
    conf
}

/// The configuration of another message centre, by SMPP.
fn bound(port: u16) -> String {
    format!(
        "
group = smsc
smsc = smpp
smsc-id = centre
allowed-smsc-id = centre
host = 127.0.0.1
port = {port}
transceiver-mode = true
smsc-username = kannel
smsc-password = s3same
system-type = VMA
reconnect-delay = 1

group = smsbox-route
smsbox-id = box
smsc-id = centre
"
    )
}
