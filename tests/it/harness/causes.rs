//! The causes that events name.

use std::collections::BTreeSet;

use domain::Event;
use serde_json::json;
use sqlx::query_scalar;

use super::{EventLog, Server};

/// Events of which the log does not say who acted, why, or in which chain. A process names the
/// event or message that it reacts to, which is on record before, unless it acts by itself.
const NAMELESS: &str = "
    with named as (
        select position, event_type, metadata::jsonb as it,
            coalesce(metadata ->> 'process', '') in
                ('address upgrade', 'bootstrap', 'command line', 'first start') as alone
        from events
    )
    select format('%s %s %s', position, event_type, it) from named
    where not (it ?| array['user_id', 'process'])
       or not alone and not case
            when it ? 'process' then it ?| array['causation', 'message_id']
            else it ? 'request_id' end
       or not alone and not it ? 'correlation_id'
       or it ? 'causation' and not exists (select from events c
            where c.position = (it ->> 'causation')::bigint and c.position < named.position)
    order by position limit 20";

/// Asserts that every event names its causes; answers the types of all events in the log.
pub async fn every_event_names_its_causes(server: &Server) -> BTreeSet<String> {
    let mut log = EventLog::open(server).await;
    let nameless: Vec<String> = query_scalar(NAMELESS).fetch_all(log.sql()).await.unwrap();
    assert!(nameless.is_empty(), "causes are missing: {nameless:#?}");
    let sql = "select distinct event_type from events";
    let types: Vec<String> = query_scalar(sql).fetch_all(log.sql()).await.unwrap();
    types.into_iter().collect()
}

/// The types of events that the domain knows, of every kind of aggregate that has ids.
pub async fn all_types_of_events(server: &Server) -> BTreeSet<String> {
    let sql = "select substr(sequencename, 5)::text from pg_sequences
               where sequencename like 'ids\\_%'";
    let mut log = EventLog::open(server).await;
    let kinds: Vec<String> = query_scalar(sql).fetch_all(log.sql()).await.unwrap();
    assert!(kinds.len() >= 17, "{kinds:?}");
    // An unknown variant is answered with a list of the known ones.
    let unknown = kinds
        .iter()
        .filter_map(|kind| Event::decode(kind, json!({"?": {}})));
    let answers = unknown.map(|decoded| decoded.unwrap_err().to_string());
    answers.flat_map(|answer| quoted(&answer)).collect()
}

fn quoted(text: &str) -> Vec<String> {
    let parts = text.split('`').skip(1).step_by(2);
    parts
        .filter(|part| *part != "?")
        .map(str::to_owned)
        .collect()
}
