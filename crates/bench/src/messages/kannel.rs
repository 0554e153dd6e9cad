//! Short messages through Kannel's smsbox, beside a bare HTTP client that asks the same smsbox for
//! the same messages.
//!
//! The message centre behind it is the bench's own: Kannel's would limit what is measured.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{bail, ensure};
use commands::Commands;
use domain::{Id, people::Contact};
use futures::future::try_join_all;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
};

use crate::{
    child::free_address,
    delivery::{Campaign, send_only_through},
    http::Connection,
    median, output,
    smsc::Smsc,
    table::{Row, Table, Target},
};

const BEARERBOX: &str = "/usr/sbin/bearerbox";
const SMSBOX: &str = "/usr/sbin/smsbox";
/// The number of connections to Kannel. With fewer, and with more, it answers no faster.
const CONNECTIONS: usize = 32;
const TIMEOUT: Duration = Duration::from_secs(120);

/// Measures both, with delivery receipts, three times in turn.
pub async fn measure(
    connection: &mut Connection,
    commands: &Commands,
    campaign: &Campaign,
    contacts: &[Id<Contact>],
    table: &mut Table,
) -> anyhow::Result<()> {
    if !Path::new(BEARERBOX).exists() || !Path::new(SMSBOX).exists() {
        table.note("Kannel is not installed (Debian: kannel); it was not measured");
        return Ok(());
    }
    let kannel = Kannel::start().await?;
    let provider = json!({
        "name": "bench", "type": "http", "host": kannel.sendsms.ip().to_string(),
        "port": kannel.sendsms.port(), "username": "bench", "password": "bench",
        "settings": {"sender": "BENCH"},
    });
    send_only_through(connection, &provider).await?;
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        bare.push(kannel.asked_bare(contacts.len()).await?);
        ours.push(campaign.run(commands, contacts).await?);
    }
    let (bare, ours) = (median(&mut bare), median(&mut ours));
    let name = "bare HTTP client to Kannel, 32 connections, to the last report";
    table.add(Row::new(name, bare, "SMS/s"));
    let row = Row::new("queued to reported, the same Kannel", ours, "SMS/s");
    table.add(row.ratio("bare HTTP client", ours / bare, Target::AtLeast(0.8)));
    Ok(())
}

/// bearerbox and smsbox in a folder of their own, in front of the bench's message centre.
struct Kannel {
    sendsms: SocketAddr,
    _boxes: [Child; 2],
    _smsc: Smsc,
    dir: PathBuf,
}

impl Kannel {
    async fn start() -> anyhow::Result<Self> {
        let dir = std::env::temp_dir().join(format!("ledgerline-kannel-{}", std::process::id()));
        std::fs::create_dir(&dir)?;
        let smsc = Smsc::start().await?;
        let (admin, boxes, sendsms) = (free_address()?, free_address()?, free_address()?);
        let conf = conf(
            admin.port(),
            boxes.port(),
            sendsms.port(),
            smsc.address.port(),
        );
        std::fs::write(dir.join("kannel.conf"), conf)?;
        let bearerbox = spawn(BEARERBOX, &dir)?;
        listens(boxes).await?;
        let smsbox = spawn(SMSBOX, &dir)?;
        listens(sendsms).await?;
        Ok(Self {
            sendsms,
            _boxes: [smsbox, bearerbox],
            _smsc: smsc,
            dir,
        })
    }

    /// Asks for `count` messages as fast as they are answered; returns the messages a second until
    /// the last report.
    async fn asked_bare(&self, count: usize) -> anyhow::Result<f64> {
        let (address, reported) = reports().await?;
        let started = Instant::now();
        try_join_all((0..CONNECTIONS).map(|client| async move {
            let mut connection = Connection::open(self.sendsms, "").await?;
            for number in (client..count).step_by(CONNECTIONS) {
                let path = format!(
                    "/cgi-bin/sendsms?username=bench&password=bench&from=BENCH&coding=0\
                     &to=%2B4915{number:09}&text=Dear+somebody,+this+is+a+measurement.\
                     &dlr-mask=19&dlr-url=http://{address}/{number}%3Fstatus=%25d%26answer=%25A"
                );
                connection.call("GET", &path, None).await?;
            }
            Ok::<_, anyhow::Error>(())
        }))
        .await?;
        while reported.load(Ordering::Relaxed) < count {
            ensure!(
                started.elapsed() < TIMEOUT,
                "Kannel does not report everything"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(count as f64 / started.elapsed().as_secs_f64())
    }
}

impl Drop for Kannel {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.dir) {
            output::note(format_args!(
                "{} stays behind: {error}\n",
                self.dir.display()
            ));
        }
    }
}

fn spawn(program: &str, dir: &Path) -> anyhow::Result<Child> {
    let mut command = Command::new(program);
    command.args(["-v", "4", "kannel.conf"]).current_dir(dir);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(Stdio::null()).kill_on_drop(true);
    Ok(command.spawn()?)
}

async fn listens(address: SocketAddr) -> anyhow::Result<()> {
    let started = Instant::now();
    while TcpStream::connect(address).await.is_err() {
        if started.elapsed() > Duration::from_secs(20) {
            bail!("Kannel does not listen at {address}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// A listener that answers every report with success, and the number of reports it had.
async fn reports() -> anyhow::Result<(SocketAddr, Arc<AtomicUsize>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let counted = Arc::clone(&counted);
            // A peer that hangs up has sent all its reports.
            tokio::spawn(async move { say_yes(stream, &counted).await.ok() });
        }
    });
    Ok((address, count))
}

async fn say_yes(mut stream: TcpStream, counted: &AtomicUsize) -> std::io::Result<()> {
    let (mut heard, mut piece) = (Vec::new(), [0; 4_096]);
    loop {
        let length = stream.read(&mut piece).await?;
        if length == 0 {
            return Ok(());
        }
        heard.extend_from_slice(&piece[..length]);
        while let Some(end) = heard.windows(4).position(|four| four == b"\r\n\r\n") {
            heard.drain(..end + 4);
            counted.fetch_add(1, Ordering::Relaxed);
            let yes = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(yes).await?;
        }
    }
}

fn conf(admin: u16, boxes: u16, sendsms: u16, centre: u16) -> String {
    format!(
        "group = core
admin-interface = 127.0.0.1
admin-port = {admin}
admin-password = bench
smsbox-interface = 127.0.0.1
smsbox-port = {boxes}
box-allow-ip = 127.0.0.1
box-deny-ip = *.*.*.*
dlr-storage = internal

group = smsc
smsc = smpp
smsc-id = centre
host = 127.0.0.1
port = {centre}
transceiver-mode = true
smsc-username = bench
smsc-password = bench
system-type = VMA
max-pending-submits = 50

group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = {boxes}
smsbox-id = box
sendsms-interface = 127.0.0.1
sendsms-port = {sendsms}

group = sendsms-user
username = bench
password = bench
max-messages = 10

group = sms-service
keyword = default
text = \"\"
omit-empty = true
max-messages = 0
"
    )
}
