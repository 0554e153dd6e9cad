//! Deduplication and routing of many inbound messages, with one query for each question.

use std::collections::{HashMap, HashSet};

use cqrs_es::Aggregate as _;
use domain::{
    Entity, Id, Owner,
    access::{Tenant, User},
    delivery::{Direction, Provider, Transmission},
    flow::{Flow, Service},
    outreach::{Program, ProgramType},
    people::{Account, normal_address, spellings},
};
use eventstore::{Loaded, StoreError, clock, subscriber::is_behind};
use projections::people::accounts;

use super::{InboundMessage, Ingest, NotReceived};
use crate::CommandError;

/// The read models that inbound messages are routed by, each with the aggregate type of its rows.
const READ_MODELS: [(&str, &str); 4] = [
    ("accounts", Account::TYPE),
    ("programs", Program::TYPE),
    ("tenants", Tenant::TYPE),
    ("users", User::TYPE),
];

/// The keys of a message for deduplication, as fingerprints.
pub(super) struct Keys {
    pub now: String,
    earlier: Option<String>,
}

impl Keys {
    pub fn all(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.now).chain(&self.earlier)
    }
}

/// The reason for which a message has no route.
#[derive(Clone, Copy)]
pub(super) struct NotRouted {
    pub reason: NotReceived,
    /// The owner of the account that the message came to, if there is one.
    pub owner: Option<Owner>,
}

/// The route of an inbound message: the account and the program that takes it in.
#[derive(Clone)]
pub(super) struct Route {
    pub recipient: accounts::Recipient,
    pub program: Id<Program>,
    pub program_version: u64,
    pub flow: Flow,
}

impl Route {
    pub fn owner(&self) -> Owner {
        self.recipient.owner()
    }
}

/// The tenants of the providers that bring messages; those of the installation are not in it.
pub(super) struct Origins(HashMap<Id<Provider>, Id<Tenant>>);

impl Origins {
    /// True unless the provider is a tenant's own and the account is of another tenant.
    pub fn may_reach(
        &self,
        provider: Option<Id<Provider>>,
        recipient: &accounts::Recipient,
    ) -> bool {
        let tenant = provider.and_then(|provider| self.0.get(&provider));
        tenant.is_none_or(|tenant| recipient.owner().tenant == *tenant)
    }
}

/// Refuses unless the recipient's program takes inbound messages of this service in.
pub(super) fn takes_in(recipient: &accounts::Recipient) -> Result<(), NotReceived> {
    match recipient.program_type {
        None => Err(NotReceived::NoProgram),
        // The message would be recorded as received, but never be sent as a fax.
        Some(ProgramType::EmailToFax) => Err(NotReceived::NoFaxes),
        // The fax would be recorded as received, but never be sent as a mail.
        Some(ProgramType::FaxToEmail) => Err(NotReceived::NoForwarding),
        Some(_) => Ok(()),
    }
}

/// True if a message to this recipient would be refused.
fn is_refused(recipient: &Option<accounts::Recipient>) -> bool {
    recipient.as_ref().is_none_or(|it| takes_in(it).is_err())
}

impl Ingest {
    pub fn keys(&self, inbound: &[InboundMessage]) -> Vec<Keys> {
        let store = self.commands.store();
        let earlier =
            |inbound: &InboundMessage| Some(store.fingerprint(inbound.earlier_key.as_deref()?));
        inbound
            .iter()
            .map(|inbound| Keys {
                now: store.fingerprint(&inbound.key),
                earlier: earlier(inbound),
            })
            .collect()
    }

    /// The fingerprints of these keys that are on record already.
    pub async fn known(&self, keys: &[Keys]) -> Result<HashSet<String>, StoreError> {
        let keys: Vec<_> = keys.iter().flat_map(Keys::all).cloned().collect();
        self.holders(&keys).await
    }

    /// The fingerprints that a transmission on record has.
    pub async fn holders(&self, keys: &[String]) -> Result<HashSet<String>, StoreError> {
        let scope = Transmission::received_claim(String::new()).scope;
        let held = self
            .commands
            .store()
            .holders_of::<Transmission>(scope, keys)
            .await?;
        Ok(held.into_keys().collect())
    }

