//! `ledgerline bench`: this machine and the product on it, measured in one run.
//!
//! Absolute figures say little on a shared machine; the ratios to bare Postgres count, measured
//! minutes apart on the same server.
//!
//! The server is this program, started as a process with `serve` on a scratch directory
//! (`child.rs`); peers that would limit what is measured are replaced by bare ones. To measure one
//! more thing: a file with a function that adds its rows to the `Table`, and its call in
//! `Bench::measure`.

mod call_history;
mod calls;
mod campaigns;
mod child;
mod delivery;
mod http;
mod lists;
mod log;
mod messages;
mod output;
mod pbx;
mod people;
mod smsc;
mod smtp_sink;
mod statistics;
mod table;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::Args;
use commands::Commands;
use eventstore::{MasterKey, Store, database::connect};
use serde_json::{Value, json};
use sqlx::ConnectOptions;

use self::{
    child::{MASTER_KEY, PASSWORD, Server},
    delivery::Campaign,
    http::Connection,
    smtp_sink::SmtpSink,
    table::{Row, Table, Target},
};

/// Measure this machine and the product on it.
#[derive(Debug, Args)]
pub struct Bench {
    /// A tenth of everything: to see that it works, not to quote.
    #[arg(long)]
    quick: bool,
    /// Only campaigns, which otherwise come last.
    #[arg(long)]
    campaigns: bool,
    /// Only short messages and inbound mails, which are otherwise measured before the campaigns.
    #[arg(long)]
    messages: bool,
    /// Write the figures here as JSON too; `-` prints them instead of the table.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Bench {
    /// Measures everything and prints it.
    pub async fn run(self) -> anyhow::Result<()> {
        let scratch = Scratch::new()?;
        let data_dir = scratch.0.join("data");
        std::fs::create_dir_all(&data_dir)?;
        let mut table = Table::default();
        let result = self.measure(&data_dir, &mut table).await;
        match &self.json {
            Some(path) if path.as_os_str() == "-" => {
                output::print(serde_json::to_string_pretty(&table.json())?)?;
            }
            path => {
                output::print(table.text().trim_end())?;
                if let Some(path) = path {
                    std::fs::write(path, serde_json::to_string_pretty(&table.json())?)?;
                }
            }
        }
        result
    }

    fn scaled(&self, count: usize) -> usize {
        if self.quick { count / 10 } else { count }
    }

    async fn measure(&self, data_dir: &std::path::Path, table: &mut Table) -> anyhow::Result<()> {
        if self.campaigns {
            return self.campaigns(data_dir, table).await;
        }
        if self.messages {
            return self.messages(data_dir, table).await;
        }
        let server = Server::start(data_dir).await?;
        let options = server.database()?;
        let raw = self.log(&options, table).await?;
        self.requests(&server, raw, table).await?;
        self.deliveries(&server, raw, table).await?;
        self.rebuild(&server, table).await?;
        self.lists(&server, table).await?;
        server.stop().await?;
        let server = Server::start(data_dir).await?;
        table.add(
            Row::new(
                "ready on existing data",
                server.ready_after.as_secs_f64(),
                "s",
            )
            .at_most(1.0),
        );
        // Waits until the work that a start leaves behind is done.
        tokio::time::sleep(Duration::from_secs(3)).await;
        table.add(
            Row::new("resident, idle, without Postgres", server.resident()?, "MB").at_most(55.0),
        );
        step("an import");
        let token = http::log_in(server.address, "admin", PASSWORD).await?;
        people::import(&server, &token, self.scaled(100_000), table).await?;
        step("statistics");
        let token = http::log_in(server.address, "admin", PASSWORD).await?;
        let lasting = Duration::from_secs(if self.quick { 2 } else { 10 });
        statistics::measure(&server, &token, self.scaled(1_000_000), lasting, table).await?;
        step("the PBX");
        let token = http::log_in(server.address, "admin", PASSWORD).await?;
        pbx::requests(&server, &token, lasting, table).await?;
        pbx::tenants(&server, &token, self.scaled(1_000), table).await?;
        step("call history");
        let token = http::log_in(server.address, "admin", PASSWORD).await?;
        let count = if self.quick { 200_000 } else { 10_000_000 };
        call_history::measure(&server, &token, count, table).await?;
        server.stop().await?;
        pbx::decisions(1_000, self.scaled(1_000_000), table)?;
        self.messages(&data_dir.with_file_name("messages"), table)
            .await?;
        self.campaigns(&data_dir.with_file_name("campaigns"), table)
            .await
    }

