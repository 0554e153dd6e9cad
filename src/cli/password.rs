//! `ledgerline password`

use anyhow::bail;
use clap::Args;
use commands::Commands;
use secrecy::{ExposeSecret, SecretString};

use super::prompt;
use crate::{config::Config, database, output};

/// Set a user's password, beside the running server, and end all tokens of the user.
#[derive(Debug, Args)]
pub struct Password {
    /// The user's username or email address.
    username: String,
}

impl Password {
    /// Sets the password.
    pub async fn run(self, config: &Config) -> anyhow::Result<()> {
        let username = &self.username;
        let commands = Commands::new(database::store(config).await?);
        let (id, user) = match api::user_named(&commands, username).await {
            Err(api::Error::NotFound) => bail!("there is no user {username}"),
            found => found?,
        };
        let password = new_password(username).await?;
        let policy = config.access.password_policy;
        api::reset_password(&commands, (id, &user), &password, policy).await?;
        output::print(format_args!(
            "user {id}, {username}, has the new password, and their tokens are ended"
        ))?;
        if !user.is_active() {
            output::note(
                "The user is inactive, and cannot log in until an administrator sets active to 1.\n",
            );
        }
        Ok(())
    }
}

async fn new_password(username: &str) -> anyhow::Result<SecretString> {
    if !prompt::is_answered() {
        return prompt::line();
    }
    let password = prompt::ask(&format!("New password of {username}")).await?;
    let repeated = prompt::ask("The same again").await?;
    if password.expose_secret() != repeated.expose_secret() {
        bail!("the two are not the same");
    }
    Ok(password)
}
