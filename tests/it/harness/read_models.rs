//! The rows of all read models.

use std::collections::BTreeMap;

use sqlx::{query_scalar, raw_sql};

use super::{EventLog, Server, eventually, every_event_names_its_causes, seconds};

/// The rows of the tables of schema `read`, by table.
#[derive(Debug, PartialEq)]
pub struct ReadModels(BTreeMap<String, Vec<String>>);

impl ReadModels {
    /// The read models once they have caught up with the log, which must be idle by then.
    pub async fn open(server: &Server) -> Self {
        let mut log = EventLog::open(server).await;
        eventually("the read models have caught up", seconds(60), async || {
            let head = log.head().await;
            let sql = "select coalesce(min(position), 0) from read.checkpoints";
            let least: i64 = query_scalar(sql).fetch_one(log.sql()).await.unwrap();
            (least >= head).then_some(())
        })
        .await;
        let sql = "select table_name::text from information_schema.tables
                   where table_schema = 'read' and table_name <> 'checkpoints'";
        let tables: Vec<String> = query_scalar(sql).fetch_all(log.sql()).await.unwrap();
        assert!(tables.len() >= 10, "{tables:?}");
        raw_sql("begin isolation level repeatable read")
            .execute(log.sql())
            .await
            .unwrap();
        let mut rows = BTreeMap::new();
        for table in tables {
            // The columns by name: a table that was built anew may have them in another order.
            let sql = format!("select to_jsonb(t)::text from read.{table} t");
            let mut found: Vec<String> = query_scalar(&sql).fetch_all(log.sql()).await.unwrap();
            found.sort();
            rows.insert(table, found);
        }
        Self(rows)
    }

    /// As [`ReadModels::assert_equal_a_rebuild`], and asserts that every event names its causes.
    pub async fn assert_whole(server: &Server) {
        every_event_names_its_causes(server).await;
        Self::assert_equal_a_rebuild(server).await;
    }

    /// Rebuilds all read models beside the running server, and asserts that each has the same rows
    /// as before.
    pub async fn assert_equal_a_rebuild(server: &Server) {
        let before = Self::open(server).await;
        server.run_ok(&["rebuild"]);
        let after = Self::open(server).await;
        for (table, rows) in &before.0 {
            let rebuilt = &after.0[table];
            let missing: Vec<_> = rows
                .iter()
                .filter(|row| !rebuilt.contains(row))
                .take(3)
                .collect();
            let added: Vec<_> = rebuilt
                .iter()
                .filter(|row| !rows.contains(row))
                .take(3)
                .collect();
            assert_eq!(
                rows.len(),
                rebuilt.len(),
                "{table}: only before {missing:?}, only after {added:?}"
            );
            assert!(
                rows == rebuilt,
                "{table}: only before {missing:?}, only after {added:?}"
            );
        }
    }
}
