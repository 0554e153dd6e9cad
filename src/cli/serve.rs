//! `ledgerline serve`

use std::time::Duration;

use clap::Args;
use futures::FutureExt;
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::timeout,
};

use crate::{
    config::{Config, ConfigError, Role},
    output,
    server::Server,
};

/// Time limit for standard output to take the first user's password.
const SHOWN_WITHIN: Duration = Duration::from_secs(2);

/// Run the server until SIGTERM or Ctrl-C.
#[derive(Debug, Args)]
pub struct Serve {
    /// The role of this process, instead of LEDGERLINE_ROLE: all, api, worker or projector.
    #[arg(long)]
    role: Option<String>,
}

impl Serve {
    /// Puts the role of the command line into the settings.
    pub fn apply(&self, config: &mut Config) -> anyhow::Result<()> {
        let Some(role) = &self.role else {
            return Ok(());
        };
        let Ok(role) = role.parse() else {
            anyhow::bail!("--role must be all, api, worker or projector");
        };
        config.process.role = role;
        if role != Role::All && config.database.url.is_none() {
            return Err(ConfigError::Missing {
                missing: "LEDGERLINE_DATABASE_URL",
                because: "a --role other than all".to_owned(),
            }
            .into());
        }
        Ok(())
    }

    /// Runs the server until SIGTERM or SIGINT.
    pub async fn run(self, config: &Config) -> anyhow::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let username = config.access.admin_username.clone();
        let show_password = Box::new(|password| show(username, password).boxed());
        let server = tokio::select! {
            server = Server::start(config, show_password) => server?,
            // The unfinished start is dropped, which also tells an embedded Postgres to end.
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
        };
        if let Some(address) = server.address() {
            let line = format!("Ledgerline listens on http://{address}");
            drop(output::announce(line));
        }
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        server.stop().await;
        Ok(())
    }
}

/// Shows the password of the first user, and waits for that if standard output is read.
async fn show(username: String, password: SecretString) {
    let shown = output::announce(format!(
        "The first user is {username}, with the password {}\n\
         It is shown this once. Change it with PUT /users/{{user_id}}/password; if it is lost, set \
         another one with: ledgerline password {username}",
        password.expose_secret()
    ));
    if timeout(SHOWN_WITHIN, shown).await.is_err() {
        tracing::warn!("standard output is not read, and the first user's password goes there");
    }
}
