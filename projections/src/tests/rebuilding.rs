//! Rebuilds beside the running subscribers.

use super::{ScratchLog, history::happen, run};
use crate::{
    all,
    rebuild::{RebuildError, differences, rebuild},
};

const NOTHING: Vec<String> = Vec::new();

#[tokio::test]
async fn what_is_live_equals_what_is_rebuilt_before_and_after_the_swap() {
    let scratch = ScratchLog::open().await;
    let running = run(&scratch);
    happen(&scratch, 1, 300).await;
    for name in names() {
        assert_eq!(
            differences(scratch.log(), name).await.unwrap(),
            NOTHING,
            "{name}"
        );
    }
    let shape = shape(&scratch).await;

    let writing = async {
        for seed in 2..6 {
            happen(&scratch, seed, 100).await;
        }
    };
    let rebuilding = async {
        for name in names() {
            rebuild(scratch.log(), name, |_, _| {}).await.unwrap();
        }
    };
    let reading = async {
        for _ in 0..400 {
            let there = scratch.number("select count(*) from read.contacts").await;
            assert!(there > 0, "a reader found nothing");
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    };
    tokio::join!(writing, rebuilding, reading);

    let position = happen(&scratch, 7, 50).await;
    running.all_reached(position).await;
    for name in names() {
        assert_eq!(
            differences(scratch.log(), name).await.unwrap(),
            NOTHING,
            "{name}"
        );
    }
    assert_eq!(wrong_totals(&scratch).await, NOTHING);
    assert_eq!(self::shape(&scratch).await, shape);
    assert_eq!(
        scratch
            .number("select count(*) from pg_tables where schemaname = 'rebuild'")
            .await,
        0
    );
    running.stop().await;
    scratch.close().await;
}

#[tokio::test]
async fn every_table_and_column_says_what_it_is() {
    let scratch = ScratchLog::open().await;
    let silent: Vec<String> = sqlx::query_scalar(
        "select c.oid::regclass || '.' || coalesce(a.attname, '') from pg_class c \
           left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 \
             and not a.attisdropped \
         where c.relkind in ('r', 'v') and c.relnamespace::regnamespace::text in ('read', 'dispatch') \
           and (col_description(c.oid, a.attnum) is null \
             or obj_description(c.oid, 'pg_class') is null)",
    )
    .fetch_all(&scratch.pool)
    .await
    .unwrap();
    assert_eq!(silent, NOTHING);
    scratch.close().await;
}

#[tokio::test]
async fn only_read_models_are_rebuilt() {
    let scratch = ScratchLog::open().await;
    for other in ["dispatch", "pigeons"] {
        let unknown = rebuild(scratch.log(), other, |_, _| {}).await;
        assert!(matches!(unknown, Err(RebuildError::Unknown(name)) if name == other));
    }
    scratch.close().await;
}

/// The maintained totals that differ from the counted ones.
async fn wrong_totals(scratch: &ScratchLog) -> Vec<String> {
    let mut wrong = Vec::new();
    let kept: Vec<String> =
        sqlx::query_scalar("select distinct list from read.totals order by list")
            .fetch_all(&scratch.pool)
            .await
            .unwrap();
    assert!(kept.len() >= 10, "{kept:?}");
    for list in kept {
        let tenant = match (&*list, has_column(scratch, &list, "tenant_id").await) {
            ("tenants", _) | (_, false) => "0",
            _ => "coalesce(tenant_id, 0)",
        };
        let owned = list != "users" && has_column(scratch, &list, "user_id").await;
        let owners = format!(
            "union all select {tenant}, user_id, count(*) from read.{list} \
             where user_id is not null group by 1, 2"
        );
        let sql = format!(
            "select '{list} ' || coalesce(kept.tenant_id, counted.tenant_id) || '/' \
               || coalesce(kept.user_id, counted.user_id) || ': ' \
               || coalesce(total, -1) || ' kept, ' || coalesce(count, -1) || ' counted' \
             from (select * from read.totals where list = '{list}' \
                 and (total > 0 or user_id <> 0)) kept full join ( \
               select {tenant}::bigint as tenant_id, 0::bigint as user_id, count(*) \
               from read.{list} group by 1 {}) counted \
               on counted.user_id = kept.user_id and counted.tenant_id = kept.tenant_id \
             where total is distinct from count",
            if owned { &*owners } else { "" }
        );
        let found: Vec<String> = sqlx::query_scalar(&sql)
            .fetch_all(&scratch.pool)
            .await
            .unwrap();
        wrong.extend(found);
    }
    wrong
}

async fn has_column(scratch: &ScratchLog, table: &str, column: &str) -> bool {
    sqlx::query_scalar(
        "select exists (select from pg_attribute \
           where attrelid = format('read.%I', $1)::regclass and attname = $2)",
    )
    .bind(table)
    .bind(column)
    .fetch_one(&scratch.pool)
    .await
    .unwrap()
}

fn names() -> Vec<&'static str> {
    all().iter().map(|projection| projection.name()).collect()
}

/// The properties of tables that must survive a swap: comments, grants, indexes and storage
/// parameters.
async fn shape(scratch: &ScratchLog) -> Vec<String> {
    sqlx::query_scalar(
        "select c.relname || ' ' || coalesce(obj_description(c.oid, 'pg_class'), '-') || ' ' \
           || coalesce(c.relacl::text, '-') || ' ' || coalesce(c.reloptions::text, '-') || ' ' \
           || (select coalesce(string_agg(indexdef, ';' order by indexdef), '-') \
               from pg_indexes i where i.schemaname = 'read' and i.tablename = c.relname) || ' ' \
           || (select string_agg(attname || ':' || col_description(c.oid, attnum), ';' \
                 order by attnum) from pg_attribute where attrelid = c.oid and attnum > 0) \
         from pg_class c where c.relkind = 'r' and c.relnamespace = 'read'::regnamespace \
         order by 1",
    )
    .fetch_all(&scratch.pool)
    .await
    .unwrap()
}
