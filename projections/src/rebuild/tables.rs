//! Makes the tables of a rebuild like the old ones, and puts them in their place.

use sqlx::{Executor as _, PgConnection};

/// Makes empty tables like the live ones, after dropping those of an aborted rebuild. Returns the
/// definitions of the indexes to be made once the rows exist.
pub(super) async fn create(
    db: &mut PgConnection,
    tables: &[&str],
    finds_by: &[&str],
) -> Result<Vec<String>, sqlx::Error> {
    drop_leftovers(db, tables).await?;
    let mut late = Vec::new();
    for table in tables {
        db.execute(&*format!(
            "create table rebuild.{table} (like read.{table} including all)"
        ))
        .await?;
        // LIKE does not copy comments.
        run(
            db,
            "select format('comment on table rebuild.%I is %L', $1, \
               obj_description(format('read.%I', $1)::regclass, 'pg_class')) \
             union all \
             select format('alter table rebuild.%I set (%s)', $1, \
               array_to_string(reloptions, ', ')) \
             from pg_class where oid = format('read.%I', $1)::regclass \
               and reloptions is not null",
            table,
        )
        .await?;
        late.extend(put_off_indexes(db, table, finds_by).await?);
    }
    Ok(late)
}

/// Drops the indexes that are not needed during the rebuild, and returns the definitions to make
/// them at the end: an index is much cheaper to make of all rows than to maintain row by row. The
/// definitions are those of the live indexes, because LIKE gives other names as soon as two
/// begin alike.
async fn put_off_indexes(
    db: &mut PgConnection,
    table: &str,
    finds_by: &[&str],
) -> Result<Vec<String>, sqlx::Error> {
    run(
        db,
        "select format('drop index %s', x.indexrelid::regclass) from pg_index x \
         where x.indrelid = format('rebuild.%I', $1)::regclass and not x.indisunique",
        table,
    )
    .await?;
    let indexes: Vec<(bool, String)> = sqlx::query_as(
        "select $1 || '.' || pg_get_indexdef(x.indexrelid, 1, true) = any($2), \
           replace(pg_get_indexdef(x.indexrelid), format(' ON read.%I ', $1), \
             format(' ON rebuild.%I ', $1)) \
         from pg_index x where x.indrelid = format('read.%I', $1)::regclass \
           and not x.indisunique order by x.indexrelid",
    )
    .bind(table)
    .bind(finds_by)
    .fetch_all(&mut *db)
    .await?;
    let mut late = Vec::with_capacity(indexes.len());
    for (at_once, definition) in indexes {
        if at_once {
            db.execute(&*definition).await?;
        } else {
            late.push(definition);
        }
    }
    Ok(late)
}

pub(super) async fn drop_leftovers(
    db: &mut PgConnection,
    tables: &[&str],
) -> Result<(), sqlx::Error> {
    for table in tables {
        db.execute(&*format!("drop table if exists rebuild.{table}"))
            .await?;
    }
    Ok(())
}

/// Drops the live tables and moves the new ones into their place, with the grants of the old ones.
///
/// Fails if the old tables stay in use for 400 ms: less than the time-out of the deadlock check,
/// so that no reader is ever aborted because of this.
pub(super) async fn put_in_place(
    db: &mut PgConnection,
    tables: &[&str],
) -> Result<(), sqlx::Error> {
    let triggers = triggers(db, tables).await?;
    for table in tables {
        // Before the tables are locked, because counting takes long.
        run(db, RECOUNT, table).await?;
    }
    db.execute("set local lock_timeout = '400ms'").await?;
    for table in tables {
        run(
            db,
            "select format('grant %s on rebuild.%I to %s', a.privilege_type, $1, \
               case when a.grantee = 0 then 'public' else quote_ident(r.rolname) end) \
             from pg_class c cross join aclexplode(c.relacl) a \
               left join pg_roles r on r.oid = a.grantee \
             where c.oid = format('read.%I', $1)::regclass and a.grantee <> c.relowner",
            table,
        )
        .await?;
    }
    let live: Vec<_> = tables.iter().map(|table| format!("read.{table}")).collect();
    db.execute(&*format!("drop table {}", live.join(", ")))
        .await?;
    for table in tables {
        db.execute(&*format!("alter table rebuild.{table} set schema read"))
            .await?;
    }
    for trigger in triggers {
        db.execute(&*trigger).await?;
    }
    Ok(())
}

/// The query that writes the statement to recount a table, if its rows are counted.
const RECOUNT: &str = "select format('select read.recount(%L, %L, ''rebuild'')', $1, \
       split_part(encode(tgargs, 'escape'), '\\000', 1)) \
     from pg_trigger where tgrelid = format('read.%I', $1)::regclass and tgname = 'totals_of_new'";

/// The definitions of the live tables' triggers, which count their rows. The tables being built
/// have none, because they are counted once at the end.
async fn triggers(db: &mut PgConnection, tables: &[&str]) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select pg_get_triggerdef(oid) from pg_trigger where not tgisinternal \
           and tgrelid = any(select format('read.%I', t)::regclass from unnest($1::text[]) t)",
    )
    .bind(tables)
    .fetch_all(db)
    .await
}

/// Runs the statements that a query on a table answers.
async fn run(db: &mut PgConnection, query: &str, table: &str) -> Result<(), sqlx::Error> {
    let statements: Vec<String> = sqlx::query_scalar(query)
        .bind(table)
        .fetch_all(&mut *db)
        .await?;
    for statement in statements {
        db.execute(&*statement).await?;
    }
    Ok(())
}
