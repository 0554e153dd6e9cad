//! A client of a running server, for the commands that need one.

use std::{net::IpAddr, time::Duration};

use anyhow::{Context, anyhow, bail};
use clap::Args;
use reqwest::{Client, Method, Response};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::prompt;
use crate::config::Config;

/// The server to ask, and the user to log in as.
#[derive(Debug, Args)]
pub struct Login {
    /// The URL of the server.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The user to log in as; the password is LEDGERLINE_ADMIN_PASSWORD, else asked for.
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
}

impl Login {
    /// The login name: the given one, else that of the settings.
    pub fn username(&self, config: &Config) -> String {
        let given = self.username.clone();
        given.unwrap_or_else(|| config.access.admin_username.clone())
    }

    /// Logs in and returns the session.
    pub async fn session(&self, config: &Config) -> anyhow::Result<Session> {
        let url = self.url.clone().or_else(|| config.server.url.clone());
        let url = url.unwrap_or_else(|| format!("http://{}", config.server.listen));
        let username = self.username(config);
        let password = match &config.access.admin_password {
            Some(password) => password.clone(),
            None => ask_password(&username).await?,
        };
        Session::log_in(&url, &username, &password).await
    }
}

async fn ask_password(username: &str) -> anyhow::Result<SecretString> {
    if !prompt::is_answered() {
        bail!("set LEDGERLINE_ADMIN_PASSWORD to the password of {username}");
    }
    prompt::ask(&format!("Password of {username}")).await
}

/// A session of a logged-in user.
pub struct Session {
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

    /// True if the server is reached by a loopback address, and so runs on this machine.
    pub fn is_local(&self) -> bool {
        let url = reqwest::Url::parse(&self.url).ok();
        let host = url
            .as_ref()
            .and_then(|url| url.host_str())
            .unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let address: Option<IpAddr> = host.parse().ok();
        host == "localhost" || address.is_some_and(|address| address.is_loopback())
    }

    /// Sends a request and returns the JSON answer, which must be a success.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<Value> {
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
        if !response.status().is_success() {
            return Err(refused(path, response).await);
        }
        Ok(response.json().await.unwrap_or(Value::Null))
    }

    /// Creates something and returns its id, which the answer has in the field `id`.
    pub async fn create(&self, path: &str, id: &str, body: Value) -> anyhow::Result<i64> {
        let answer = self.call(Method::POST, path, Some(body)).await?;
        answer[id]
            .as_i64()
            .with_context(|| format!("{path}: the answer has no {id}"))
    }

    /// Sends a request whose answer is read as it comes.
    pub async fn stream(&self, path: &str, last: Option<&str>) -> anyhow::Result<Response> {
        let client = Client::builder()
            .connect_timeout(Duration::from_secs(30))
            .build()?;
        let mut request = client
            .get(format!("{}/{path}", self.url))
            .bearer_auth(&self.token);
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let response = request.send().await;
        let response = response.context("the server does not answer; is it running?")?;
        if !response.status().is_success() {
            return Err(refused(path, response).await);
        }
        Ok(response)
    }
}

/// The error of a request that was refused, with the reason of the answer.
async fn refused(path: &str, response: Response) -> anyhow::Error {
    let status = response.status();
    let answer: Value = response.json().await.unwrap_or(Value::Null);
    let reason = answer["detail"].as_str().unwrap_or("no reason given");
    anyhow!("{path}: {status}: {reason}")
}
