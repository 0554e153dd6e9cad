//! The upgrade of addresses that were in use before they were verified, at a start.

use std::time::Duration;

use anyhow::Context;
use commands::{
    Commands,
    addresses::{Adoption, adopt},
};
use eventstore::subscriber::HighWaterMarks;
use projections::{access::user_senders, people::accounts};

/// The aggregate types that are upgraded.
const ACCOUNT: &str = "account";
const USER: &str = "user";
/// Time limit for the read models: another process may lead them.
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// The most accounts that the log line names.
const NAMED: i64 = 20;

/// Upgrades the addresses in use, and waits for the read models to show it.
///
/// # Errors
/// When the database does not answer.
pub async fn start(
    commands: &Commands,
    adoption: Adoption,
    high_water_marks: &HighWaterMarks,
) -> anyhow::Result<()> {
    let adopted = adopt(commands, adoption).await;
    let last = adopted.context("the addresses of accounts cannot be upgraded")?;
    if let Some(last) = last
        && !high_water_marks.wait_for(ACCOUNT, last, TIME_LIMIT).await
    {
        tracing::warn!(
            position = last,
            "the read model of accounts is behind: inbound messages are deferred until it has caught up"
        );
    }
    let pool = commands.store().pool();
    let unverified = accounts::provisional(pool, NAMED).await?;
    if unverified.count > 0 {
        tracing::warn!(
            accounts = unverified.count,
            until = unverified.until.map(|until| until.to_rfc3339()),
            first = ?unverified.first,
            "accounts use numbers or addresses that nobody verified or assigned: \
             GET /accounts?unverified=1 lists them; after the period of grace they neither \
             receive there nor send as them"
        );
    }
    if let Some(last) = last
        && !high_water_marks.wait_for(USER, last, TIME_LIMIT).await
    {
        tracing::debug!(position = last, "the read model of users is behind");
    }
    let senders = user_senders::provisional_senders(pool, adoption.at, NAMED).await?;
    if senders.count > 0 {
        tracing::warn!(
            users = senders.count,
            until = senders.until.map(|until| until.to_rfc3339()),
            first = ?senders.first,
            "accounts of users send short messages under names or numbers that no account \
             administrator listed: GET /users/{{id}}/sms_senders shows them; after the period of \
             grace nothing is sent under them"
        );
    }
    Ok(())
}
