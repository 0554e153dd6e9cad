//! Inbound short messages and mails, until they can be read.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use futures::future::try_join_all;
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use crate::{
    http::{Connection, percentile},
    smsc::Smsc,
    table::{Row, Table},
};

/// The number of connections that bring mail at the same time.
const BRINGERS: usize = 16;
const TIMEOUT: Duration = Duration::from_secs(120);

/// Measures short messages that a message centre delivers.
pub async fn short(
    connection: &mut Connection,
    pool: &PgPool,
    smsc: &Smsc,
    count: usize,
    table: &mut Table,
) -> anyhow::Result<()> {
    let number = "4930123456";
    receiver(connection, "receivesms", "phone", &format!("+{number}")).await?;
    let before = received(pool).await?;
    let started = Instant::now();
    for at in 0..count {
        let from = format!("49151{:07}", at % 5_000);
        smsc.deliver(&from, number, &format!("message {at}"))
            .await?;
    }
    all_received(pool, before + i64::try_from(count)?).await?;
    let rate = count as f64 / started.elapsed().as_secs_f64();
    let name = "inbound SMS over SMPP to readable transmission";
    table.add(Row::new(name, rate, "SMS/s").at_least(1_000.0));
    Ok(())
}

/// Measures mails that are handed over at this address.
pub async fn mails(
    connection: &mut Connection,
    pool: &PgPool,
    lmtp: SocketAddr,
    count: usize,
    table: &mut Table,
) -> anyhow::Result<()> {
    let address = "desk@bench.example";
    receiver(connection, "receiveemail", "email", address).await?;
    let before = received(pool).await?;
    let started = Instant::now();
    let each = count / BRINGERS;
    try_join_all((0..BRINGERS).map(|who| bring(lmtp, address, who, each))).await?;
    all_received(pool, before + i64::try_from(each * BRINGERS)?).await?;
    let rate = (each * BRINGERS) as f64 / started.elapsed().as_secs_f64();
    let name = "inbound mail by LMTP, 16 connections, to readable transmission";
    table.add(Row::new(name, rate, "mails/s").at_least(1_000.0));

    let p99 = paced(lmtp, address, connection).await?;
    let name = "inbound mail at 100/s, last byte to readable, p99";
    table.add(Row::new(name, p99, "ms").at_most(100.0));
    Ok(())
}

/// Makes an account that receives at this address.
async fn receiver(
    connection: &mut Connection,
    program: &str,
    field: &str,
    address: &str,
) -> anyhow::Result<()> {
    let account = json!({"username": program, "active": 1, field: address});
    let account = connection.json("POST", "/accounts", Some(&account)).await?;
    let account = &account["account_id"];
    let path = format!("/programs/{program}");
    let made = json!({"name": program, "account_id": account});
    let made = connection.json("POST", &path, Some(&made)).await?;
    let path = format!("/accounts/{account}/programs/{}", made["program_id"]);
    connection.call("PUT", &path, Some(&json!({}))).await?;
    Ok(())
}

async fn received(pool: &PgPool) -> anyhow::Result<i64> {
    let sql = "select count(*) from read.messages";
    Ok(sqlx::query_scalar(sql).fetch_one(pool).await?)
}

async fn all_received(pool: &PgPool, target: i64) -> anyhow::Result<()> {
    let started = Instant::now();
    while received(pool).await? < target {
        ensure!(started.elapsed() < TIMEOUT, "not everything came in");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// A mail server that hands over mail.
struct Bringer {
    stream: BufReader<TcpStream>,
}

impl Bringer {
    async fn at(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut this = Self {
            stream: BufReader::new(stream),
        };
        this.hear().await?;
        this.say("LHLO bench\r\n").await?;
        Ok(this)
    }

    async fn say(&mut self, words: &str) -> anyhow::Result<String> {
        self.stream.get_mut().write_all(words.as_bytes()).await?;
        self.hear().await
    }

    async fn hear(&mut self) -> anyhow::Result<String> {
        loop {
            let mut line = String::new();
            ensure!(self.stream.read_line(&mut line).await? > 0, "it hung up");
            if line.as_bytes().get(3) == Some(&b' ') {
                return Ok(line);
            }
        }
    }

    /// Hands over a mail; returns the id of its transmission.
    async fn bring(&mut self, to: &str, from: usize, number: &str) -> anyhow::Result<i64> {
        let sent_ahead = format!("MAIL FROM:<ada@bench.example>\r\nRCPT TO:<{to}>\r\nDATA\r\n");
        self.stream
            .get_mut()
            .write_all(sent_ahead.as_bytes())
            .await?;
        for _ in 0..3 {
            self.hear().await?;
        }
        let mail = format!(
            "From: Ada <ada{from}@bench.example>\r\nTo: {to}\r\nSubject: measured {number}\r\n\
             Message-ID: <{number}@bench.example>\r\n\r\nThis is a measurement, {number}.\r\n.\r\n"
        );
        let answer = self.say(&mail).await?;
        let id = answer
            .trim()
            .rsplit_once(' ')
            .and_then(|(_, id)| id.parse().ok());
        id.with_context(|| format!("a mail was not taken: {answer}"))
    }
}

async fn bring(address: SocketAddr, to: &str, who: usize, count: usize) -> anyhow::Result<()> {
    let mut bringer = Bringer::at(address).await?;
    for number in 0..count {
        let from = who * 300 + number % 300;
        bringer.bring(to, from, &format!("{who}.{number}")).await?;
    }
    Ok(())
}

/// The time from the last byte until a mail can be read, at a hundred mails a second, one after the
/// other: p99 in milliseconds.
async fn paced(address: SocketAddr, to: &str, connection: &mut Connection) -> anyhow::Result<f64> {
    let mut bringer = Bringer::at(address).await?;
    let mut times = Vec::new();
    let mut pace = tokio::time::interval(Duration::from_millis(10));
    for number in 0..500 {
        pace.tick().await;
        let started = Instant::now();
        let id = bringer
            .bring(to, number, &format!("paced.{number}"))
            .await?;
        let path = format!("/transmissions/{id}/message");
        while connection.json("GET", &path, None::<&Value>).await.is_err() {
            ensure!(started.elapsed() < TIMEOUT, "a mail cannot be read");
        }
        times.push(started.elapsed());
    }
    Ok(percentile(&mut times, 0.99))
}
