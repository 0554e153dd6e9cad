//! Calls through the sandbox, from queued to completed.

use commands::Commands;
use domain::{Id, people::Contact};
use sqlx::PgPool;

use super::{
    delivery::Campaign,
    http::Connection,
    table::{Row, Table},
};

/// Makes calls of five steps, and adds their number a second and that of their events. The
/// creations are not among them: they come before the clock starts.
pub async fn measure(
    connection: &mut Connection,
    commands: &Commands,
    contacts: &[Id<Contact>],
    raw: f64,
    table: &mut Table,
) -> anyhow::Result<()> {
    let campaign = Campaign::of_calls(connection).await?;
    let pool = commands.store().pool();
    let before = transmission_events(pool).await?;
    let rate = campaign.run(commands, contacts).await?;
    let all = transmission_events(pool).await? - before;
    let each = all as f64 / contacts.len() as f64 - 1.0;
    table.add(Row::new(
        "calls queued to completed, sandbox",
        rate,
        "calls/s",
    ));
    table.add(
        Row::new("their events", rate * each, "events/s").against("raw insert", rate * each / raw),
    );
    Ok(())
}

async fn transmission_events(pool: &PgPool) -> anyhow::Result<i64> {
    let sql = "select count(*) from events where aggregate_type = 'transmission'";
    Ok(sqlx::query_scalar(sql).fetch_one(pool).await?)
}
