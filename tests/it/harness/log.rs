//! The event log, read from the database.

use std::collections::BTreeSet;

use serde_json::Value;
use sqlx::{PgConnection, Row, query, query_scalar};

use super::Server;

/// A connection to the database that reads the log without the server.
#[derive(Debug)]
pub struct EventLog(PgConnection);

const ENDS: &str = "'SpoolCompleted', 'SpoolFailed', 'SpoolOutcomeUnknown'";

impl EventLog {
    pub async fn open(server: &Server) -> Self {
        Self(server.sql().await)
    }

    /// The last position in the log.
    pub async fn head(&mut self) -> i64 {
        let sql = "select coalesce(max(position), 0) from events";
        query_scalar(sql).fetch_one(&mut self.0).await.unwrap()
    }

    /// The number of events of this type.
    pub async fn count(&mut self, event_type: &str) -> i64 {
        let sql = "select count(*) from events where event_type = $1";
        query_scalar(sql)
            .bind(event_type)
            .fetch_one(&mut self.0)
            .await
            .unwrap()
    }

    /// The metadata of the events of this type, in order.
    pub async fn metadata(&mut self, event_type: &str) -> Vec<Value> {
        let sql = "select metadata from events where event_type = $1 order by position";
        query_scalar(sql)
            .bind(event_type)
            .fetch_all(&mut self.0)
            .await
            .unwrap()
    }

    /// The attempts that started after this position and have not ended.
    pub async fn on_the_wire(&mut self, after: i64) -> Vec<i64> {
        self.on_the_wire_of("", after).await
    }

    /// The attempts of the worker whose name has this ending that started after this position and
    /// have not ended.
    pub async fn on_the_wire_of(&mut self, worker: &str, after: i64) -> Vec<i64> {
        let sql = format!(
            "select (s.payload -> s.event_type ->> 'spool')::bigint from events s
             where s.event_type = 'SpoolStarted' and s.position > $1
               and s.payload -> s.event_type ->> 'worker' like '%' || $2 and not exists (
                 select from events e
                 where e.aggregate_type = s.aggregate_type and e.aggregate_id = s.aggregate_id
                   and e.event_type in ({ENDS})
                   and e.payload -> e.event_type ->> 'spool' = s.payload -> s.event_type ->> 'spool')"
        );
        query_scalar(&sql)
            .bind(after)
            .bind(worker)
            .fetch_all(&mut self.0)
            .await
            .unwrap()
    }

    /// The attempts of all events of this type, one for each event.
    pub async fn spools(&mut self, event_type: &str) -> Vec<i64> {
        let sql = "select (payload -> event_type ->> 'spool')::bigint from events
                   where event_type = $1 order by position";
        query_scalar(sql)
            .bind(event_type)
            .fetch_all(&mut self.0)
            .await
            .unwrap()
    }

    /// The ids of the aggregates that have an event of this type.
    pub async fn ids(&mut self, event_type: &str) -> BTreeSet<i64> {
        let sql = "select aggregate_id::bigint from events where event_type = $1";
        let ids: Vec<i64> = query_scalar(sql)
            .bind(event_type)
            .fetch_all(&mut self.0)
            .await
            .unwrap();
        ids.into_iter().collect()
    }

    /// A transmission's history and its row in the queue, for messages.
    pub async fn story(&mut self, transmission: &str) -> String {
        let sql = "select format('%s %s %s %s', position, occurred_at, event_type,
                       (payload::jsonb -> event_type) - 'flow' - 'destination' - 'order')
                   from events where aggregate_type = 'transmission' and aggregate_id = $1
                   order by sequence";
        let mut lines: Vec<String> = query_scalar(sql)
            .bind(transmission)
            .fetch_all(&mut self.0)
            .await
            .unwrap();
        let sql = "select 'in the queue: ' || to_jsonb(q)::text from dispatch.queue q
                   where transmission_id = $1::bigint";
        let queued: Vec<String> = query_scalar(sql)
            .bind(transmission)
            .fetch_all(&mut self.0)
            .await
            .unwrap();
        lines.extend(queued);
        format!("transmission {transmission}:\n{}", lines.join("\n"))
    }

    /// The whole log as one text.
    pub async fn text(&mut self) -> String {
        let rows = query("select e::text as line from events e order by position");
        let rows = rows.fetch_all(&mut self.0).await.unwrap();
        rows.iter()
            .map(|row| row.get::<String, _>("line"))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// The connection, for queries of single tests.
    pub fn sql(&mut self) -> &mut PgConnection {
        &mut self.0
    }
}
