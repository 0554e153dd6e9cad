//! `ledgerline erase`

use clap::{Args, Subcommand};
use commands::{Actor, CommandError, Commands};
use domain::{
    Id, Refusal,
    people::{Contact, ContactCommand},
};

use crate::{config::Config, database, output};

/// Make the log's data of a person unreadable, for ever.
#[derive(Debug, Args)]
pub struct Erase {
    #[command(subcommand)]
    whom: Whom,
}

#[derive(Debug, Subcommand)]
enum Whom {
    /// A contact, by its id: deletes it and destroys its key.
    Contact {
        /// The contact's id.
        contact_id: i64,
    },
}

impl Erase {
    /// Erases the contact.
    pub async fn run(self, config: &Config) -> anyhow::Result<()> {
        let Whom::Contact { contact_id } = self.whom;
        let commands = Commands::new(database::store(config).await?);
        let id: Id<Contact> = Id::new(contact_id);
        let actor = Actor::process("command line");
        match commands.send(id, ContactCommand::Erase, &actor).await {
            Err(CommandError::Refused(Refusal::NotFound)) => {
                anyhow::bail!("there is no contact {contact_id}")
            }
            sent => sent?,
        };
        output::print(format_args!("contact {contact_id} is erased"))?;
        Ok(())
    }
}
