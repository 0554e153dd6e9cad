//! Extensions and DIDs, folded from the events of accounts.

use std::collections::HashMap;

use domain::{
    pbx::routing::{DidEntry, ExtensionEntry, Tables},
    people::{AccountEvent, AccountKind, AccountProfile, AddressField},
    values::{Line, PhoneNumber},
};

/// All accounts, of which those of other types may become extensions or DIDs.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Accounts(HashMap<i64, Entry>);

/// An account.
#[derive(Debug, PartialEq)]
struct Entry {
    tenant: i64,
    kind: AccountKind,
    active: bool,
    /// True if it receives at its phone number.
    connected: bool,
    /// The name of an extension.
    name: Option<Box<str>>,
    /// The number of an extension or a DID.
    number: Option<Box<str>>,
    /// The seconds that an extension rings.
    ring_time: Option<u32>,
}

impl Accounts {
    /// Applies an event, and brings the account's row in the tables in line with it.
    pub fn apply(&mut self, tables: &mut Tables, id: i64, event: &AccountEvent) {
        use AccountEvent::{AccountCreated, AccountDeleted};
        match event {
            AccountCreated {
                owner,
                kind,
                active,
                profile,
                ..
            } => {
                let mut entry = Entry {
                    tenant: owner.tenant.get(),
                    kind: *kind,
                    active: *active,
                    connected: false,
                    name: None,
                    number: None,
                    ring_time: None,
                };
                entry.set_profile(*kind, profile.get());
                entry.write(tables, id);
                self.0.insert(id, entry);
            }
            AccountDeleted {} => {
                if let Some(entry) = self.0.remove(&id) {
                    entry.erase(tables, id);
                }
            }
            event => {
                if let Some(entry) = self.0.get_mut(&id) {
                    entry.erase(tables, id);
                    entry.change(event);
                    entry.write(tables, id);
                }
            }
        }
    }
}

impl Entry {
    fn change(&mut self, event: &AccountEvent) {
        use AccountEvent::{
            AccountAddressAssigned, AccountAddressProvided, AccountAddressReleased,
            AccountAddressVerified, AccountAssigned, AccountDeactivated, AccountExtensionChanged,
            AccountUpdated,
        };
        let phone = AddressField::Phone;
        match event {
            AccountUpdated {
                kind,
                active,
                profile,
            } => {
                self.active = *active;
                self.set_profile(*kind, profile.get());
            }
            AccountExtensionChanged { extension } => {
                let number = extension.get().and_then(|it| it.number.as_ref());
                self.number = number.map(|number| number.as_str().into());
                self.ring_time = extension.get().and_then(|it| it.ring_time);
            }
            AccountAssigned { owner } => self.tenant = owner.tenant.get(),
            AccountDeactivated { .. } => self.active = false,
            AccountAddressVerified { field, .. } if *field == phone => self.connected = true,
            AccountAddressAssigned {
                field, receives, ..
            } if *field == phone => self.connected = *receives,
            // One that is relinquished was released before, and may be an older number's.
            AccountAddressProvided { field, .. } | AccountAddressReleased { field, .. }
                if *field == phone =>
            {
                self.connected = false;
            }
            _ => {}
        }
    }

    fn set_profile(&mut self, kind: AccountKind, profile: Option<&AccountProfile>) {
        let was = std::mem::replace(&mut self.kind, kind);
        match kind {
            AccountKind::Did => {
                let phone = profile.and_then(|it| it.phone.as_ref());
                let number = phone.map(PhoneNumber::as_str).map(Box::from);
                // A right is one to a number; that to a new one follows.
                self.connected &= was == kind && number == self.number;
                (self.name, self.number) = (None, number);
            }
            AccountKind::Extension => {
                let names = profile.map(|it| [&it.first_name, &it.last_name]);
                let names = names.into_iter().flatten().flatten().map(Line::as_str);
                let name = names.collect::<Vec<_>>().join(" ");
                self.name = (!name.is_empty()).then(|| name.into());
                if was != kind {
                    (self.number, self.ring_time) = (None, None);
                }
            }
            AccountKind::Account | AccountKind::Eaddress => {
                (self.name, self.number) = (None, None);
            }
        }
    }

    fn erase(&self, tables: &mut Tables, id: i64) {
        match self.kind {
            AccountKind::Did => tables.remove_did(self.tenant, id),
            AccountKind::Extension => tables.get_mut(self.tenant).remove_extension(id),
            AccountKind::Account | AccountKind::Eaddress => {}
        }
    }

    fn write(&self, tables: &mut Tables, id: i64) {
        let Some(number) = self.number.as_deref() else {
            return;
        };
        let number = number.to_owned();
        match self.kind {
            AccountKind::Did => tables.set_did(
                self.tenant,
                DidEntry {
                    id,
                    number,
                    connected: self.connected,
                    active: self.active,
                },
            ),
            AccountKind::Extension => {
                tables.get_mut(self.tenant).set_extension(ExtensionEntry {
                    id,
                    number,
                    name: self.name.as_deref().unwrap_or_default().to_owned(),
                    ring_time: self.ring_time,
                    active: self.active,
                });
            }
            AccountKind::Account | AccountKind::Eaddress => {}
        }
    }
}
