//! `ledgerline serve`

use clap::Args;
use secrecy::ExposeSecret;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    config::{Config, ConfigError, Role},
    output,
    server::Server,
};

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
        let server = tokio::select! {
            server = Server::start(config) => server?,
            // The unfinished start is dropped, which also tells an embedded Postgres to end.
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
        };
        let mut lines = Vec::new();
        if let Some((username, password)) = server.first_password() {
            lines.push(format!(
                "The first user is {username}, with the password {}\n\
                 It is shown this once. Change it with PUT /users/{{user_id}}/password.",
                password.expose_secret()
            ));
        }
        if let Some(address) = server.address() {
            lines.push(format!("Ledgerline listens on http://{address}"));
        }
        output::announce(lines);
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        server.stop().await;
        Ok(())
    }
}
