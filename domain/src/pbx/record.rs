//! Records of a PBX configuration: what all kinds of them have in common.
//! `Absent → Live → Deleted`.
//!
//! A kind is its details ([`Details`]); [`Record`] is the aggregate around them.

use std::{fmt, marker::PhantomData};

use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, Error as _, MapAccess, Visitor},
    ser::SerializeMap as _,
};

use crate::{Entity, Event, Id, Owner, Personal, Refusal, Subject};

/// The details of a kind of record.
pub trait Details:
    Clone + fmt::Debug + Default + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The aggregate type, such as `hunt`.
    const TYPE: &'static str;
    /// The noun that event types begin with, such as `Hunt`.
    const NOUN: &'static str;
    /// The fields of a new record, or a partial update.
    type Patch: Clone + fmt::Debug + Default + Send + Sync + 'static;

    /// The details after an update.
    ///
    /// # Errors
    /// A required field is missing, or the fields contradict each other.
    fn patched(self, patch: Self::Patch) -> Result<Self, Refusal>;
}

/// A record's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(bound = "D: Details")]
pub struct Record<D> {
    stage: Stage,
    id: Option<i64>,
    owner: Option<Owner>,
    details: D,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    #[default]
    Absent,
    Live,
    Deleted,
}
use Stage::{Absent, Deleted, Live};

/// A command to a record.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum RecordCommand<D: Details> {
    Create {
        id: Id<Record<D>>,
        /// The tenant; none for a kind that belongs to the installation.
        owner: Option<Owner>,
        patch: D::Patch,
    },
    Update(D::Patch),
    Delete,
}

/// An event of a record. Its type is the noun of the kind with the name of the variant:
/// `HuntCreated`. All details are sealed, since names, numbers and notes of people are among them.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum RecordEvent<D> {
    Created {
        id: i64,
        owner: Option<Owner>,
        details: Personal<D>,
    },
    Updated {
        details: Personal<D>,
    },
    Deleted {},
}
use RecordEvent::{Created, Deleted as WasDeleted, Updated};

impl<D: Details> Record<D> {
    /// The details, once created.
    pub fn details(&self) -> &D {
        &self.details
    }

    fn decide(&self, command: RecordCommand<D>) -> Result<Vec<RecordEvent<D>>, Refusal> {
        use RecordCommand::{Create, Delete, Update};
        Ok(match (self.stage, command) {
            (Absent, Create { id, owner, patch }) => {
                let details = D::default().patched(patch)?;
                vec![Created {
                    id: id.get(),
                    owner,
                    details: Personal::new(Subject::new(D::TYPE, id.get()), details),
                }]
            }
            (_, Create { .. }) => return Err(Refusal::AlreadyExists),
            (Live, Update(patch)) => {
                let details = self.details.clone().patched(patch)?;
                if details == self.details {
                    vec![]
                } else {
                    vec![Updated {
                        details: Personal::new(self.subject()?, details),
                    }]
                }
            }
            (Live, Delete) => vec![WasDeleted {}],
            (Absent | Deleted, _) => return Err(Refusal::NotFound),
        })
    }

    fn subject(&self) -> Result<Subject, Refusal> {
        let id = self.id.ok_or(Refusal::NotFound)?;
        Ok(Subject::new(D::TYPE, id))
    }
}

impl<D: Details> Aggregate for Record<D> {
    const TYPE: &'static str = D::TYPE;
    type Command = RecordCommand<D>;
    type Event = RecordEvent<D>;
    type Error = Refusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: RecordCommand<D>,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Refusal> {
        for event in self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: RecordEvent<D>) {
        match event {
            Created { id, owner, details } => {
                self.stage = Live;
                self.id = Some(id);
                self.owner = owner;
                self.details = details.into_inner().unwrap_or_default();
            }
            Updated { details } => self.details = details.into_inner().unwrap_or_default(),
            WasDeleted {} => self.stage = Deleted,
        }
    }
}

impl<D: Details> Entity for Record<D>
where
    RecordEvent<D>: Into<Event>,
{
    fn exists(&self) -> bool {
        self.stage == Live
    }

    fn owner(&self) -> Option<Owner> {
        self.owner
    }
}

impl<D> RecordEvent<D> {
    /// The second half of the event type.
    const fn variant(&self) -> &'static str {
        match self {
            Created { .. } => "Created",
            Updated { .. } => "Updated",
            WasDeleted {} => "Deleted",
        }
    }
}

impl<D: Details> DomainEvent for RecordEvent<D> {
    fn event_type(&self) -> String {
        format!("{}{}", D::NOUN, self.variant())
    }

    fn event_version(&self) -> String {
        "1.0.0".to_owned()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(bound = "D: Details")]
struct CreatedFields<D> {
    id: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<Owner>,
    details: Personal<D>,
}

#[derive(Serialize, Deserialize)]
#[serde(bound = "D: Details")]
struct UpdatedFields<D> {
    details: Personal<D>,
}

#[derive(Serialize, Deserialize)]
struct NoFields {}

/// As an enum with a variant for each event type is serialised: `{"HuntCreated": {…}}`.
impl<D: Details> Serialize for RecordEvent<D> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        let name = self.event_type();
        match self.clone() {
            Created { id, owner, details } => {
                map.serialize_entry(&name, &CreatedFields { id, owner, details })?;
            }
            Updated { details } => map.serialize_entry(&name, &UpdatedFields { details })?,
            WasDeleted {} => map.serialize_entry(&name, &NoFields {})?,
        }
        map.end()
    }
}

impl<'de, D: Details> Deserialize<'de> for RecordEvent<D> {
    fn deserialize<E: Deserializer<'de>>(deserializer: E) -> Result<Self, E::Error> {
        deserializer.deserialize_map(OneEntry(PhantomData))
    }
}

struct OneEntry<D>(PhantomData<fn() -> D>);

impl<'de, D: Details> Visitor<'de> for OneEntry<D> {
    type Value = RecordEvent<D>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an event of a {}", D::TYPE)
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let name: Option<String> = map.next_key()?;
        let name = name.ok_or_else(|| M::Error::custom("an event without a type"))?;
        Ok(match name.strip_prefix(D::NOUN) {
            Some("Created") => {
                let CreatedFields { id, owner, details } = map.next_value()?;
                Created { id, owner, details }
            }
            Some("Updated") => {
                let UpdatedFields { details } = map.next_value()?;
                Updated { details }
            }
            Some("Deleted") => {
                let NoFields {} = map.next_value()?;
                WasDeleted {}
            }
            _ => return Err(M::Error::custom(unknown_variant::<D>(&name))),
        })
    }
}

/// The error that an enum with a variant for each event type would give.
fn unknown_variant<D: Details>(name: &str) -> String {
    let known = ["Created", "Updated", "Deleted"].map(|known| format!("`{}{known}`", D::NOUN));
    format!(
        "unknown variant `{name}`, expected one of {}",
        known.join(", ")
    )
}