    async fn messages(&self, data_dir: &std::path::Path, table: &mut Table) -> anyhow::Result<()> {
        step("messages");
        std::fs::create_dir_all(data_dir)?;
        let server = Server::start(data_dir).await?;
        let token = http::log_in(server.address, "admin", PASSWORD).await?;
        messages::measure(&server, &token, self.scaled(20_000), table).await?;
        server.stop().await
    }

    /// Measures campaigns, on a server of their own, so that no table is large before.
    async fn campaigns(&self, data_dir: &std::path::Path, table: &mut Table) -> anyhow::Result<()> {
        std::fs::create_dir_all(data_dir)?;
        let server = Server::start(data_dir).await?;
        let token = http::log_in(server.address, "admin", PASSWORD).await?;
        let (small, large) = (self.scaled(100_000), self.scaled(1_000_000));
        campaigns::measure(&server, &token, small, large, table).await?;
        server.stop().await
    }

    /// Measures the log by itself, in a database of its own, so that no subscriber follows it.
    async fn log(
        &self,
        options: &sqlx::postgres::PgConnectOptions,
        table: &mut Table,
    ) -> anyhow::Result<f64> {
        step("the log");
        let mut admin = options.connect().await?;
        sqlx::raw_sql("create database bench_log")
            .execute(&mut admin)
            .await?;
        let options = options.clone().database("bench_log");
        let pool = connect(options.clone(), 8).await?;
        eventstore::database::migrate(&pool).await?;
        let commands = Commands::new(Store::open(pool, &MasterKey::new(MASTER_KEY)).await?);
        let count = self.scaled(64_000);
        let (mut raw, mut bus) = (Vec::new(), Vec::new());
        // Alternating, and the median, because these machines are noisy.
        for _ in 0..3 {
            raw.push(log::raw_insert(&options, count).await?);
            bus.push(log::bus_append(&commands, count).await?);
        }
        let (raw, bus) = (median(&mut raw), median(&mut bus));
        table.add(Row::new(
            "raw single-row insert, 32 connections",
            raw,
            "rows/s",
        ));
        table.add(
            Row::new("append through the bus, 32 tasks", bus, "commands/s").ratio(
                "raw insert",
                bus / raw,
                Target::AtLeast(0.9),
            ),
        );
        Ok(raw)
    }

    async fn requests(&self, server: &Server, raw: f64, table: &mut Table) -> anyhow::Result<()> {
        step("requests");
        let token = http::log_in(server.address, "admin", PASSWORD).await?;
        let lasting = Duration::from_secs(if self.quick { 2 } else { 10 });
        let post = http::load(
            server.address,
            &token,
            log::TASKS,
            lasting,
            |client, number| {
                let body = json!({
                    "first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com",
                    "phone": format!("+1555{client:03}{number:06}"),
                });
                ("POST", "/contacts".to_owned(), Some(body))
            },
        )
        .await?;
        table.add(
            Row::new(
                "POST /contacts, 32 connections, readable when answered",
                post.rate,
                "requests/s",
            )
            .p99(post.p99)
            .ratio("raw insert", post.rate / raw, Target::AtLeast(0.3)),
        );
        let options = server.database()?;
        let mut connection = options.connect().await?;
        let ids: Vec<i64> = sqlx::query_scalar("select contact_id from read.contacts limit 10000")
            .fetch_all(&mut connection)
            .await?;
        let bare = log::raw_select(&options, &ids, self.scaled(300_000)).await?;
        table.add(Row::new(
            "bare select by key, 32 connections",
            bare,
            "rows/s",
        ));
        let get = http::load(
            server.address,
            &token,
            log::TASKS,
            lasting,
            move |client, number| {
                let id = ids[(client * 7919 + number * 31) % ids.len()];
                ("GET", format!("/contacts/{id}"), None)
            },
        )
        .await?;
        table.add(
            Row::new("GET /contacts/{id}, 32 connections", get.rate, "requests/s")
                .p99(get.p99)
                .ratio("bare select", get.rate / bare, Target::AtLeast(0.4)),
        );
        Ok(())
    }

