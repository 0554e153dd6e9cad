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
    /// Only events of this kind of aggregate: contact, transmission …
    #[arg(long, value_name = "TYPE")]
    aggregate_type: Option<String>,
    /// Only events of the aggregate with this id; goes with --aggregate-type.
    #[arg(long, value_name = "ID", requires = "aggregate_type")]
    aggregate_id: Option<i64>,
    /// Only events that this user caused.
    #[arg(long, value_name = "ID")]
    user_id: Option<i64>,
    /// Only events of this type: ContactCreated …
    #[arg(long, value_name = "TYPE")]
    event_type: Option<String>,
    /// Only events after this position.
    #[arg(long, value_name = "POSITION", default_value_t = 0)]
    after_position: Position,
    /// Only events after this time (RFC 3339).
    #[arg(long, value_name = "TIME")]
    after: Option<DateTime<Utc>>,
    /// Only events before this time (RFC 3339).
    #[arg(long, value_name = "TIME")]
    before: Option<DateTime<Utc>>,
    /// At most this number of events.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Go on and show new events.
    #[arg(long, short)]
    follow: bool,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// A line for each event, in columns.
    Table,
    /// A JSON object for each event, payload included.
    Json,
}

impl Events {
    /// Prints the events that match.
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

/// An event as JSON: as a row of `GET /events`, but with the time in RFC 3339.
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
