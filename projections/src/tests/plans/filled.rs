//! Fills read models with generated rows, column by column according to name and type, so that a
//! new table is filled like the others.

use serde::{
    de::{Deserializer, Visitor, value::Error},
    forward_to_deserialize_any,
};
use sqlx::{Executor as _, PgPool};

/// The time of creation of the first row, in unix seconds; each next row is a second later.
pub const BEGINNING: i64 = 1_700_000_000;

/// Fills every table of schema `read`.
pub async fn fill(pool: &PgPool, rows: i64) {
    let columns: Vec<(String, String, String, bool)> = sqlx::query_as(
        "select c.relname::text, a.attname::text, \
           case when a.attnotnull then '' else 'nullable ' end || format_type(a.atttypid, null), \
           exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary \
             and a.attnum = any(i.indkey)) \
         from pg_class c join pg_attribute a on a.attrelid = c.oid \
         where c.relkind = 'r' and c.relnamespace = 'read'::regnamespace and a.attnum > 0 \
           and not a.attisdropped and a.attgenerated = '' \
           and c.relname not in ('checkpoints', 'totals') \
         order by c.relname, a.attnum",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    for table in columns.chunk_by(|one, next| one.0 == next.0) {
        let name = &table[0].0;
        let names: Vec<_> = table.iter().map(|column| column.1.as_str()).collect();
        let values: Vec<_> = table
            .iter()
            .map(|(_, column, kind, is_key)| value(column, kind, *is_key))
            .collect();
        let sql = format!(
            "insert into read.{name} ({}) select {} from generate_series(1, {rows}) n \
             on conflict do nothing",
            names.join(", "),
            values.join(", ")
        );
        let filled = pool.execute(&*sql).await;
        filled.unwrap_or_else(|error| panic!("{sql}: {error}"));
        pool.execute(&*format!("vacuum analyze read.{name}"))
            .await
            .unwrap();
    }
}

/// The SQL expression for a column's value in row `n`: one row in a thousand has a rare value;
/// of references by id, one in ten is unique.
fn value(column: &str, kind: &str, is_key: bool) -> String {
    let mostly =
        |common: &str, rare: &str| format!("case when n % 1000 = 0 then {rare} else {common} end");
    let (nullable, kind) = match kind.strip_prefix("nullable ") {
        Some(kind) => (true, kind),
        None => (false, kind),
    };
    match (column, kind) {
        (_, "json" | "jsonb") if nullable => "null".to_owned(),
        (_, "bigint" | "integer") if is_key => "n".to_owned(),
        ("created_position", _) => "n * 3".to_owned(),
        ("created_at", _) => format!("to_timestamp({BEGINNING} + n)"),
        (_, "timestamp with time zone") => {
            format!("to_timestamp({BEGINNING} + n::bigint * 7919 % 1000003)")
        }
        ("user_id" | "tenant_id", _) => {
            "case when n::bigint * 7919 % 1009 < 504 then 1 else 2 + n % 1000 end".to_owned()
        }
        ("contact_id", _) => "n".to_owned(),
        ("service_flag" | "gateway_flag", _) => mostly("8", "2"),
        (column, "bigint" | "integer") if column.ends_with("_id") => {
            "case when n % 10 = 0 then n else 1 end".to_owned()
        }
        (_, "bigint" | "integer" | "smallint" | "numeric" | "double precision" | "real") => {
            "1 + n % 100".to_owned()
        }
        (_, "boolean") => "n % 1000 <> 0".to_owned(),
        (_, "json" | "jsonb") => "'{}'".to_owned(),
        (column, "text") if is_phone(column) => "'+1555' || lpad(n::text, 7, '0')".to_owned(),
        ("email", _) => "'user' || n || '@example.com'".to_owned(),
        ("status", _) => mostly("'completed'", "'failed'"),
        ("direction", _) => mostly("'outbound'", "'inbound'"),
        ("outcome", _) => mostly("'delivered'", "'rejected'"),
        ("type", _) => mostly("'common'", "'rare'"),
        ("channel", _) => mostly("'any'", "'fax'"),
        ("disposition", _) => mostly("'ANSWERED'", "'BUSY'"),
        (column, "text") => mostly(
            &format!("'{column} common ' || substr(md5(n::text), 1, 4)"),
            &format!("'{column} qzxj ' || n"),
        ),
        (_, array) if array.ends_with("[]") => "'{}'".to_owned(),
        other => panic!("what belongs into {other:?}?"),
    }
}

/// True for columns and filters of phone numbers, which are found by their last digits.
fn is_phone(name: &str) -> bool {
    let of_pbx = [
        "src",
        "dst",
        "firstdst",
        "cid_number",
        "follow_me_caller_id",
        "caller_id",
    ];
    name.ends_with("phone") || of_pbx.contains(&name)
}

/// A value that few rows have and one that many have, for the filter of this name.
pub fn samples(field: &str, accepted: impl Fn(&str) -> bool) -> (&'static str, &'static str) {
    let fitting = match field {
        "status" => ("failed", "completed"),
        "direction" => ("inbound", "outbound"),
        "outcome" => ("rejected", "delivered"),
        "type" => ("rare", "common"),
        "channel" => ("fax", "any"),
        "disposition" => ("BUSY", "ANSWERED"),
        "service_flag" | "gateway_flag" => ("2", "8"),
        field if is_phone(field) => ("0004242", "0"),
        field if field.ends_with("email") => ("user4242@example.com", "user4243@example.com"),
        _ => ("qzxj", "common"),
    };
    let candidates = [fitting, ("4240", "1"), ("0", "1")];
    let found = candidates
        .into_iter()
        .find(|(rare, common)| accepted(rare) && accepted(common));
    found.unwrap_or_else(|| panic!("no value for {field}"))
}

/// The fields of a filter, as its derived `Deserialize` asks for them.
pub fn fields<'de, F: serde::Deserialize<'de>>() -> &'static [&'static str] {
    let mut fields: &'static [&'static str] = &[];
    // The deserializer only records the field names and then fails.
    let _ = F::deserialize(Asked(&mut fields));
    fields
}

struct Asked<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(serde::de::Error::custom("not a struct"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        Err(serde::de::Error::custom("only asked"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        option unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier
        ignored_any
    }
}
