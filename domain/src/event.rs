//! The events of all aggregates as one type, for subscribers of the whole log.

use cqrs_es::Aggregate;
use serde_json::{Value, json};

use crate::{
    access::{
        Permission, PermissionEvent, Role, RoleEvent, Session, SessionEvent, Tenant, TenantEvent,
        User, UserEvent,
    },
    delivery::{
        Campaign, CampaignEvent, Provider, ProviderEvent, Schedule, ScheduleEvent, Transmission,
        TransmissionEvent,
    },
    outreach::{
        Document, DocumentEvent, Program, ProgramEvent, Recording, RecordingEvent, Template,
        TemplateEvent, Text, TextEvent,
    },
    pbx::{
        Condition, ConditionEvent, Custom, CustomEvent, Destination, DestinationEvent, Disa,
        DisaEvent, Hunt, HuntEvent, Ivr, IvrEvent, Phone, PhoneEvent, PhoneModel, PhoneModelEvent,
        RateTable, RateTableEvent, Voicemail, VoicemailEvent,
    },
    people::{
        Account, AccountEvent, Contact, ContactEvent, Group, GroupEvent, OptOut, OptOutEvent,
    },
};

/// Declares [`Event`] from the list of aggregates with their events. Without its line here the event
/// of an aggregate does not become an [`Event`], and the aggregate is no [`Entity`](crate::Entity).
macro_rules! events {
    ($($aggregate:ident($event:ty)),+ $(,)?) => {
        /// An event of any aggregate.
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs)]
        pub enum Event {
            $($aggregate($event),)+
            /// An event that cannot be decoded, with the reason. A subscriber that needs events of
            /// its kind must not advance past it.
            Unreadable(String),
        }

        impl Event {
            /// Decodes the payload of an event of this aggregate type; `None` for an unknown type.
            pub fn decode(aggregate_type: &str, payload: Value) -> Option<serde_json::Result<Self>> {
                Some(match aggregate_type {
                    $($aggregate::TYPE => serde_json::from_value(payload).map(Self::$aggregate),)+
                    _ => return None,
                })
            }

            /// The payload of the event as it stands in the log.
            ///
            /// # Errors
            /// None for the present events, whose fields all have a JSON form.
            pub fn payload(&self) -> serde_json::Result<Value> {
                match self {
                    $(Self::$aggregate(event) => serde_json::to_value(event),)+
                    Self::Unreadable(reason) => Ok(json!({ "unreadable": reason })),
                }
            }
        }

        $(impl From<$event> for Event {
            fn from(event: $event) -> Self {
                Self::$aggregate(event)
            }
        })+
    };
}

events! {
    Account(AccountEvent),
    Campaign(CampaignEvent),
    Condition(Box<ConditionEvent>),
    Contact(ContactEvent),
    Custom(CustomEvent),
    Destination(DestinationEvent),
    Disa(DisaEvent),
    Document(DocumentEvent),
    Group(GroupEvent),
    Hunt(HuntEvent),
    Ivr(IvrEvent),
    OptOut(OptOutEvent),
    Permission(PermissionEvent),
    Phone(PhoneEvent),
    PhoneModel(PhoneModelEvent),
    Program(ProgramEvent),
    Provider(ProviderEvent),
    RateTable(RateTableEvent),
    Recording(RecordingEvent),
    Role(RoleEvent),
    Schedule(ScheduleEvent),
    Session(SessionEvent),
    Template(TemplateEvent),
    Tenant(TenantEvent),
    Text(TextEvent),
    Transmission(Box<TransmissionEvent>),
    User(UserEvent),
    Voicemail(VoicemailEvent),
}

impl Event {
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

impl From<TransmissionEvent> for Event {
    fn from(event: TransmissionEvent) -> Self {
        Box::new(event).into()
    }
}

impl From<ConditionEvent> for Event {
    fn from(event: ConditionEvent) -> Self {
        Box::new(event).into()
    }
}
