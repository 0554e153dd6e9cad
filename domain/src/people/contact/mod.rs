//! A contact: a person whom a user sends messages to. `Absent → Live → Deleted → Erased`; a live
//! contact can also be erased at once.

use std::collections::BTreeSet;

use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use crate::{
    Claim, Entity, Id, Owner, Patch, Personal, Refusal, Subject,
    flow::Service,
    people::Group,
    reference::TimeZone,
    values::{Body, EmailAddress, Line, PhoneNumber},
};

/// A contact's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    stage: Stage,
    id: Option<Id<Contact>>,
    owner: Option<Owner>,
    profile: ContactProfile,
    #[serde(default)]
    groups: BTreeSet<Id<Group>>,
    #[serde(default)]
    known_by: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    #[default]
    Absent,
    Live,
    Deleted,
    Erased,
}
use Stage::{Absent, Deleted, Erased, Live};

/// The personal details of a contact; all of them are personal data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct ContactProfile {
    pub first_name: Option<Line>,
    pub last_name: Option<Line>,
    pub phone: Option<PhoneNumber>,
    pub email: Option<EmailAddress>,
    pub address: Option<Line>,
    pub timezone: Option<TimeZone>,
    pub custom1: Option<Line>,
    pub custom2: Option<Line>,
    pub custom3: Option<Line>,
    pub description: Option<Body>,
}

/// A partial update of a contact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ContactPatch {
    pub first_name: Patch<Line>,
    pub last_name: Patch<Line>,
    pub phone: Patch<PhoneNumber>,
    pub email: Patch<EmailAddress>,
    pub address: Patch<Line>,
    pub timezone: Patch<TimeZone>,
    pub custom1: Patch<Line>,
    pub custom2: Patch<Line>,
    pub custom3: Patch<Line>,
    pub description: Patch<Body>,
}

/// A command to a contact.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum ContactCommand {
    Create {
        id: Id<Contact>,
        owner: Owner,
        profile: ContactProfile,
    },
    /// Creates the contact from an imported list, in which a phone number may be the only field.
    Import {
        id: Id<Contact>,
        owner: Owner,
        profile: ContactProfile,
    },
    /// Creates the contact from an inbound message of an unknown sender, of whom only one address
    /// is known; `known_by` is the fingerprint of that address, for deduplication.
    CreateFromInbound {
        id: Id<Contact>,
        owner: Owner,
        profile: ContactProfile,
        known_by: String,
    },
    Update(ContactPatch),
    /// Puts the contact into a group; `owner` is the owner of the group.
    Link {
        group: Id<Group>,
        owner: Owner,
    },
    Unlink(Id<Group>),
    Delete,
    /// Deletes the contact and destroys its key (crypto-shredding): the person's data in the log
    /// becomes unreadable.
    Erase,
}

/// An event of a contact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum ContactEvent {
    ContactCreated {
        id: Id<Contact>,
        owner: Owner,
        profile: Personal<ContactProfile>,
        /// The fingerprint of the address, if the contact was created from an inbound message.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        known_by: Option<String>,
    },
    ContactUpdated {
        profile: Personal<ContactProfile>,
    },
    ContactLinked {
        group: Id<Group>,
    },
    ContactUnlinked {
        group: Id<Group>,
    },
    /// The contact was deleted, and left all its groups.
    ContactDeleted {},
    ContactErased {},
}
use ContactEvent::{
    ContactCreated, ContactDeleted, ContactErased, ContactLinked, ContactUnlinked, ContactUpdated,
};

impl Contact {
    /// The personal details; all empty after an erasure.
    pub fn profile(&self) -> &ContactProfile {
        &self.profile
    }

    /// The address for this service; `None` if the contact has none.
    pub fn address(&self, service: Service) -> Option<String> {
        match service {
            Service::Email => self.profile.email.as_ref().map(ToString::to_string),
            Service::Voice | Service::Fax | Service::Sms => {
                self.profile.phone.as_ref().map(ToString::to_string)
            }
        }
    }

    /// The claim of a contact that was created from an inbound message, by the fingerprint of its
    /// address.
    pub fn inbound_claim(fingerprint: String) -> Claim {
        Claim {
            field: "contact",
            scope: "contact_met",
            value: fingerprint,
        }
    }