    /// The accounts that receive at these addresses, by address.
    pub async fn recipients(
        &self,
        service: Service,
        to: &[&str],
    ) -> Result<HashMap<String, accounts::Recipient>, CommandError> {
        let wanted: Vec<_> = to.iter().map(|to| spellings(&normal_address(to))).collect();
        let types: Vec<_> = ProgramType::ALL
            .into_iter()
            .filter(|kind| kind.direction() == Direction::Inbound && kind.service() == service)
            .map(ProgramType::as_str)
            .collect();
        let found = accounts::reached_at(&self.pool, service, &wanted, &types, clock::now()).await;
        let found = found.map_err(StoreError::from)?;
        if found.iter().any(is_refused) {
            self.must_be_current().await?;
        }
        let found = to.iter().zip(found);
        Ok(found
            .filter_map(|(to, recipient)| Some(((*to).to_owned(), recipient?)))
            .collect())
    }

    /// A refusal is permanent, and must not hit what the read models lack yet.
    async fn must_be_current(&self) -> Result<(), CommandError> {
        for (name, kind) in READ_MODELS {
            let behind = is_behind(&self.pool, name, kind).await;
            if behind.map_err(StoreError::from)? {
                return Err(CommandError::Behind);
            }
        }
        Ok(())
    }

    /// The tenants of these providers.
    pub async fn origins(
        &self,
        providers: impl Iterator<Item = Id<Provider>>,
    ) -> Result<Origins, StoreError> {
        let providers: HashSet<_> = providers.collect();
        let providers: Vec<_> = providers.into_iter().collect();
        let loaded = self.commands.store().load_many(&providers).await?;
        let tenant = |(id, it): (_, Loaded<Provider>)| Some((id, it.aggregate.owner()?.tenant));
        Ok(Origins(loaded.into_iter().filter_map(tenant).collect()))
    }

    /// The route of each message, or the reason for which it has none.
    pub async fn routes(
        &self,
        inbound: impl Iterator<Item = &InboundMessage> + Clone,
    ) -> Result<Vec<Result<Route, NotRouted>>, CommandError> {
        let mut recipients = HashMap::new();
        for service in Service::ALL {
            let of_it = inbound.clone().filter(|it| it.service == service);
            let to: HashSet<&str> = of_it.map(|it| &*it.message.destination).collect();
            let to: Vec<&str> = to.into_iter().collect();
            if !to.is_empty() {
                recipients.insert(service, self.recipients(service, &to).await?);
            }
        }
        let programs: HashSet<Id<Program>> = recipients
            .values()
            .flat_map(HashMap::values)
            .filter_map(|recipient| Some(Id::new(recipient.program_id?)))
            .collect();
        let programs: Vec<_> = programs.into_iter().collect();
        let programs = self.commands.store().load_many(&programs).await?;
        let providers = inbound.clone().filter_map(|it| it.provider);
        let origins = self.origins(providers).await?;
        let route = |inbound: &InboundMessage| {
            let to = recipients.get(&inbound.service);
            let recipient = to.and_then(|to| to.get(&inbound.message.destination));
            let recipient = recipient.filter(|it| origins.may_reach(inbound.provider, it));
            let recipient = *recipient.ok_or(NotRouted {
                reason: NotReceived::NoAccount,
                owner: None,
            })?;
            let refusal = |reason| NotRouted {
                reason,
                owner: Some(recipient.owner()),
            };
            takes_in(&recipient).map_err(refusal)?;
            let nothing = refusal(NotReceived::NoProgram);
            let program = Id::new(recipient.program_id.ok_or(nothing)?);
            let loaded = programs.get(&program).ok_or(nothing)?;
            let live = loaded.aggregate.exists();
            let kind = loaded.aggregate.kind().filter(|_| live).ok_or(nothing)?;
            Ok(Route {
                recipient,
                program,
                program_version: loaded.version,
                flow: Flow::compile(program, kind, loaded.version),
            })
        };
        Ok(inbound.map(route).collect())
    }
}