    async fn deliveries(&self, server: &Server, raw: f64, table: &mut Table) -> anyhow::Result<()> {
        step("deliveries");
        let token = http::log_in(server.address, "admin", PASSWORD).await?;
        let mut connection = Connection::open(server.address, &token).await?;
        let campaign = Campaign::prepare(&mut connection).await?;
        let pool = connect(server.database()?, 8).await?;
        let commands = Commands::new(Store::open(pool.clone(), &MasterKey::new(MASTER_KEY)).await?);
        let contacts = delivery::contacts(&commands, self.scaled(20_000)).await?;
        let rate = campaign.run(&commands, &contacts).await?;
        let events = delivery::events_per_transmission(&pool).await?;
        table.add(
            Row::new("queued to completed, sandbox", rate, "transmissions/s").at_least(2_000.0),
        );
        table.add(Row::new("events per transmission", events, "events"));
        let called = &contacts[..contacts.len() / 2];
        calls::measure(&mut connection, &commands, called, raw, table).await?;
        let (p50, p99) = delivery::latency(
            &mut connection,
            &campaign,
            &contacts[..self.scaled(3_000).min(300)],
        )
        .await?;
        table.add(Row::new(
            "send request to the peer's DATA, idle, p50",
            p50,
            "ms",
        ));
        table.add(Row::new("send request to the peer's DATA, idle, p99", p99, "ms").at_most(50.0));
        match SmtpSink::start().await? {
            None => {
                table.note("smtp-sink is not installed (Debian: postfix); mails were not measured")
            }
            Some(sink) => {
                delivery::send_through(&mut connection, sink.address).await?;
                let rate = campaign.run(&commands, &contacts).await?;
                table.add(
                    Row::new("queued to completed, smtp-sink", rate, "mails/s").at_least(1_000.0),
                );
            }
        }
        Ok(())
    }

    async fn lists(&self, server: &Server, table: &mut Table) -> anyhow::Result<()> {
        step("lists");
        let pool = connect(server.database()?, 8).await?;
        let store = Store::open(pool.clone(), &MasterKey::new(MASTER_KEY)).await?;
        lists::seed(&Commands::new(store), self.scaled(1_000_000)).await?;
        let token = http::log_in(server.address, "admin", PASSWORD).await?;
        let mut connection = Connection::open(server.address, &token).await?;
        lists::measure(server, &mut connection, &pool, table).await
    }

    async fn rebuild(&self, server: &Server, table: &mut Table) -> anyhow::Result<()> {
        step("rebuild");
        let pool = connect(server.database()?, 8).await?;
        let store = Store::open(pool, &MasterKey::new(MASTER_KEY)).await?;
        for name in ["contacts", "transmissions"] {
            let started = Instant::now();
            let rebuilt = projections::rebuild::rebuild(store.log(), name, |_, _| {}).await?;
            let rate = rebuilt.events as f64 / started.elapsed().as_secs_f64();
            table.add(
                Row::new(
                    format!("rebuild of {name}, {} events", rebuilt.events),
                    rate,
                    "events/s",
                )
                .at_least(50_000.0),
            );
        }
        Ok(())
    }
}

fn step(name: &str) {
    output::note(format_args!("measuring {name} …\n"));
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A folder that is removed when this is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("ledgerline-bench-{}", std::process::id()));
        std::fs::create_dir(&path).with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            output::note(format_args!("{} stays behind: {error}\n", self.0.display()));
        }
    }
}

/// Facts about the run that the figures depend on.
fn machine() -> Value {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    json!({"cores": cores, "version": env!("CARGO_PKG_VERSION"), "debug": cfg!(debug_assertions)})
}
