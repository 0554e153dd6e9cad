//! `ledgerline events`

use std::io::Write;

use chrono::{DateTime, SecondsFormat, Utc};
use clap::{Args, ValueEnum};
use eventstore::{Position, Recorded};
use serde_json::{Value, json};

use crate::{config::Config, database};

/// Show the log.
#[derive(Debug, Args)]
pub struct Events {
    /// Of this kind only: contact, transmission …
    #[arg(long, value_name = "TYPE")]
    aggregate_type: Option<String>,
    /// Of this one only; goes with --aggregate-type.
    #[arg(long, value_name = "ID", requires = "aggregate_type")]
    aggregate_id: Option<i64>,
    /// Caused by this user.
    #[arg(long, value_name = "ID")]
    user_id: Option<i64>,
    /// Of this type only: ContactCreated …
    #[arg(long, value_name = "TYPE")]
    event_type: Option<String>,
    /// Behind this position.
    #[arg(long, value_name = "POSITION", default_value_t = 0)]
    after_position: Position,
    /// Since this time (RFC 3339).
    #[arg(long, value_name = "TIME")]
    after: Option<DateTime<Utc>>,
    /// Until this time (RFC 3339).
    #[arg(long, value_name = "TIME")]
    before: Option<DateTime<Utc>>,
    /// At most so many.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Go on showing what comes.
    #[arg(long, short)]
    follow: bool,
    /// As what.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// A line each, in columns.
    Table,
    /// A JSON object each, payload included.
    Json,
}

impl Events {
    /// Prints what fits.
    pub async fn run(self, config: &Config) -> anyhow::Result<()> {
        let store = database::store(config).await?;
        let head = store.log().fresh_head().await?;
        let mut subscription = store.log().subscribe(self.after_position);
        let mut left = self.limit.unwrap_or(usize::MAX);
        let mut out = std::io::stdout().lock();
        if matches!(self.format, Format::Table) {
            writeln!(
                out,
                "{:>9}  {:<24}  {:<22}  {:>4}  {:<26}  {:>5}",
                "POSITION", "TIME", "AGGREGATE", "SEQ", "EVENT", "USER"
            )?;
        }
        while left > 0 && (self.follow || subscription.position() < head) {
            for event in subscription.next().await? {
                if left == 0 || (!self.follow && event.position > head) {
                    break;
                }
                if self.fits(&event) {
                    self.print(&mut out, &event)?;
                    left -= 1;
                }
            }
            out.flush()?;
        }
        Ok(())
    }

    fn fits(&self, event: &Recorded) -> bool {
        let of = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|it| it == is);
        let user = event.metadata.user_id.map(domain::Id::get);
        of(&self.aggregate_type, &event.aggregate_type)
            && of(&self.event_type, &event.event_type)
            && self.aggregate_id.is_none_or(|id| id == event.aggregate_id)
            && self.user_id.is_none_or(|id| Some(id) == user)
            && self.after.is_none_or(|time| event.occurred_at > time)
            && self.before.is_none_or(|time| event.occurred_at < time)
    }

    fn print(&self, out: &mut impl Write, event: &Recorded) -> anyhow::Result<()> {
        let time = event
            .occurred_at
            .to_rfc3339_opts(SecondsFormat::Millis, true);
        match self.format {
            Format::Table => {
                let aggregate = format!("{}/{}", event.aggregate_type, event.aggregate_id);
                let user = event
                    .metadata
                    .user_id
                    .map_or("-".to_owned(), |id| id.to_string());
                writeln!(
                    out,
                    "{:>9}  {time:<24}  {aggregate:<22}  {:>4}  {:<26}  {user:>5}",
                    event.position, event.sequence, event.event_type
                )?;
            }
            Format::Json => writeln!(out, "{}", row(event, &time)?)?,
        }
        Ok(())
    }
}

/// The row of `GET /events`.
fn row(event: &Recorded, time: &str) -> anyhow::Result<Value> {
    Ok(json!({
        "position": event.position,
        "aggregate_type": event.aggregate_type,
        "aggregate_id": event.aggregate_id,
        "sequence": event.sequence,
        "event_type": event.event_type,
        "occurred_at": time,
        "payload": event.readable_payload()?,
        "metadata": event.metadata,
    }))
}
