//! The do-not-contact lists, queried with the consistency of the log.
//!
//! An opt-out claims the fingerprint of its owner, channel and address, and claims are written by
//! the append that takes them. So every earlier opt-out is found, however far the read models are
//! behind.

use std::collections::HashMap;

use domain::{
    Entity, Id, Owner, Refusal,
    delivery::{Spool, Transmission},
    flow::Service,
    people::{Channel, OptOut, OptOutCommand, OptOutSource, normal_address},
};
use eventstore::{Cause, Loaded, Metadata, Store, StoreError};

use crate::{Actor, CommandError, Commands};

/// The do-not-contact lists. Clones share them.
#[derive(Clone, Debug)]
pub struct Suppression {
    store: Store,
}

/// The opt-out that forbids to contact an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The opt-out.
    pub id: Id<OptOut>,
    /// The channel that it closes: the one of the service, or any.
    pub channel: Channel,
}

impl Suppression {
    /// The do-not-contact lists in this store.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// The fingerprint that an owner's opt-out of this address claims, the same for all spellings
    /// of the address.
    pub fn fingerprint(&self, owner: Owner, channel: Channel, address: &str) -> String {
        // The address comes last, because it may contain the separator.
        let text = format!("{owner}/{}/{}", channel.name(), normal_address(address));
        self.store.fingerprint(&text)
    }

    /// The command that adds an address to an owner's list.
    ///
    /// # Errors
    /// When the address is not valid for this channel.
    pub fn listing(
        &self,
        id: Id<OptOut>,
        (owner, channel): (Owner, Channel),
        address: &str,
        source: OptOutSource,
    ) -> Result<OptOutCommand, Refusal> {
        Ok(OptOutCommand::Add {
            id,
            owner,
            channel,
            address: address
                .parse()
                .map_err(|_| Refusal::invalid("address", channel.wanted()))?,
            fingerprint: self.fingerprint(owner, channel, address),
            reason: None,
            source,
        })
    }

    /// Adds an address to an owner's list because of a message. An existing entry stays as it is.
    ///
    /// # Errors
    /// When the database does not answer, or the address is not valid for this channel.
    async fn add(
        &self,
        commands: &Commands,
        (owner, channel): (Owner, Channel),
        address: &str,
        (source, cause): (OptOutSource, Cause),
    ) -> Result<(), CommandError> {
        let id = commands.next_id("optout").await?;
        let add = self.listing(id, (owner, channel), address, source)?;
        let actor = Actor {
            metadata: Metadata::of_reaction("opt-outs").because_of(Some(&cause)),
            ..Actor::default()
        };
        match commands.send_new(id, add, &actor).await {
            Ok(_) | Err(CommandError::Refused(Refusal::Taken { .. })) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Adds the recipient of a mail to its owner's list; false if there is no such attempt.
    /// `report` is the fingerprint of the message that asks for it, if one does.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn add_recipient(
        &self,
        commands: &Commands,
        (id, spool): (Id<Transmission>, Id<Spool>),
        source: OptOutSource,
        report: Option<String>,
    ) -> Result<bool, CommandError> {
        let Loaded {
            aggregate: transmission,
            last,
            ..
        } = self.store.load(id).await?;
        let destination = transmission.assignment().and_then(|it| it.destination);
        let known = transmission.owner().zip(destination);
        let Some((owner, address)) = known.filter(|_| transmission.has(spool)) else {
            return Ok(false);
        };
        let list = (owner, Channel::Email);
        // The recipient asks for it, and not the user who sent the mail.
        let cause = Cause {
            user_id: None,
            message_id: report,
            ..last.unwrap_or_default()
        };
        let cause = cause.at(id, spool);
        self.add(commands, list, address, (source, cause)).await?;
        Ok(true)
    }

    /// The existing opt-outs with these fingerprints.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn with(
        &self,
        fingerprints: &[String],
    ) -> Result<HashMap<String, Id<OptOut>>, StoreError> {
        if fingerprints.is_empty() {
            return Ok(HashMap::new());
        }
        let scope = OptOut::claim(String::new()).scope;
        self.store.holders_of(scope, fingerprints).await
    }

