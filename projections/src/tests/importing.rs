//! The look-ups of an import.

use eventstore::database::connect;
use sqlx::{PgPool, raw_sql};

use super::ScratchLog;
use crate::people::groups::by_phone;

/// Contacts with these ids in a group; each has its id as its phone.
async fn members(pool: &PgPool, group: i64, ids: std::ops::Range<i64>) {
    for sql in [
        "insert into read.contacts (contact_id, phone, user_id, created_at, updated_at, \
           created_position, version) \
         select id, '+' || id, 1, now(), now(), id, 1 from generate_series($2, $3 - 1) id \
         where $1 > 0",
        "insert into read.contact_groups (group_id, contact_id, linked_at) \
         select $1, id, now() from generate_series($2, $3 - 1) id",
    ] {
        let rows = sqlx::query(sql).bind(group).bind(ids.start).bind(ids.end);
        rows.execute(pool).await.unwrap();
    }
}

/// The number of searches in the index of phones.
async fn searches(pool: &PgPool) -> i64 {
    sqlx::query("select pg_stat_force_next_flush()")
        .execute(pool)
        .await
        .unwrap();
    sqlx::query_scalar(
        "select idx_scan from pg_stat_user_indexes where indexrelname = 'contacts_reverse_idx'",
    )
    .fetch_one(pool)
    .await
    .unwrap()
}

/// The planner takes a group that is newer than its statistics to have a single member.
#[tokio::test]
async fn each_phone_is_looked_for_once_in_a_group_that_is_new() {
    let scratch = ScratchLog::open().await;
    // A single connection, so that its own statistics are read.
    let options = (*scratch.pool.connect_options()).clone();
    let pool = connect(options, 1).await.unwrap();
    members(&pool, 1, 100_000..120_000).await;
    members(&pool, 2, 120_000..130_000).await;
    raw_sql("analyze read.contacts; analyze read.contact_groups")
        .execute(&pool)
        .await
        .unwrap();
    members(&pool, 3, 130_000..133_000).await;

    let before = searches(&pool).await;
    let unknown: Vec<String> = (500_000..500_200).map(|n| format!("+{n}")).collect();
    let mut phones: Vec<&str> = unknown.iter().map(String::as_str).collect();
    // A phone of another group, and one of this group.
    phones.extend(["+100000", "+130007"]);
    let found = by_phone(&pool, 3, &phones).await.unwrap();
    assert_eq!(found, [("+130007".to_owned(), 130_007)]);
    let searched = searches(&pool).await - before;
    assert!(
        searched <= phones.len() as i64,
        "{searched} searches for {} phones",
        phones.len()
    );
}
