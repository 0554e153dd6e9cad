//! Whom it came from.

use std::collections::HashMap;

use domain::{
    Id,
    access::User,
    flow::Service,
    people::{Contact, ContactCommand, ContactProfile, normal_address, spellings},
};
use eventstore::StoreError;
use projections::people::contacts;

use super::{Brought, Desk, record::Coming};
use crate::CommandError;

/// A contact, and how it is met if it is new.
pub(super) struct Sender {
    pub contact: Id<Contact>,
    pub meet: Option<ContactCommand>,
}

/// Whose contact, by what it is reached, and its address as it is compared.
type Reached = (Id<User>, Service, String);

impl Desk {
    /// The contacts that these came from: those that are known by their address, or new
    /// ones, each met once.
    pub async fn senders(&self, coming: &[Coming<'_>]) -> Result<Vec<Sender>, CommandError> {
        let reached = |one: &Coming<'_>| -> Reached {
            let address = normal_address(one.brought.source());
            (one.counter.owner(), one.brought.service, address)
        };
        let wanted: Vec<_> = coming.iter().map(reached).collect();
        let mut known = self.known_contacts(&wanted).await?;
        let old: Vec<_> = known.values().copied().collect();
        self.commands.store().warm_keys(&old).await?;
        let mut senders = Vec::with_capacity(coming.len());
        for (one, reached) in coming.iter().zip(wanted) {
            let (contact, meet) = match known.get(&reached) {
                Some(&contact) => (contact, None),
                None => {
                    let id = self.commands.next_id("contact").await?;
                    let meet = self.meet(id, one.brought, &reached);
                    known.insert(reached, id);
                    (id, Some(meet))
                }
            };
            senders.push(Sender { contact, meet });
        }
        Ok(senders)
    }

    /// By the read models or, if those are late, by what was claimed when they were met.
    async fn known_contacts(
        &self,
        wanted: &[Reached],
    ) -> Result<HashMap<Reached, Id<Contact>>, StoreError> {
        let mut known = HashMap::new();
        for service in Service::ALL {
            let of_it: Vec<_> = wanted.iter().filter(|it| it.1 == service).collect();
            if of_it.is_empty() {
                continue;
            }
            let addresses: Vec<_> = of_it
                .iter()
                .map(|(owner, _, address)| (owner.get(), spellings(address)))
                .collect();
            let found = contacts::reached_at(&self.pool, service, &addresses).await?;
            for (reached, contact) in of_it.into_iter().zip(found) {
                known.extend(contact.map(|id| (reached.clone(), Id::new(id))));
            }
        }
        let met: HashMap<_, _> = wanted
            .iter()
            .filter(|reached| !known.contains_key(*reached))
            .map(|reached| (self.known_by(reached), reached))
            .collect();
        let claimed: Vec<_> = met.keys().cloned().collect();
        let scope = Contact::met_claim(String::new()).scope;
        let held = self.commands.store().holders_of(scope, &claimed).await?;
        for (known_by, contact) in held {
            if let Some(reached) = met.get(&known_by) {
                known.insert((*reached).clone(), contact);
            }
        }
        Ok(known)
    }

    /// What whom is met under this address is known by, until it can be read.
    fn known_by(&self, (owner, _, address): &Reached) -> String {
        let store = self.commands.store();
        store.fingerprint(&format!("contact/{owner}/{address}"))
    }

    fn meet(&self, id: Id<Contact>, brought: &Brought, reached: &Reached) -> ContactCommand {
        let source = brought.source();
        let name = brought.message.sender.as_deref().unwrap_or(source);
        let by_mail = brought.service == Service::Email;
        let profile = ContactProfile {
            first_name: name.parse().ok().or_else(|| "unknown".parse().ok()),
            phone: source.parse().ok().filter(|_| !by_mail),
            email: source.parse().ok().filter(|_| by_mail),
            ..ContactProfile::default()
        };
        ContactCommand::Meet {
            id,
            owner: reached.0,
            profile,
            known_by: self.known_by(reached),
        }
    }
}
