//! A contact: someone a user reaches. `Absent → Live → Deleted`, and from
//! anywhere after its creation it can be erased.

use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use crate::{
    Entity, Id, Patch, Personal, Refusal, Subject,
    access::User,
    reference::TimeZone,
    values::{Body, EmailAddress, Line, PhoneNumber},
};

/// A contact's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    stage: Stage,
    id: Option<Id<Contact>>,
    owner: Option<Id<User>>,
    profile: ContactProfile,
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

/// What is known of a contact; all of it personal.
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

/// What an update changes.
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

/// What one can ask of a contact.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum ContactCommand {
    Create {
        id: Id<Contact>,
        owner: Id<User>,
        profile: ContactProfile,
    },
    Update(ContactPatch),
    Delete,
    /// Deletes it and destroys its key: what the log holds of the person becomes
    /// unreadable.
    Erase,
}

/// What happened to a contact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum ContactEvent {
    ContactCreated {
        id: Id<Contact>,
        owner: Id<User>,
        profile: Personal<ContactProfile>,
    },
    ContactUpdated {
        profile: Personal<ContactProfile>,
    },
    ContactDeleted {},
    ContactErased {},
}
use ContactEvent::{ContactCreated, ContactDeleted, ContactErased, ContactUpdated};

impl Contact {
    /// What is known of it; all empty after an erasure.
    pub fn profile(&self) -> &ContactProfile {
        &self.profile
    }

    fn decide(&self, command: ContactCommand) -> Result<Vec<ContactEvent>, Refusal> {
        use ContactCommand::{Create, Delete, Erase, Update};
        Ok(match (self.stage, command) {
            (Absent, Create { id, owner, profile }) => {
                let profile = Personal::of(id.subject(), checked(profile)?);
                vec![ContactCreated { id, owner, profile }]
            }
            (_, Create { .. }) => return Err(Refusal::AlreadyExists),
            (Live, Update(patch)) => {
                let profile = checked(self.profile.clone().patched(patch))?;
                if profile == self.profile {
                    vec![]
                } else {
                    vec![ContactUpdated {
                        profile: Personal::of(self.subject()?, profile),
                    }]
                }
            }
            (Live, Delete) => vec![ContactDeleted {}],
            (Live, Erase) => vec![ContactDeleted {}, ContactErased {}],
            (Deleted, Erase) => vec![ContactErased {}],
            (Absent | Deleted | Erased, _) => return Err(Refusal::NotFound),
        })
    }

    fn subject(&self) -> Result<Subject, Refusal> {
        self.id.map(Id::subject).ok_or(Refusal::NotFound)
    }
}

/// A contact made by a client has a first name and a phone.
fn checked(profile: ContactProfile) -> Result<ContactProfile, Refusal> {
    if profile.first_name.is_none() {
        return Err(Refusal::invalid("first_name", "is required"));
    }
    if profile.phone.is_none() {
        return Err(Refusal::invalid("phone", "is required"));
    }
    Ok(profile)
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
            ContactCreated { id, owner, profile } => {
                self.stage = Live;
                self.id = Some(id);
                self.owner = Some(owner);
                self.profile = profile.into_inner().unwrap_or_default();
            }
            ContactUpdated { profile } => self.profile = profile.into_inner().unwrap_or_default(),
            ContactDeleted {} => self.stage = Deleted,
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

    fn owner(&self) -> Option<Id<User>> {
        self.owner
    }

    fn erased(&self) -> Option<Subject> {
        (self.stage == Erased)
            .then(|| self.id.map(Id::subject))
            .flatten()
    }
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::TestFramework;

    use super::*;

    const ADA: Id<Contact> = Id::new(7);
    const OWNER: Id<User> = Id::new(1);

    fn profile() -> ContactProfile {
        ContactProfile {
            first_name: "Ada".parse().ok(),
            phone: "+15550100".parse().ok(),
            ..ContactProfile::default()
        }
    }

    fn created() -> ContactEvent {
        ContactCreated {
            id: ADA,
            owner: OWNER,
            profile: Personal::of(ADA.subject(), profile()),
        }
    }

    fn given(events: Vec<ContactEvent>) -> cqrs_es::test::AggregateTestExecutor<Contact> {
        TestFramework::with(()).given(events)
    }

    #[test]
    fn a_contact_needs_a_phone() {
        let profile = ContactProfile {
            phone: None,
            ..profile()
        };
        given(vec![])
            .when(ContactCommand::Create {
                id: ADA,
                owner: OWNER,
                profile,
            })
            .then_expect_error(Refusal::invalid("phone", "is required"));
    }

    #[test]
    fn an_update_that_says_nothing_new_emits_nothing() {
        let patch = ContactPatch {
            first_name: Patch::Set("Ada".parse().unwrap()),
            ..ContactPatch::default()
        };
        given(vec![created()])
            .when(ContactCommand::Update(patch))
            .then_expect_events(vec![]);
    }

    #[test]
    fn a_deleted_contact_cannot_be_updated() {
        given(vec![created(), ContactDeleted {}])
            .when(ContactCommand::Update(ContactPatch::default()))
            .then_expect_error(Refusal::NotFound);
    }

    #[test]
    fn erasing_deletes_first() {
        given(vec![created()])
            .when(ContactCommand::Erase)
            .then_expect_events(vec![ContactDeleted {}, ContactErased {}]);
    }

    #[test]
    fn a_deleted_contact_can_still_be_erased() {
        given(vec![created(), ContactDeleted {}])
            .when(ContactCommand::Erase)
            .then_expect_events(vec![ContactErased {}]);
    }
}
