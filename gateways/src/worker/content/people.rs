//! The people of an attempt: its contact, account and users, as token values and senders.

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, Utc};
use commands::addresses::AddressPolicy;
use cqrs_es::Aggregate as _;
use domain::{
    Entity, Id,
    access::User,
    delivery::{SenderAddress, Transmission},
    flow::Service,
    outreach::tokens::{Person, Tokens},
    people::{Account, Contact, SenderTerms},
};
use eventstore::{Loaded, Log, Store, StoreError};
use tokio::time::Instant;

use super::NoContent;

/// The people of a batch of attempts, read with one query for each kind.
#[derive(Default)]
pub(crate) struct People {
    /// The time at which they were read.
    read_at: Option<Instant>,
    contacts: HashMap<Id<Contact>, Loaded<Contact>>,
    accounts: HashMap<Id<Account>, Loaded<Account>>,
    users: HashMap<Id<User>, Loaded<User>>,
}

/// The senders that an account names, and its rights to them.
#[derive(Default)]
pub(crate) struct Senders {
    /// The account's name.
    pub name: Option<String>,
    /// The author of its mail.
    pub mail: Option<SenderAddress>,
    /// The sender of its short messages.
    pub text: Option<SenderAddress>,
    /// The number that its calls and faxes come from.
    pub caller: Option<SenderAddress>,
}

impl Senders {
    /// The sender of messages of a service.
    pub fn for_service(&self, service: Service) -> Option<&SenderAddress> {
        match service {
            Service::Email => self.mail.as_ref(),
            Service::Sms => self.text.as_ref(),
            Service::Voice | Service::Fax => self.caller.as_ref(),
        }
    }
}

impl People {
    /// Loads the contacts, accounts and users of these transmissions.
    pub async fn load(store: &Store, transmissions: &[&Transmission]) -> Result<Self, StoreError> {
        let read_at = Some(Instant::now());
        let orders = transmissions
            .iter()
            .filter_map(|transmission| transmission.order());
        let assignments = transmissions
            .iter()
            .filter_map(|transmission| transmission.assignment());
        let contacts = unique(orders.map(|order| order.contact_id));
        let accounts = unique(assignments.map(|it| it.account_id));
        let (contacts, accounts) =
            futures::try_join!(store.load_many(&contacts), store.load_many(&accounts))?;
        let owners = transmissions.iter().filter_map(|t| t.owning_user());
        let theirs = accounts
            .values()
            .filter_map(|it| it.aggregate.owning_user());
        let users = store.load_many(&unique(owners.chain(theirs))).await?;
        Ok(Self {
            read_at,
            contacts,
            accounts,
            users,
        })
    }

    /// The token values that depend on people.
    pub(super) fn tokens(&self, transmission: &Transmission) -> Result<Tokens, NoContent> {
        let order = transmission.order();
        let recipient = order.and_then(|order| self.contacts.get(&order.contact_id));
        // The transmission may come from a cache older than the erasure.
        if recipient.is_some_and(|contact| contact.aggregate.erased().is_some()) {
            return Err(NoContent::never("the recipient was erased"));
        }
        let owner = transmission.owning_user();
        let owner = owner.and_then(|owner| self.users.get(&owner));
        Ok(Tokens {
            contact: recipient
                .map(|it| contact(&it.aggregate))
                .unwrap_or_default(),
            account: self
                .account(transmission)
                .map(account_person)
                .unwrap_or_default(),
            user: owner.map(|it| user(&it.aggregate)).unwrap_or_default(),
            ..Tokens::default()
        })
    }

    /// True if no account and no user has changed since these were read, as far as the log was
    /// seen `within` this time.
    pub(crate) fn is_current(&self, log: &Log, within: Duration) -> bool {
        let is_unchanged = |at, kind| log.is_unchanged(kind, at, within);
        self.read_at
            .is_some_and(|at| is_unchanged(at, Account::TYPE) && is_unchanged(at, User::TYPE))
    }

    /// The senders that the transmission's account names at this moment.
    pub(crate) fn senders(
        &self,
        transmission: &Transmission,
        (policy, at): (AddressPolicy, DateTime<Utc>),
    ) -> Senders {
        let Some(account) = self.account(transmission) else {
            return Senders::default();
        };
        let user = account
            .owning_user()
            .and_then(|owner| self.users.get(&owner));
        let terms = SenderTerms {
            trusted: policy == AddressPolicy::Trusted,
            user: user.map(|it| &it.aggregate),
            at,
        };
        Senders {
            name: full_name(&account_person(account)),
            mail: account.mail_sender(terms),
            text: account.text_sender(terms),
            caller: account.caller_id(terms),
        }
    }

    fn account(&self, transmission: &Transmission) -> Option<&Account> {
        let id = transmission.assignment()?.account_id;
        self.accounts.get(&id).map(|loaded| &loaded.aggregate)
    }
}

fn unique<T: Ord>(ids: impl Iterator<Item = T>) -> Vec<T> {
    let mut ids: Vec<T> = ids.collect();
    ids.sort();
    ids.dedup();
    ids
}

fn full_name(person: &Person) -> Option<String> {
    let names = [&person.first_name, &person.last_name];
    let names: Vec<&str> = names
        .into_iter()
        .filter_map(|name| name.as_deref())
        .collect();
    (!names.is_empty()).then(|| names.join(" "))
}

fn contact(contact: &Contact) -> Person {
    let profile = contact.profile();
    Person {
        first_name: text(&profile.first_name),
        last_name: text(&profile.last_name),
        phone: text(&profile.phone),
        email: text(&profile.email),
        address: text(&profile.address),
        custom1: text(&profile.custom1),
        custom2: text(&profile.custom2),
        custom3: text(&profile.custom3),
        description: text(&profile.description),
        username: None,
    }
}

fn account_person(account: &Account) -> Person {
    let profile = account.profile();
    Person {
        username: text(&profile.username),
        first_name: text(&profile.first_name),
        last_name: text(&profile.last_name),
        phone: text(&profile.phone),
        email: text(&profile.email),
        address: text(&profile.address),
        ..Person::default()
    }
}

fn user(user: &User) -> Person {
    let profile = user.profile();
    Person {
        username: text(&profile.username),
        first_name: text(&profile.first_name),
        last_name: text(&profile.last_name),
        phone: text(&profile.phone),
        email: text(&profile.email),
        address: text(&profile.address),
        ..Person::default()
    }
}

fn text(value: &Option<impl ToString>) -> Option<String> {
    value.as_ref().map(ToString::to_string)
}
