//! `ledgerline demo`

use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use clap::Args;
use domain::FIRST_TENANT;
use reqwest::Method;
use serde_json::json;
use tokio::{net::TcpStream, time::timeout};

use super::session::{Login, Session};
use crate::{config::Config, output};

/// Time limit for the mail of the demonstration.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Time limit for a connection to the mail server.
const CONNECT: Duration = Duration::from_secs(3);

/// Send a first message through a running server and follow it to its report.
#[derive(Debug, Args)]
pub struct Demo {
    #[command(flatten)]
    login: Login,
    /// A mail server to send through. Sandboxes are switched off, and stay so.
    #[arg(long, value_name = "HOST:PORT")]
    smtp: Option<String>,
    /// The address to write to.
    #[arg(long, value_name = "ADDRESS", default_value = "ada@example.com")]
    to: String,
}

impl Demo {
    /// Creates everything that a mail needs, sends it, and shows its report.
    pub async fn run(self, config: &Config) -> anyhow::Result<()> {
        let username = self.login.username(config);
        let server = Show(self.login.session(config).await?);
        let account = server.account(&username).await?;
        if let Some(smtp) = &self.smtp {
            server.use_mail_server(smtp, account).await?;
        }
        let contact = json!({
            "first_name": "Ada", "last_name": "Lovelace", "phone": "+15550100", "email": self.to,
        });
        let contact = server.0.create("contacts", "contact_id", contact).await?;
        let template = json!({
            "name": "demo", "subject": "Hello [contact:first_name]",
            "body": "<p>Dear [contact:first_name] [contact:last_name], it works.</p>",
        });
        let template = server
            .0
            .create("messages/templates", "template_id", template)
            .await?;
        let program = json!({"name": "demo", "template_id": template});
        let program = server
            .0
            .create("programs/sendemail", "program_id", program)
            .await?;
        let transmission = json!({
            "title": "demo", "contact_id": contact, "program_id": program, "account_id": account,
        });
        let transmission = server
            .0
            .create("transmissions", "transmission_id", transmission)
            .await?;
        output::print(format_args!(
            "contact {contact}, template {template}, program {program}, transmission {transmission}"
        ))?;
        let sent = format!("transmissions/{transmission}/send");
        server.0.call(Method::POST, &sent, None).await?;
        server.follow(transmission).await
    }
}

/// The session, with the requests that only the demonstration makes.
struct Show(Session);

impl Show {
    /// Registers the mail server as a provider; then deactivates the sandboxes that mail of this
    /// account could go to instead.
    async fn use_mail_server(&self, smtp: &str, account: i64) -> anyhow::Result<()> {
        let (host, port) = smtp.rsplit_once(':').context("--smtp takes HOST:PORT")?;
        let port: u16 = port.parse().context("--smtp takes HOST:PORT")?;
        self.must_listen(host, port).await?;
        let provider = json!({
            "name": format!("mail server {smtp}"), "type": "smtp", "host": host, "port": port,
        });
        let provider = self.0.create("providers", "provider_id", provider).await?;
        output::print(format_args!("provider {provider} sends through {smtp}"))?;
        let account = format!("accounts/{account}");
        let account = self.0.call(Method::GET, &account, None).await?;
        let tenant = account["tenant_id"].as_i64().unwrap_or(FIRST_TENANT.get());
        let providers = "providers?active=1&limit=1000";
        let providers = self.0.call(Method::GET, providers, None).await?;
        for other in providers.as_array().into_iter().flatten() {
            let (id, name) = (&other["provider_id"], &other["name"]);
            if other["tenant_id"].as_i64().is_some_and(|it| it != tenant) {
                continue;
            }
            if other["type"] == "sandbox" {
                let path = format!("providers/{id}");
                let off = Some(json!({"active": 0}));
                self.0.call(Method::PUT, &path, off).await?;
                output::print(format_args!("provider {id} ({name}) is switched off"))?;
            } else if other["type"] == "smtp" && *id != json!(provider) {
                output::print(format_args!(
                    "provider {id} ({name}) sends mail too, and may be chosen for this one"
                ))?;
            }
        }
        Ok(())
    }

    /// Refuses a mail server that does not listen, if the server runs on this machine and so sees
    /// the same; says it otherwise.
    async fn must_listen(&self, host: &str, port: u16) -> anyhow::Result<()> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let connected = timeout(CONNECT, TcpStream::connect((host, port))).await;
        let reason = match connected {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} s", CONNECT.as_secs()),
        };
        let said = format!("nothing listens at {host}:{port}, as seen from here: {reason}");
        if self.0.is_local() {
            bail!("{said}");
        }
        output::note(format_args!("{said}\n"));
        Ok(())
    }

    async fn account(&self, username: &str) -> anyhow::Result<i64> {
        let accounts = self.0.call(Method::GET, "accounts?limit=1", None).await?;
        if let Some(id) = accounts[0]["account_id"].as_i64() {
            return Ok(id);
        }
        let account = json!({"username": username, "active": 1});
        self.0.create("accounts", "account_id", account).await
    }

    /// Draws the status until it is final, then prints the report.
    async fn follow(&self, transmission: i64) -> anyhow::Result<()> {
        let started = Instant::now();
        let draw = std::io::stderr().is_terminal();
        let path = |part: &str| format!("transmissions/{transmission}/{part}");
        let status = loop {
            let answer = self.0.call(Method::GET, &path("status"), None).await?;
            let status = answer["status"].as_str().unwrap_or_default().to_owned();
            if draw {
                let ms = started.elapsed().as_millis();
                output::note(format_args!("\r{status:<12} {ms:>6} ms"));
            }
            if matches!(status.as_str(), "completed" | "failed" | "invalid") {
                break status;
            }
            if started.elapsed() > TIMEOUT {
                bail!("transmission {transmission} is still {status}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        if draw {
            output::note("\n");
        }
        for part in ["detail", "result"] {
            let report = self.0.call(Method::GET, &path(part), None).await?;
            let report = serde_json::to_string_pretty(&report)?;
            output::print(format_args!("{part}: {report}"))?;
        }
        output::print(format_args!("transmission {transmission} is {status}"))?;
        if status != "completed" {
            bail!("the message was not delivered");
        }
        Ok(())
    }
}
