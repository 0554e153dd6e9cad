//! `ledgerline demo`

use std::{
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use clap::Args;
use reqwest::{Client, Method};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::config::Config;

/// How long the demonstration waits for its mail to be through.
const PATIENCE: Duration = Duration::from_secs(60);

/// Send a first message through a running server and follow it to its report.
#[derive(Debug, Args)]
pub struct Demo {
    /// The server.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Who to log in as; the password is LEDGERLINE_ADMIN_PASSWORD, else asked for.
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// A mail server to send through, instead of the sandbox.
    #[arg(long, value_name = "HOST:PORT")]
    smtp: Option<String>,
    /// Whom to write to.
    #[arg(long, value_name = "ADDRESS", default_value = "ada@example.com")]
    to: String,
}

impl Demo {
    /// Makes everything a mail needs, sends it, and shows what came of it.
    pub async fn run(self, config: &Config) -> anyhow::Result<()> {
        let url = self.url.or_else(|| config.server.url.clone());
        let url = url.unwrap_or_else(|| format!("http://{}", config.server.listen));
        let username = self
            .username
            .unwrap_or_else(|| config.access.admin_username.clone());
        let password = match &config.access.admin_password {
            Some(password) => password.clone(),
            None => ask_password(&username)?,
        };
        let server = Session::log_in(&url, &username, &password).await?;
        if let Some(smtp) = &self.smtp {
            server.use_mail_server(smtp).await?;
        }
        let account = server.account(&username).await?;
        let contact = json!({
            "first_name": "Ada", "last_name": "Lovelace", "phone": "+15550100", "email": self.to,
        });
        let contact = server.create("contacts", "contact_id", contact).await?;
        let template = json!({
            "name": "demo", "subject": "Hello [contact:first_name]",
            "body": "<p>Dear [contact:first_name] [contact:last_name], it works.</p>",
        });
        let template = server
            .create("messages/templates", "template_id", template)
            .await?;
        let program = json!({"name": "demo", "template_id": template});
        let program = server
            .create("programs/sendemail", "program_id", program)
            .await?;
        let transmission = json!({
            "title": "demo", "contact_id": contact, "program_id": program, "account_id": account,
        });
        let transmission = server
            .create("transmissions", "transmission_id", transmission)
            .await?;
        println!(
            "contact {contact}, template {template}, program {program}, transmission {transmission}"
        );
        let sent = format!("transmissions/{transmission}/send");
        server.call(Method::POST, &sent, None).await?;
        server.follow(transmission).await
    }
}

fn ask_password(username: &str) -> anyhow::Result<SecretString> {
    if !std::io::stdin().is_terminal() {
        bail!("set LEDGERLINE_ADMIN_PASSWORD to the password of {username}");
    }
    eprint!("Password of {username}: ");
    std::io::stderr().flush()?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(SecretString::from(line.trim_end_matches('\n')))
}

struct Session {
    client: Client,
    url: String,
    token: String,
}

impl Session {
    async fn log_in(url: &str, username: &str, password: &SecretString) -> anyhow::Result<Self> {
        let client = Client::builder().timeout(Duration::from_secs(30)).build()?;
        let mut session = Self {
            client,
            url: url.trim_end_matches('/').to_owned(),
            token: String::new(),
        };
        let login = json!({"username": username, "password": password.expose_secret()});
        let answer = session
            .call(Method::POST, "authenticate", Some(login))
            .await?;
        session.token = answer["token"]
            .as_str()
            .context("the server gave no token")?
            .to_owned();
        Ok(session)
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let mut request = self.client.request(method, format!("{}/{path}", self.url));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request
            .send()
            .await
            .context("the server does not answer; is it running?")?;
        let status = response.status();
        let answer: Value = response.json().await.unwrap_or(Value::Null);
        if !status.is_success() {
            let reason = answer["error"]["message"]
                .as_str()
                .unwrap_or("no reason given");
            bail!("{path}: {status}: {reason}");
        }
        Ok(answer)
    }

    async fn create(&self, path: &str, id: &str, body: Value) -> anyhow::Result<i64> {
        let answer = self.call(Method::POST, path, Some(body)).await?;
        answer[id]
            .as_i64()
            .with_context(|| format!("{path}: the answer has no {id}"))
    }

    /// The mail server as a provider, the only one for email that is active.
    async fn use_mail_server(&self, smtp: &str) -> anyhow::Result<()> {
        let (host, port) = smtp.rsplit_once(':').context("--smtp takes HOST:PORT")?;
        let port: u16 = port.parse().context("--smtp takes HOST:PORT")?;
        let providers = self.call(Method::GET, "providers", None).await?;
        for provider in providers.as_array().into_iter().flatten() {
            let path = format!("providers/{}", provider["provider_id"]);
            self.call(Method::PUT, &path, Some(json!({"active": 0})))
                .await?;
        }
        let provider = json!({
            "name": format!("mail server {smtp}"), "type": "smtp", "host": host, "port": port,
        });
        let provider = self.create("providers", "provider_id", provider).await?;
        println!("provider {provider} sends through {smtp}; the others are switched off");
        Ok(())
    }

    async fn account(&self, username: &str) -> anyhow::Result<i64> {
        let accounts = self.call(Method::GET, "accounts?limit=1", None).await?;
        if let Some(id) = accounts[0]["account_id"].as_i64() {
            return Ok(id);
        }
        let account = json!({"username": username, "active": 1});
        self.create("accounts", "account_id", account).await
    }

    /// Draws the state until it is final, then prints the report.
    async fn follow(&self, transmission: i64) -> anyhow::Result<()> {
        let started = Instant::now();
        let draw = std::io::stderr().is_terminal();
        let path = |part: &str| format!("transmissions/{transmission}/{part}");
        let status = loop {
            let answer = self.call(Method::GET, &path("status"), None).await?;
            let status = answer["status"].as_str().unwrap_or_default().to_owned();
            if draw {
                eprint!("\r{status:<12} {:>6} ms", started.elapsed().as_millis());
                std::io::stderr().flush()?;
            }
            if matches!(status.as_str(), "completed" | "failed" | "invalid") {
                break status;
            }
            if started.elapsed() > PATIENCE {
                bail!("transmission {transmission} is still {status}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        if draw {
            eprintln!();
        }
        for part in ["detail", "result"] {
            let report = self.call(Method::GET, &path(part), None).await?;
            println!("{part}: {}", serde_json::to_string_pretty(&report)?);
        }
        println!("transmission {transmission} is {status}");
        if status != "completed" {
            bail!("the message was not delivered");
        }
        Ok(())
    }
}
