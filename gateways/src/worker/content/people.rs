//! Whom an attempt is about, as tokens have them.

use std::collections::HashMap;

use domain::{
    Entity, Id,
    access::User,
    delivery::Transmission,
    outreach::{
        SMS_SENDER,
        tokens::{Person, Tokens},
    },
    people::{Account, Contact},
};
use eventstore::{Loaded, Store, StoreError};

use super::NoContent;

/// The people whom a batch of attempts is about, read with one query for each kind.
#[derive(Default)]
pub(crate) struct People {
    contacts: HashMap<Id<Contact>, Loaded<Contact>>,
    accounts: HashMap<Id<Account>, Loaded<Account>>,
    users: HashMap<Id<User>, Loaded<User>>,
}

/// As whom something is sent.
#[derive(Default)]
pub(super) struct Sender {
    /// The account's address, and its name.
    pub email: Option<(String, Option<String>)>,
    /// The account's number, or the name that its short messages come from.
    pub sms: Option<String>,
    /// The account's number.
    pub phone: Option<String>,
}

impl People {
    /// Everyone these transmissions are about.
    pub async fn of(store: &Store, transmissions: &[&Transmission]) -> Result<Self, StoreError> {
        let orders = transmissions
            .iter()
            .filter_map(|transmission| transmission.order());
        let assignments = transmissions
            .iter()
            .filter_map(|transmission| transmission.assignment());
        let owners = transmissions.iter().filter_map(|t| t.owner());
        Ok(Self {
            contacts: store
                .load_many(&unique(orders.map(|order| order.contact_id)))
                .await?,
            accounts: store
                .load_many(&unique(assignments.map(|it| it.account_id)))
                .await?,
            users: store.load_many(&unique(owners)).await?,
        })
    }

    /// The values that depend on people.
    pub(super) fn tokens(&self, transmission: &Transmission) -> Result<Tokens, NoContent> {
        let order = transmission.order();
        let recipient = order.and_then(|order| self.contacts.get(&order.contact_id));
        // What the transmission says of them may stem from a memory older than that.
        if recipient.is_some_and(|contact| contact.aggregate.erased().is_some()) {
            return Err(NoContent::never("the recipient was erased"));
        }
        let owner = transmission.owner();
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

    /// As whom it is sent.
    pub(super) fn sender(&self, transmission: &Transmission) -> Sender {
        let Some(account) = self.account(transmission) else {
            return Sender::default();
        };
        let person = account_person(account);
        let name = full_name(&person);
        let named = account.setting(SMS_SENDER).map(ToOwned::to_owned);
        Sender {
            email: person.email.map(|email| (email, name)),
            sms: named.or_else(|| person.phone.clone()),
            phone: person.phone,
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
