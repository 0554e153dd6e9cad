//! Campaigns, from start to completed, and their effect on single sends beside them.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use bytes::Bytes;
use serde_json::{Value, json};
use sqlx::{ConnectOptions as _, PgConnection};

use super::{
    child::Server,
    delivery::send_through,
    http::{Connection, percentile},
    smtp_sink::SmtpSink,
    step,
    table::{Row, Table},
};

/// Time limit for a campaign without progress.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Interval of reading a campaign's progress.
const LOOK: Duration = Duration::from_millis(100);
/// The most contacts of one file.
const FILE: usize = 100_000;
/// Three times the number of single sends that are timed on the idle system.
const SINGLES: usize = 300;

/// Measures campaigns of these sizes through the sandbox, smtp-sink and, with others
/// sending beside it, the sandbox again.
pub async fn measure(
    server: &Server,
    token: &str,
    small: usize,
    large: usize,
    table: &mut Table,
) -> anyhow::Result<()> {
    let mut bench = Campaigns::prepare(server, token).await?;
    step("a campaign through the sandbox");
    let group = bench.group(small).await?;
    let run = bench.run(group, small, &mut Nobody).await?;
    let name = format!("campaign of {small} through the sandbox, from start to completed");
    table.add(Row::new(name, run.rate(), "transmissions/s").at_least(2_500.0));
    bench.singles(server, large, table).await?;
    step("a campaign through smtp-sink");
    let Some(sink) = SmtpSink::start().await? else {
        table.note("smtp-sink is not installed (Debian: postfix); its campaign was not measured");
        return Ok(());
    };
    send_through(&mut bench.connection, sink.address).await?;
    let group = bench.group(small).await?;
    let run = bench.run(group, small, &mut Nobody).await?;
    let name = format!("campaign of {small} through smtp-sink, from start to completed");
    table.add(Row::new(name, run.rate(), "mails/s").at_least(1_000.0));
    Ok(())
}

struct Campaigns {
    connection: Connection,
    program: i64,
    /// The number of the next contact; no two have the same address.
    next: usize,
}

/// Something that happens beside a campaign.
trait Beside {
    /// Called whenever the progress of the campaign has been read, until its end.
    async fn look(&mut self, done: usize) -> anyhow::Result<()>;
}

struct Nobody;

impl Beside for Nobody {
    async fn look(&mut self, _done: usize) -> anyhow::Result<()> {
        Ok(())
    }
}

/// The course of a campaign.
struct Run {
    started_in: Duration,
    took: Duration,
    /// The time since the start and the number done, at every look.
    marks: Vec<(Duration, usize)>,
}

impl Run {
    fn rate(&self) -> f64 {
        self.between(0.0, 1.0)
    }

    /// The rate between two shares of the whole.
    fn between(&self, from: f64, to: f64) -> f64 {
        let all = self.marks.last().map_or(0, |(_, done)| *done) as f64;
        let at = |part: f64| {
            let reached = |(_, done): &&(Duration, usize)| *done as f64 >= part * all;
            let mark = self.marks.iter().find(reached);
            mark.map_or((self.took.as_secs_f64(), all), |(at, done)| {
                (at.as_secs_f64(), *done as f64)
            })
        };
        let ((begin, first), (end, last)) = (at(from), at(to));
        (last - first) / (end - begin)
    }
}

impl Campaigns {
    async fn prepare(server: &Server, token: &str) -> anyhow::Result<Self> {
        let mut connection = Connection::open(server.address, token).await?;
        let template = json!({
            "name": "bench", "subject": "Hello [contact:first_name]",
            "body": "<p>Dear [contact:first_name] [contact:last_name], this is a measurement.</p>",
            "body_alt": "Dear [contact:first_name] [contact:last_name], this is a measurement.",
        });
        let template = made(
            &mut connection,
            "/messages/templates",
            "template_id",
            template,
        )
        .await?;
        let program = json!({"template_id": template});
        let program = made(
            &mut connection,
            "/programs/sendemail",
            "program_id",
            program,
        )
        .await?;
        Ok(Self {
            connection,
            program,
            next: 0,
        })
    }

    /// Makes a group of `count` contacts.
    async fn group(&mut self, count: usize) -> anyhow::Result<i64> {
        let body = json!({"name": format!("bench {count}")});
        let group = made(&mut self.connection, "/groups", "group_id", body).await?;
        let path = format!("/groups/{group}/csv");
        let end = self.next + count;
        while self.next < end {
            let mut file = String::new();
            for _ in 0..FILE.min(end - self.next) {
                let n = self.next;
                self.next += 1;
                writeln!(
                    file,
                    "+49171{n:08},First{n},Lastname,bulk{n}@example.com,,,,,"
                )?;
            }
            let file = Some(("text/csv", Bytes::from(file)));
            self.connection.send("POST", &path, file).await?;
        }
        Ok(group)
    }

