//! The events of all aggregates as one type, for subscribers of the whole log.

use cqrs_es::Aggregate;
use serde_json::{Value, json};

use crate::{
    access::{
        Permission, PermissionEvent, Role, RoleEvent, Session, SessionEvent, User, UserEvent,
    },
    delivery::{
        Campaign, CampaignEvent, Provider, ProviderEvent, Schedule, ScheduleEvent, Transmission,
        TransmissionEvent,
    },
    outreach::{
        Document, DocumentEvent, Program, ProgramEvent, Recording, RecordingEvent, Template,
        TemplateEvent, Text, TextEvent,
    },
    people::{
        Account, AccountEvent, Contact, ContactEvent, Group, GroupEvent, OptOut, OptOutEvent,
    },
};

/// An event of any aggregate.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Event {
    Account(AccountEvent),
    Campaign(CampaignEvent),
    Contact(ContactEvent),
    Document(DocumentEvent),
    Group(GroupEvent),
    OptOut(OptOutEvent),
    Permission(PermissionEvent),
    Program(ProgramEvent),
    Provider(ProviderEvent),
    Recording(RecordingEvent),
    Role(RoleEvent),
    Schedule(ScheduleEvent),
    Session(SessionEvent),
    Template(TemplateEvent),
    Text(TextEvent),
    Transmission(Box<TransmissionEvent>),
    User(UserEvent),
    /// An event that cannot be decoded, with the reason. A subscriber that needs events of its kind
    /// must not advance past it.
    Unreadable(String),
}

impl Event {
    /// Decodes the payload of an event of this aggregate type; `None` for an unknown type.
    pub fn decode(aggregate_type: &str, payload: Value) -> Option<serde_json::Result<Self>> {
        use serde_json::from_value;
        Some(match aggregate_type {
            Account::TYPE => from_value(payload).map(Self::Account),
            Campaign::TYPE => from_value(payload).map(Self::Campaign),
            Contact::TYPE => from_value(payload).map(Self::Contact),
            Document::TYPE => from_value(payload).map(Self::Document),
            Group::TYPE => from_value(payload).map(Self::Group),
            OptOut::TYPE => from_value(payload).map(Self::OptOut),
            Permission::TYPE => from_value(payload).map(Self::Permission),
            Program::TYPE => from_value(payload).map(Self::Program),
            Provider::TYPE => from_value(payload).map(Self::Provider),
            Recording::TYPE => from_value(payload).map(Self::Recording),
            Role::TYPE => from_value(payload).map(Self::Role),
            Schedule::TYPE => from_value(payload).map(Self::Schedule),
            Session::TYPE => from_value(payload).map(Self::Session),
            Template::TYPE => from_value(payload).map(Self::Template),
            Text::TYPE => from_value(payload).map(Self::Text),
            Transmission::TYPE => from_value(payload).map(Self::Transmission),
            User::TYPE => from_value(payload).map(Self::User),
            _ => return None,
        })
    }

    /// The payload of the event as it stands in the log.
    ///
    /// # Errors
    /// None for the present events, whose fields all have a JSON form.
    pub fn payload(&self) -> serde_json::Result<Value> {
        use serde_json::to_value;
        match self {
            Self::Account(event) => to_value(event),
            Self::Campaign(event) => to_value(event),
            Self::Contact(event) => to_value(event),
            Self::Document(event) => to_value(event),
            Self::Group(event) => to_value(event),
            Self::OptOut(event) => to_value(event),
            Self::Permission(event) => to_value(event),
            Self::Program(event) => to_value(event),
            Self::Provider(event) => to_value(event),
            Self::Recording(event) => to_value(event),
            Self::Role(event) => to_value(event),
            Self::Schedule(event) => to_value(event),
            Self::Session(event) => to_value(event),
            Self::Template(event) => to_value(event),
            Self::Text(event) => to_value(event),
            Self::Transmission(event) => to_value(event),
            Self::User(event) => to_value(event),
            Self::Unreadable(reason) => Ok(json!({ "unreadable": reason })),
        }
    }

    /// True if the append of this event destroys the key of its aggregate's subject.
    pub fn erases(&self) -> bool {
        matches!(self, Self::Contact(ContactEvent::ContactErased {}))
    }

    /// The reason for which the event cannot be decoded; `None` if it was decoded.
    pub fn unreadable(&self) -> Option<&str> {
        match self {
            Self::Unreadable(reason) => Some(reason),
            _ => None,
        }
    }
}

impl From<AccountEvent> for Event {
    fn from(event: AccountEvent) -> Self {
        Self::Account(event)
    }
}
impl From<CampaignEvent> for Event {
    fn from(event: CampaignEvent) -> Self {
        Self::Campaign(event)
    }
}
impl From<ContactEvent> for Event {
    fn from(event: ContactEvent) -> Self {
        Self::Contact(event)
    }
}
impl From<DocumentEvent> for Event {
    fn from(event: DocumentEvent) -> Self {
        Self::Document(event)
    }
}
impl From<GroupEvent> for Event {
    fn from(event: GroupEvent) -> Self {
        Self::Group(event)
    }
}
impl From<OptOutEvent> for Event {
    fn from(event: OptOutEvent) -> Self {
        Self::OptOut(event)
    }
}
impl From<PermissionEvent> for Event {
    fn from(event: PermissionEvent) -> Self {
        Self::Permission(event)
    }
}
impl From<ProgramEvent> for Event {
    fn from(event: ProgramEvent) -> Self {
        Self::Program(event)
    }
}
impl From<ProviderEvent> for Event {
    fn from(event: ProviderEvent) -> Self {
        Self::Provider(event)
    }
}
impl From<RecordingEvent> for Event {
    fn from(event: RecordingEvent) -> Self {
        Self::Recording(event)
    }
}
impl From<RoleEvent> for Event {
    fn from(event: RoleEvent) -> Self {
        Self::Role(event)
    }
}
impl From<ScheduleEvent> for Event {
    fn from(event: ScheduleEvent) -> Self {
        Self::Schedule(event)
    }
}
impl From<SessionEvent> for Event {
    fn from(event: SessionEvent) -> Self {
        Self::Session(event)
    }
}
impl From<TemplateEvent> for Event {
    fn from(event: TemplateEvent) -> Self {
        Self::Template(event)
    }
}
impl From<TextEvent> for Event {
    fn from(event: TextEvent) -> Self {
        Self::Text(event)
    }
}
impl From<TransmissionEvent> for Event {
    fn from(event: TransmissionEvent) -> Self {
        Self::Transmission(Box::new(event))
    }
}
impl From<UserEvent> for Event {
    fn from(event: UserEvent) -> Self {
        Self::User(event)
    }
}
