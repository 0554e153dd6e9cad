//! Delivery, from queued to completed: through the sandbox and through a real mail server.

use std::{
    collections::HashMap,
    net::SocketAddr,
    ops::Range,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use chrono::TimeDelta;
use commands::Commands;
use domain::{
    Id, Owner, Personal, Subject,
    delivery::{Direction, Order, Spool, Transmission, TransmissionCommand},
    flow::Flow,
    outreach::{Program, ProgramKind, Template},
    people::{Account, Contact, ContactCommand},
};
use eventstore::{Metadata, clock};
use serde_json::json;
use sqlx::PgPool;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
    sync::mpsc,
};

use super::{
    http::{Connection, percentile},
    log::person,
};

/// The number of commands in one transaction.
const BATCH: usize = 500;
/// Time limit for the last of many transmissions.
const TIMEOUT: Duration = Duration::from_secs(300);

/// A program to send, made once over the API.
pub struct Campaign {
    flow: Flow,
    /// The address of a contact.
    destination: fn(Id<Contact>) -> String,
    program: Id<Program>,
    account: Id<Account>,
}

impl Campaign {
    /// Makes a template and a program for mails, and finds an account.
    pub async fn prepare(connection: &mut Connection) -> anyhow::Result<Self> {
        let template = json!({
            "name": "bench", "subject": "Hello [contact:first_name]",
            "body": "<p>Dear [contact:first_name] [contact:last_name], this is a measurement.</p>",
            "body_alt": "Dear [contact:first_name] [contact:last_name], this is a measurement.",
        });
        let template = connection
            .json("POST", "/messages/templates", Some(&template))
            .await?;
        let program = json!({"template_id": template["template_id"]});
        let program = connection
            .json("POST", "/programs/sendemail", Some(&program))
            .await?;
        let template: Id<Template> = Id::new(number(&template["template_id"])?);
        Ok(Self {
            flow: Flow::send_email(template, 1),
            destination: |contact| format!("user{contact}@example.com"),
            program: Id::new(number(&program["program_id"])?),
            account: account(connection).await?,
        })
    }

    /// Makes a text and a program for short messages, and finds an account.
    pub async fn of_sms(connection: &mut Connection) -> anyhow::Result<Self> {
        let text =
            json!({"name": "bench", "data": "Dear [contact:first_name], this is a measurement."});
        let text = connection
            .json("POST", "/messages/texts", Some(&text))
            .await?;
        let program = json!({"text_id": text["text_id"]});
        let program = connection
            .json("POST", "/programs/sendsms", Some(&program))
            .await?;
        let program = Id::new(number(&program["program_id"])?);
        let kind = ProgramKind::SendSms {
            text_id: Id::new(number(&text["text_id"])?),
            account_id: None,
        };
        Ok(Self {
            flow: Flow::compile(program, &kind, 1),
            destination: |contact| format!("+4915{:09}", contact.get()),
            program,
            account: account(connection).await?,
        })
    }

    /// Makes a program that reads out a text twice, and finds an account.
    pub async fn of_calls(connection: &mut Connection) -> anyhow::Result<Self> {
        let text = "Dear [contact:first_name], this is a measurement.";
        let program = json!({"text": text, "delay": 1});
        let program = connection
            .json("POST", "/programs/voicetts", Some(&program))
            .await?;
        let program: Id<Program> = Id::new(number(&program["program_id"])?);
        let kind = ProgramKind::VoiceTts {
            text: Personal::new(
                Subject::new("program", program.get()),
                text.parse().map_err(anyhow::Error::msg)?,
            ),
            delay: 1,
            language: None,
            account_id: None,
        };
        Ok(Self {
            flow: Flow::compile(program, &kind, 1),
            destination: |contact| format!("+4930{:09}", contact.get()),
            program,
            account: account(connection).await?,
        })
    }

