//! Mails with a signature (DKIM), by either kind of key, beside mails without.

use std::process::Stdio;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use commands::Commands;
use domain::{Id, people::Contact};
use serde_json::json;
use tokio::process::Command;

use crate::{
    delivery::{Campaign, send_only_through},
    http::Connection,
    median,
    smtp_sink::SmtpSink,
    table::{Row, Table, Target},
};

/// Measures mails without a signature and with each kind, three times in turn.
pub async fn measure(
    connection: &mut Connection,
    commands: &Commands,
    contacts: &[Id<Contact>],
    table: &mut Table,
) -> anyhow::Result<()> {
    let Some(sink) = SmtpSink::start().await? else {
        table.note("smtp-sink is not installed (Debian: postfix); signatures were not measured");
        return Ok(());
    };
    let Some(key) = rsa_key().await else {
        table.note("openssl is not installed; signatures were not measured");
        return Ok(());
    };
    let campaign = Campaign::prepare(connection).await?;
    let plain = json!({"tls": "none", "from_domain": "bench.example", "connections": 64});
    let signed = |key: String| {
        let mut signed = plain.clone();
        signed["dkim_domain"] = json!("bench.example");
        signed["dkim_selector"] = json!("bench");
        signed["dkim_key"] = json!(key);
        signed
    };
    let kinds = [plain.clone(), signed(ed25519_key()?), signed(key)];
    let mut rates = [const { Vec::new() }; 3];
    for _ in 0..3 {
        for (settings, rates) in kinds.iter().zip(&mut rates) {
            let provider = json!({
                "name": "bench", "type": "smtp", "host": sink.address.ip().to_string(),
                "port": sink.address.port(), "settings": settings,
            });
            send_only_through(connection, &provider).await?;
            rates.push(campaign.run(commands, contacts).await?);
        }
    }
    let [without, ed25519, rsa] = rates.map(|mut rates| median(&mut rates));
    let name = "queued to completed, smtp-sink, no signature";
    table.add(Row::new(name, without, "mails/s"));
    for (name, with, least) in [
        ("the same with DKIM, Ed25519", ed25519, 0.8),
        ("the same with DKIM, RSA 2048", rsa, 0.7),
    ] {
        let row = Row::new(name, with, "mails/s");
        table.add(row.ratio("no signature", with / without, Target::AtLeast(least)));
    }
    Ok(())
}

/// A key of 32 bytes in base64, as the setting takes it.
fn ed25519_key() -> anyhow::Result<String> {
    let mut key = [0; 32];
    getrandom::fill(&mut key)?;
    Ok(STANDARD.encode(key))
}

/// An RSA key in PEM, as the setting takes it; `None` if openssl cannot make one.
async fn rsa_key() -> Option<String> {
    let made = Command::new("openssl")
        .args(["genrsa", "-traditional", "2048"])
        .stdin(Stdio::null())
        .output()
        .await
        .ok()?;
    let key = String::from_utf8(made.stdout).ok()?;
    (made.status.success() && !key.is_empty()).then_some(key)
}