    /// The opt-out that forbids each attempt, if any, in the same order, with one query for all. An
    /// attempt is given by its owner, its service, and its destination as in `SpoolQueued`: a phone
    /// number or an email address.
    ///
    /// # Errors
    /// When the database does not answer; then nothing may be sent.
    pub async fn among(
        &self,
        wanted: &[(Owner, Service, &str)],
    ) -> Result<Vec<Option<Listed>>, StoreError> {
        let channels = |service| [Channel::from(service), Channel::Any];
        let fingerprints: Vec<String> = wanted
            .iter()
            .flat_map(|&(owner, service, address)| {
                channels(service).map(|channel| self.fingerprint(owner, channel, address))
            })
            .collect();
        let found = self.with(&fingerprints).await?;
        let pairs = fingerprints.chunks(2);
        let listed = wanted.iter().zip(pairs).map(|(&(_, service, _), pair)| {
            let mut both = channels(service).into_iter().zip(pair);
            both.find_map(|(channel, fingerprint)| {
                let id = *found.get(fingerprint)?;
                Some(Listed { id, channel })
            })
        });
        Ok(listed.collect())
    }
}

#[cfg(test)]
mod tests {
    use testkit::ScratchLog;

    use super::*;

    const ME: Owner = Owner::in_first_tenant(Id::new(1));

    async fn list_up(
        commands: &Commands,
        (id, owner): (i64, Owner),
        channel: Channel,
        address: &str,
    ) {
        let lists = Suppression::new(commands.store().clone());
        let id = Id::<OptOut>::new(id);
        let add = OptOutCommand::Add {
            id,
            owner,
            channel,
            address: address.parse().unwrap(),
            fingerprint: lists.fingerprint(owner, channel, address),
            reason: None,
            source: OptOutSource::Stop,
        };
        let actor = Actor::default();
        commands.send_new(id, add, &actor).await.unwrap();
    }

    #[tokio::test]
    async fn an_attempt_is_forbidden_by_its_owners_list_for_its_service_however_spelt() {
        let log = ScratchLog::open().await;
        let commands = Commands::new(log.store.clone());
        let lists = Suppression::new(log.store.clone());

        list_up(&commands, (1, ME), Channel::Sms, "+15550100").await;
        list_up(&commands, (2, ME), Channel::Any, "0015550101").await;
        list_up(&commands, (3, ME), Channel::Email, "Ada@Example.com").await;
        list_up(
            &commands,
            (4, domain::Owner::in_first_tenant(Id::new(2))),
            Channel::Any,
            "+15550102",
        )
        .await;
        let wanted = [
            (ME, Service::Sms, "15550100"),
            (ME, Service::Voice, "15550100"),
            (ME, Service::Fax, "+15550101"),
            (ME, Service::Email, "ada@example.COM"),
            (ME, Service::Sms, "+15550102"),
            (
                domain::Owner::in_first_tenant(Id::new(2)),
                Service::Sms,
                "+15550102",
            ),
        ];
        let found = lists.among(&wanted).await.unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|listed| listed.map(|it| (it.id.get(), it.channel)))
            .collect();
        let expected = [
            Some((1, Channel::Sms)),
            None,
            Some((2, Channel::Any)),
            Some((3, Channel::Email)),
            None,
            Some((4, Channel::Any)),
        ];
        assert_eq!(found, expected);

        let (first, actor) = (Id::<OptOut>::new(1), Actor::default());
        let removed = commands.send(first, OptOutCommand::Remove, &actor);
        removed.await.unwrap();
        assert_eq!(lists.among(&wanted[..1]).await.unwrap(), [None]);
        assert_eq!(lists.among(&[]).await.unwrap(), []);
        log.close().await;
    }
}
