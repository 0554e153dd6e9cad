//! Short messages and mails, outbound and inbound.

mod arriving;
mod kannel;
mod signed;

use commands::Commands;
use eventstore::{MasterKey, Store, database::connect};
use serde_json::json;

use super::{
    child::{MASTER_KEY, Server},
    delivery::{self, Campaign},
    http::Connection,
    smsc::Smsc,
    table::{Row, Table},
};

/// Measures short messages and mails.
pub async fn measure(
    server: &Server,
    token: &str,
    count: usize,
    table: &mut Table,
) -> anyhow::Result<()> {
    let mut connection = Connection::open(server.address, token).await?;
    let pool = connect(server.database()?, 8).await?;
    let commands = Commands::new(Store::open(pool.clone(), &MasterKey::new(MASTER_KEY)).await?);
    let smsc = Smsc::start().await?;
    let provider = json!({
        "name": "bench", "type": "smpp", "host": smsc.address.ip().to_string(),
        "port": smsc.address.port(), "username": "bench",
        "settings": {"window": 50, "sender": "BENCH"},
    });
    delivery::send_only_through(&mut connection, &provider).await?;
    let campaign = Campaign::of_sms(&mut connection).await?;
    let contacts = delivery::contacts(&commands, count).await?;
    let rate = campaign.run(&commands, &contacts).await?;
    let name = "queued to reported, SMPP, one bind, window 50";
    table.add(Row::new(name, rate, "SMS/s").at_least(2_000.0));

    arriving::short(&mut connection, &pool, &smsc, count, table).await?;
    arriving::mails(&mut connection, &pool, server.lmtp, count, table).await?;
    let fewer = &contacts[..count / 2];
    kannel::measure(&mut connection, &commands, &campaign, fewer, table).await?;
    // The server has closed the connection, which was idle for too long.
    let mut connection = Connection::open(server.address, token).await?;
    signed::measure(&mut connection, &commands, fewer, table).await
}
