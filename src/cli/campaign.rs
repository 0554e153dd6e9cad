//! `ledgerline campaign watch`

use std::{
    io::{IsTerminal, Write},
    time::Duration,
};

use anyhow::bail;
use clap::{Args, Subcommand};
use futures::StreamExt as _;
use serde_json::Value;

use super::session::{Login, Session};
use crate::{config::Config, output};

/// The width of the bar, in characters.
const WIDTH: u64 = 30;
/// The pause before a stream that ended is opened again.
const PAUSE: Duration = Duration::from_secs(1);
/// The most failures in a row to open the stream again.
const FAILURES: u32 = 30;

/// Follow a campaign of a running server.
#[derive(Debug, Args)]
pub struct Campaign {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Draw the progress of a campaign, until it ends.
    Watch {
        /// The campaign's id.
        id: u64,
        #[command(flatten)]
        login: Login,
    },
}

impl Campaign {
    /// Draws the progress on one line of a terminal; elsewhere each change is a line of its own.
    pub async fn run(self, config: &Config) -> anyhow::Result<()> {
        let What::Watch { id, login } = self.what;
        let server = login.session(config).await?;
        let path = format!("campaigns/{id}/progress");
        let (mut last, mut failures) = (None, 0);
        let end = loop {
            match follow(&server, &path, &mut last).await {
                Ok(Some(end)) => break end,
                Ok(None) => failures = 0,
                // A server that restarts is waited for; a refusal at the beginning is not.
                Err(error) if last.is_none() || failures >= FAILURES => return Err(error),
                Err(_) => failures += 1,
            }
            tokio::time::sleep(PAUSE).await;
        };
        if std::io::stdout().is_terminal() {
            output::print("")?;
        }
        match end["status"].as_str() {
            Some("completed") => Ok(()),
            _ => bail!("the campaign is broken: {}", end["reason"]),
        }
    }
}

/// Draws the events until the stream ends; returns the last state of the campaign if that has
/// ended.
async fn follow(
    server: &Session,
    path: &str,
    last: &mut Option<String>,
) -> anyhow::Result<Option<Value>> {
    let mut chunks = server.stream(path, last.as_deref()).await?.bytes_stream();
    let mut text = String::new();
    while let Some(chunk) = chunks.next().await {
        text.push_str(&String::from_utf8_lossy(&chunk?));
        while let Some(end) = text.find("\n\n") {
            let event: String = text.drain(..end + 2).collect();
            let field = |name: &str| {
                let mut lines = event.lines();
                lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            };
            let Some(data) = field("data") else { continue };
            let data: Value = serde_json::from_str(data)?;
            draw(&data)?;
            *last = field("id").map(str::to_owned);
            if field("event") == Some("end") {
                return Ok(Some(data));
            }
        }
    }
    Ok(None)
}

fn draw(campaign: &Value) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    if out.is_terminal() {
        write!(out, "\r\x1b[2K{}", line(campaign))?
    } else {
        writeln!(out, "{}", line(campaign))?
    }
    out.flush()
}

/// One line: a bar, the number of contacts done, the outcomes, and the rate.
fn line(campaign: &Value) -> String {
    let number = |name: &str| campaign[name].as_u64().unwrap_or_default();
    let (done, total) = (number("contact_done"), number("contact_total"));
    let filled = (done * WIDTH)
        .checked_div(total)
        .unwrap_or_default()
        .min(WIDTH) as usize;
    let bar = format!(
        "{}{}",
        "#".repeat(filled),
        ".".repeat(WIDTH as usize - filled)
    );
    let words = [
        "delivered",
        "rejected",
        "unanswered",
        "unavailable",
        "unknown",
        "suppressed",
    ];
    let outcomes: Vec<String> = words
        .iter()
        .filter(|word| number(word) > 0)
        .map(|word| format!("{word} {}", number(word)))
        .collect();
    let rate = campaign["rate"].as_f64().unwrap_or_default();
    let status = campaign["status"].as_str().unwrap_or_default();
    let mut line = format!("[{bar}] {done}/{total} {status}, {rate:.1}/s");
    if !outcomes.is_empty() {
        line = format!("{line}, {}", outcomes.join(", "));
    }
    match campaign["expected_end"]
        .as_i64()
        .and_then(|at| chrono::DateTime::from_timestamp(at, 0))
    {
        Some(end) => format!("{line}, until {}", end.format("%H:%M:%S UTC")),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_says_how_far_it_is_and_what_came_of_it() {
        let campaign = json!({
            "contact_total": 200, "contact_done": 100, "status": "running", "rate": 12.5,
            "delivered": 98, "rejected": 2, "unknown": 0, "expected_end": 1_795_602_823,
        });
        assert_eq!(
            line(&campaign),
            "[###############...............] 100/200 running, 12.5/s, delivered 98, \
             rejected 2, until 10:33:43 UTC"
        );
    }

    #[test]
    fn nobody_to_reach_is_no_division_by_zero() {
        let line = line(&json!({"contact_total": 0, "contact_done": 0, "status": "new"}));
        assert_eq!(line, "[..............................] 0/0 new, 0.0/s");
    }
}