    /// Starts a campaign at full pace and waits for its end.
    async fn run(
        &mut self,
        group: i64,
        count: usize,
        beside: &mut impl Beside,
    ) -> anyhow::Result<Run> {
        let body = json!({"program_id": self.program, "group_id": group, "cpm": 1_000_000});
        let id = made(&mut self.connection, "/campaigns", "campaign_id", body).await?;
        let started = Instant::now();
        let start = format!("/campaigns/{id}/start");
        self.connection.call("PUT", &start, None).await?;
        let started_in = started.elapsed();
        let (mut marks, mut moved) = (vec![(Duration::ZERO, 0)], Instant::now());
        let path = format!("/campaigns/{id}");
        loop {
            let row = self.connection.json("GET", &path, None).await?;
            let done = row["contact_done"].as_u64().unwrap_or_default() as usize;
            if marks.last().is_some_and(|(_, last)| *last < done) {
                moved = Instant::now();
            }
            marks.push((started.elapsed(), done));
            match row["status"].as_str() {
                Some("completed") if row["delivered"] == count => break,
                Some("running") if moved.elapsed() < TIMEOUT => {}
                _ => bail!("the campaign does not go on: {row}"),
            }
            beside.look(done).await?;
            tokio::time::sleep(LOOK).await;
        }
        Ok(Run {
            started_in,
            took: started.elapsed(),
            marks,
        })
    }

    /// Measures a large campaign, with single sends beside it.
    async fn singles(
        &mut self,
        server: &Server,
        count: usize,
        table: &mut Table,
    ) -> anyhow::Result<()> {
        step("a large campaign, and single sends beside it");
        let group = self.group(count).await?;
        let contact = json!({
            "first_name": "Ada", "phone": "+15550100", "email": "single@example.com",
        });
        let contact = made(&mut self.connection, "/contacts", "contact_id", contact).await?;
        let mut singles = Singles {
            connection: Connection::open(server.address, self.connection.token()).await?,
            order: json!({"contact_id": contact, "program_id": self.program}),
            database: server.database()?.connect().await?,
            resident: 0.0,
            server,
            made: Vec::new(),
        };
        for _ in 0..SINGLES / 3 {
            singles.send().await?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let (idle, _) = singles.waited().await?;
        let run = self.run(group, count, &mut singles).await?;
        let (_, busy) = singles.waited().await?;
        let (first, last) = (run.between(0.02, 0.12), run.between(0.88, 0.98));
        let name = format!("campaign of {count} through the sandbox");
        table.add(Row::new(name, run.rate(), "transmissions/s"));
        let ratio = last / first;
        table.add(
            Row::new("its rate near the end", last, "transmissions/s").ratio(
                "near the beginning",
                ratio,
                super::table::Target::AtLeast(0.9),
            ),
        );
        table.add(Row::new("resident at most meanwhile", singles.resident, "MB").at_most(256.0));
        let started = run.started_in.as_secs_f64() * 1_000.0;
        table.add(Row::new("its start request", started, "ms").at_most(50.0));
        let name = "single send from queue to wire beside it, p99 less idle p50";
        table.add(Row::new(name, busy - idle, "ms").at_most(100.0));
        Ok(())
    }
}

/// Another user, who sends single messages.
struct Singles<'s> {
    connection: Connection,
    order: Value,
    database: PgConnection,
    server: &'s Server,
    resident: f64,
    made: Vec<i64>,
}

impl Singles<'_> {
    async fn send(&mut self) -> anyhow::Result<()> {
        let order = self.order.clone();
        let id = made(
            &mut self.connection,
            "/transmissions",
            "transmission_id",
            order,
        )
        .await?;
        let send = format!("/transmissions/{id}/send");
        self.connection.call("POST", &send, None).await?;
        self.made.push(id);
        Ok(())
    }

    /// The times of the single sends from the queue to the wire, in milliseconds: p50 and p99.
    /// Forgets the sends.
    async fn waited(&mut self) -> anyhow::Result<(f64, f64)> {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let ids: Vec<String> = self.made.drain(..).map(|id| id.to_string()).collect();
        let waited: Vec<f64> = sqlx::query_scalar(
            "select (extract(epoch from (s.payload #>> '{SpoolStarted,at}')::timestamptz) \
               - extract(epoch from (q.payload #>> '{SpoolQueued,at}')::timestamptz))::float8 \
             from events q join events s using (aggregate_type, aggregate_id) \
             where aggregate_type = 'transmission' and aggregate_id = any($1) \
               and q.event_type = 'SpoolQueued' and s.event_type = 'SpoolStarted'",
        )
        .bind(&ids)
        .fetch_all(&mut self.database)
        .await?;
        if waited.len() < ids.len() {
            bail!("{} of {} single sends started", waited.len(), ids.len());
        }
        let waited = waited
            .into_iter()
            .map(|it| Duration::from_secs_f64(it.max(0.0)));
        let mut waited: Vec<Duration> = waited.collect();
        Ok((percentile(&mut waited, 0.5), percentile(&mut waited, 0.99)))
    }
}

impl Beside for Singles<'_> {
    async fn look(&mut self, _done: usize) -> anyhow::Result<()> {
        self.resident = self.resident.max(self.server.resident()?);
        self.send().await
    }
}

async fn made(
    connection: &mut Connection,
    path: &str,
    id: &str,
    body: Value,
) -> anyhow::Result<i64> {
    let answer = connection.json("POST", path, Some(&body)).await?;
    answer[id]
        .as_i64()
        .with_context(|| format!("{path}: no {id}"))
}
