//! The senders of inbound messages, as contacts.

use std::collections::HashMap;

use domain::{
    Id, Owner,
    flow::Service,
    people::{Contact, ContactCommand, ContactProfile, normal_address, spellings},
};
use eventstore::StoreError;
use projections::people::contacts;

use super::{InboundMessage, Ingest, record::RoutedMessage};
use crate::CommandError;

/// A contact, and the command that creates it if it is new.
pub(super) struct Sender {
    pub contact: Id<Contact>,
    pub create: Option<ContactCommand>,
}

/// The owner of a contact, the service that reaches it, and its address in normal form.
type Reached = (Owner, Service, String);

impl Ingest {
    /// The contact of each message's sender: one known by its address, or a new one, created once
    /// for each address.
    pub async fn senders(&self, routed: &[RoutedMessage<'_>]) -> Result<Vec<Sender>, CommandError> {
        let reached = |one: &RoutedMessage<'_>| -> Reached {
            let address = normal_address(one.inbound.source());
            (one.route.owner(), one.inbound.service, address)
        };
        let wanted: Vec<_> = routed.iter().map(reached).collect();
        let mut known = self.known_contacts(&wanted).await?;
        let old: Vec<_> = known.values().copied().collect();
        self.commands.store().warm_keys(&old).await?;
        let mut senders = Vec::with_capacity(routed.len());
        for (one, reached) in routed.iter().zip(wanted) {
            let (contact, create) = match known.get(&reached) {
                Some(&contact) => (contact, None),
                None => {
                    let id = self.commands.next_id("contact").await?;
                    let create = self.create_from_inbound(id, one.inbound, &reached);
                    known.insert(reached, id);
                    (id, Some(create))
                }
            };
            senders.push(Sender { contact, create });
        }
        Ok(senders)
    }

    /// Known contacts, from the read models or, if those are behind, from the claims that the
    /// contacts made when they were created.
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
                .map(|(owner, _, address)| (*owner, spellings(address)))
                .collect();
            let found = contacts::reached_at(&self.pool, service, &addresses).await?;
            for (reached, contact) in of_it.into_iter().zip(found) {
                known.extend(contact.map(|id| (reached.clone(), Id::new(id))));
            }
        }
        let met: HashMap<_, _> = wanted
            .iter()
            .filter(|reached| !known.contains_key(*reached))
            .map(|reached| (self.address_fingerprint(reached), reached))
            .collect();
        let claimed: Vec<_> = met.keys().cloned().collect();
        let scope = Contact::inbound_claim(String::new()).scope;
        let held = self.commands.store().holders_of(scope, &claimed).await?;
        for (address_fingerprint, contact) in held {
            if let Some(reached) = met.get(&address_fingerprint) {
                known.insert((*reached).clone(), contact);
            }
        }
        Ok(known)
    }

    /// The fingerprint that a contact created from this address claims, by which it is found while
    /// the read models are behind.
    fn address_fingerprint(&self, (owner, _, address): &Reached) -> String {
        let store = self.commands.store();
        store.fingerprint(&format!("contact/{owner}/{address}"))
    }

    fn create_from_inbound(
        &self,
        id: Id<Contact>,
        inbound: &InboundMessage,
        reached: &Reached,
    ) -> ContactCommand {
        let source = inbound.source();
        let name = inbound.message.sender.as_deref().unwrap_or(source);
        let by_mail = inbound.service == Service::Email;
        let profile = ContactProfile {
            first_name: name.parse().ok().or_else(|| "unknown".parse().ok()),
            phone: source.parse().ok().filter(|_| !by_mail),
            email: source.parse().ok().filter(|_| by_mail),
            ..ContactProfile::default()
        };
        ContactCommand::CreateFromInbound {
            id,
            owner: reached.0,
            profile,
            known_by: self.address_fingerprint(reached),
        }
    }
}