    /// Queues as many sends as there are contacts and waits until every read model shows them
    /// completed. Returns transmissions a second, from the first one queued to the last one
    /// visible.
    pub async fn run(&self, commands: &Commands, contacts: &[Id<Contact>]) -> anyhow::Result<f64> {
        let transmissions = self.create(commands, contacts).await?;
        let pool = commands.store().pool();
        let before = completed(pool).await?;
        let started = Instant::now();
        for batch in transmissions.chunks(BATCH) {
            self.queue(commands, batch).await?;
        }
        let target = before + i64::try_from(transmissions.len())?;
        while completed(pool).await? < target {
            if started.elapsed() > TIMEOUT {
                bail!("{} of {target} are through", completed(pool).await?);
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        Ok(transmissions.len() as f64 / started.elapsed().as_secs_f64())
    }

    async fn create(
        &self,
        commands: &Commands,
        contacts: &[Id<Contact>],
    ) -> anyhow::Result<Vec<(Id<Transmission>, Id<Contact>)>> {
        let mut made = Vec::with_capacity(contacts.len());
        for batch in contacts.chunks(BATCH) {
            let mut creates = Vec::with_capacity(batch.len());
            for &contact_id in batch {
                let id = commands.next_id("transmission").await?;
                made.push((id, contact_id));
                let order = Order {
                    title: None,
                    origin: None,
                    contact_id,
                    account_id: Some(self.account),
                    program_id: self.program,
                    service: self.flow.service,
                    direction: Direction::Outbound,
                    try_allowed: 1,
                    campaign_id: None,
                    hours: None,
                };
                let owner = Owner::in_first_tenant(Id::new(1));
                creates.push((id, TransmissionCommand::Create { id, owner, order }));
            }
            commands
                .send_many::<Transmission>(creates, &Metadata::default(), vec![])
                .await?;
        }
        Ok(made)
    }

    async fn queue(
        &self,
        commands: &Commands,
        transmissions: &[(Id<Transmission>, Id<Contact>)],
    ) -> anyhow::Result<()> {
        let spools: Vec<Id<Spool>> = commands
            .store()
            .ids()
            .take("spool", transmissions.len())
            .await?;
        let at = clock::now();
        let sends = transmissions
            .iter()
            .zip(spools)
            .map(|(&(id, contact), spool)| {
                let send = TransmissionCommand::Send {
                    spool,
                    at,
                    deadline: at + TimeDelta::hours(1),
                    flow: self.flow.clone(),
                    program_version: 1,
                    account_id: self.account,
                    destination: Personal::new(contact.subject(), (self.destination)(contact)),
                    again: false,
                    force: false,
                    paced: false,
                };
                (id, send)
            });
        let answers = commands
            .send_many(sends.collect(), &Metadata::default(), vec![])
            .await?;
        for answer in answers {
            answer?;
        }
        Ok(())
    }
}

fn number(value: &serde_json::Value) -> anyhow::Result<i64> {
    value.as_i64().context("an id is missing")
}

/// The account that sends.
async fn account(connection: &mut Connection) -> anyhow::Result<Id<Account>> {
    let accounts = connection.json("GET", "/accounts?limit=1", None).await?;
    Ok(Id::new(number(&accounts[0]["account_id"])?))
}

/// Makes `count` contacts.
pub async fn contacts(commands: &Commands, count: usize) -> anyhow::Result<Vec<Id<Contact>>> {
    numbered_contacts(commands, 0..count).await
}

/// Makes the contacts of these numbers.
pub async fn numbered_contacts(
    commands: &Commands,
    numbers: Range<usize>,
) -> anyhow::Result<Vec<Id<Contact>>> {
    let mut made = Vec::with_capacity(numbers.len());
    for start in numbers.clone().step_by(BATCH) {
        let mut creates = Vec::with_capacity(BATCH);
        for number in start..numbers.end.min(start + BATCH) {
            let id: Id<Contact> = commands.next_id("contact").await?;
            made.push(id);
            let profile = person(number);
            creates.push((
                id,
                ContactCommand::Create {
                    id,
                    owner: Owner::in_first_tenant(Id::new(1)),
                    profile,
                },
            ));
        }
        commands
            .send_many(creates, &Metadata::default(), vec![])
            .await?;
    }
    Ok(made)
}

async fn completed(pool: &PgPool) -> anyhow::Result<i64> {
    let sql = "select count(*) from read.transmissions where status = 'completed'";
    Ok(sqlx::query_scalar(sql).fetch_one(pool).await?)
}

/// The number of events of a transmission, on average.
pub async fn events_per_transmission(pool: &PgPool) -> anyhow::Result<f64> {
    let sql = "select count(*)::float8 / greatest(count(distinct aggregate_id), 1) from events \
               where aggregate_type = 'transmission'";
    Ok(sqlx::query_scalar(sql).fetch_one(pool).await?)
}

/// Makes this mail server the only provider for email.
pub async fn send_through(connection: &mut Connection, smtp: SocketAddr) -> anyhow::Result<()> {
    let provider = json!({
        "name": "bench", "type": "smtp", "host": smtp.ip().to_string(), "port": smtp.port(),
        "settings": {"tls": "none", "from_domain": "bench.example", "connections": 64},
    });
    send_only_through(connection, &provider).await
}

/// Makes this provider the only active one.
pub async fn send_only_through(
    connection: &mut Connection,
    provider: &serde_json::Value,
) -> anyhow::Result<()> {
    let providers = connection.json("GET", "/providers", None).await?;
    for provider in providers.as_array().into_iter().flatten() {
        let path = format!("/providers/{}", provider["provider_id"]);
        connection
            .call("PUT", &path, Some(&json!({"active": 0})))
            .await?;
    }
    connection
        .call("POST", "/providers", Some(provider))
        .await?;
    Ok(())
}

/// The time from a send request to the peer's DATA, on an idle system, for each of many sends one
/// after the other: p50 and p99 in milliseconds, without the first 20. The peer is a bare listener
/// of the bench's own, because smtp-sink does not report when it saw a command.
pub async fn latency(
    connection: &mut Connection,
    campaign: &Campaign,
    contacts: &[Id<Contact>],
) -> anyhow::Result<(f64, f64)> {
    let (address, mut seen) = stopwatch().await?;
    send_through(connection, address).await?;
    let mut times = Vec::with_capacity(contacts.len());
    for contact in contacts {
        let order = json!({
            "contact_id": contact, "program_id": campaign.program, "account_id": campaign.account,
        });
        let made = connection
            .json("POST", "/transmissions", Some(&order))
            .await?;
        let path = format!("/transmissions/{}/send", made["transmission_id"]);
        let asked = Instant::now();
        connection.call("POST", &path, None).await?;
        let data = tokio::time::timeout(Duration::from_secs(10), seen.recv()).await?;
        times.push(data.context("the listener ended")?.duration_since(asked));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    times.drain(..times.len().min(20));
    Ok((percentile(&mut times, 0.5), percentile(&mut times, 0.99)))
}

/// A listener that speaks just enough SMTP and reports the time of each DATA.
async fn stopwatch() -> anyhow::Result<(SocketAddr, mpsc::UnboundedReceiver<Instant>)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let (report, seen) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let report = report.clone();
            tokio::spawn(async move {
                // A client that hangs up ends the conversation; no error needs reporting.
                let _ = converse(stream, report).await;
            });
        }
    });
    Ok((address, seen))
}

async fn converse(
    stream: tokio::net::TcpStream,
    report: mpsc::UnboundedSender<Instant>,
) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 bench\r\n").await?;
    let answers = HashMap::from([("EHLO", "250 bench\r\n"), ("QUIT", "221 bye\r\n")]);
    let mut in_data = false;
    while let Some(line) = lines.next_line().await? {
        if in_data {
            if line == "." {
                in_data = false;
                write.write_all(b"250 taken\r\n").await?;
            }
            continue;
        }
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        if verb == "DATA" {
            let _ = report.send(Instant::now());
            in_data = true;
            write.write_all(b"354 go on\r\n").await?;
            continue;
        }
        write
            .write_all(
                answers
                    .get(verb.as_str())
                    .unwrap_or(&"250 ok\r\n")
                    .as_bytes(),
            )
            .await?;
    }
    Ok(())
}