    fn decide(&self, command: ContactCommand) -> Result<Vec<ContactEvent>, Refusal> {
        use ContactCommand::{
            Create, CreateFromInbound, Delete, Erase, Import, Link, Unlink, Update,
        };
        Ok(match (self.stage, command) {
            (Absent, Create { id, owner, profile }) => {
                require("first_name", &profile.first_name)?;
                require("phone", &profile.phone)?;
                vec![created(id, owner, profile)]
            }
            (Absent, Import { id, owner, profile }) => {
                require("phone", &profile.phone)?;
                vec![created(id, owner, profile)]
            }
            (
                Absent,
                CreateFromInbound {
                    id,
                    owner,
                    profile,
                    known_by,
                },
            ) => vec![ContactCreated {
                id,
                owner,
                profile: Personal::new(id.subject(), profile),
                known_by: Some(known_by),
            }],
            (_, Create { .. } | Import { .. } | CreateFromInbound { .. }) => {
                return Err(Refusal::AlreadyExists);
            }
            (Live, Update(patch)) => {
                let profile = self.patched(patch)?;
                if profile == self.profile {
                    vec![]
                } else {
                    vec![ContactUpdated {
                        profile: Personal::new(self.subject()?, profile),
                    }]
                }
            }
            (Live, Link { owner, .. }) if self.owner != Some(owner) => {
                return Err(Refusal::invalid(
                    "group_id",
                    "is another user's than the contact",
                ));
            }
            (Live, Link { group, .. }) if self.groups.contains(&group) => vec![],
            (Live, Link { group, .. }) => vec![ContactLinked { group }],
            (Live, Unlink(group)) if !self.groups.contains(&group) => vec![],
            (Live, Unlink(group)) => vec![ContactUnlinked { group }],
            (Live, Delete) => vec![ContactDeleted {}],
            (Live, Erase) => vec![ContactDeleted {}, ContactErased {}],
            (Deleted, Erase) => vec![ContactErased {}],
            (Absent | Deleted | Erased, _) => return Err(Refusal::NotFound),
        })
    }

    /// The profile after an update: a required field cannot be cleared, but a contact created
    /// without it may stay so.
    fn patched(&self, patch: ContactPatch) -> Result<ContactProfile, Refusal> {
        let profile = self.profile.clone().patched(patch);
        if self.profile.first_name.is_some() {
            require("first_name", &profile.first_name)?;
        }
        if self.profile.phone.is_some() {
            require("phone", &profile.phone)?;
        }
        Ok(profile)
    }

    fn subject(&self) -> Result<Subject, Refusal> {
        self.id.map(Id::subject).ok_or(Refusal::NotFound)
    }
}

fn created(id: Id<Contact>, owner: Owner, profile: ContactProfile) -> ContactEvent {
    let profile = Personal::new(id.subject(), profile);
    ContactCreated {
        id,
        owner,
        profile,
        known_by: None,
    }
}

fn require<T>(field: &'static str, value: &Option<T>) -> Result<(), Refusal> {
    match value {
        Some(_) => Ok(()),
        None => Err(Refusal::invalid(field, "is required")),
    }
}

impl ContactProfile {
    fn patched(mut self, patch: ContactPatch) -> Self {
        patch.first_name.apply(&mut self.first_name);
        patch.last_name.apply(&mut self.last_name);
        patch.phone.apply(&mut self.phone);
        patch.email.apply(&mut self.email);
        patch.address.apply(&mut self.address);
        patch.timezone.apply(&mut self.timezone);
        patch.custom1.apply(&mut self.custom1);
        patch.custom2.apply(&mut self.custom2);
        patch.custom3.apply(&mut self.custom3);
        patch.description.apply(&mut self.description);
        self
    }
}

impl From<ContactPatch> for ContactProfile {
    fn from(patch: ContactPatch) -> Self {
        Self::default().patched(patch)
    }
}

impl Aggregate for Contact {
    const TYPE: &'static str = "contact";
    type Command = ContactCommand;
    type Event = ContactEvent;
    type Error = Refusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: ContactCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Refusal> {
        for event in self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: ContactEvent) {
        match event {
            ContactCreated {
                id,
                owner,
                profile,
                known_by,
            } => {
                self.stage = Live;
                self.known_by = known_by;
                self.id = Some(id);
                self.owner = Some(owner);
                self.profile = profile.into_inner().unwrap_or_default();
            }
            ContactUpdated { profile } => self.profile = profile.into_inner().unwrap_or_default(),
            ContactLinked { group } => {
                self.groups.insert(group);
            }
            ContactUnlinked { group } => {
                self.groups.remove(&group);
            }
            ContactDeleted {} => {
                self.stage = Deleted;
                self.groups.clear();
            }
            ContactErased {} => {
                self.stage = Erased;
                self.profile = ContactProfile::default();
            }
        }
    }
}

impl DomainEvent for ContactEvent {
    fn event_type(&self) -> String {
        match self {
            ContactCreated { .. } => "ContactCreated",
            ContactUpdated { .. } => "ContactUpdated",
            ContactLinked { .. } => "ContactLinked",
            ContactUnlinked { .. } => "ContactUnlinked",
            ContactDeleted {} => "ContactDeleted",
            ContactErased {} => "ContactErased",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0.0".to_owned()
    }
}

impl Entity for Contact {
    fn exists(&self) -> bool {
        self.stage == Live
    }

    fn owner(&self) -> Option<Owner> {
        self.owner
    }

    fn claims(&self) -> Vec<Claim> {
        let known_by = self.known_by.clone().filter(|_| self.stage == Live);
        known_by.map(Self::inbound_claim).into_iter().collect()
    }

    fn erased(&self) -> Option<Subject> {
        (self.stage == Erased)
            .then(|| self.id.map(Id::subject))
            .flatten()
    }
}

#[cfg(test)]
mod tests;
