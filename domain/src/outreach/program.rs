//! A program: what is done with a message, compiled to a flow when it is sent.
//! `Absent → Live → Deleted`.

use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use crate::{
    Entity, Id, Refusal, access::User, flow::Service, outreach::Template, people::Account,
    values::Line,
};

/// A program's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Program {
    stage: Stage,
    owner: Option<Id<User>>,
    name: Option<Line>,
    kind: Option<ProgramKind>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    #[default]
    Absent,
    Live,
    Deleted,
}
use Stage::{Absent, Deleted, Live};

/// The types of program, each with what it needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ProgramKind {
    /// Sends a template as an email.
    SendEmail {
        /// What is sent.
        template_id: Id<Template>,
        /// For whom it was made, where the client says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account_id: Option<Id<Account>>,
    },
}

impl ProgramKind {
    /// The documented type word.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::SendEmail { .. } => "sendemail",
        }
    }

    /// The service it needs a provider for.
    pub const fn service(&self) -> Service {
        match self {
            Self::SendEmail { .. } => Service::Email,
        }
    }
}

/// What one can ask of a program.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum ProgramCommand {
    Create {
        id: Id<Program>,
        owner: Id<User>,
        /// Its type's name where the client gives none.
        name: Option<Line>,
        kind: ProgramKind,
        parent_id: Option<Id<Program>>,
    },
    /// `open`: how many transmissions of it have not ended, as the read model knew.
    Delete { open: i64 },
}

/// What happened to a program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum ProgramEvent {
    ProgramCreated {
        id: Id<Program>,
        owner: Id<User>,
        name: Line,
        kind: ProgramKind,
        parent_id: Option<Id<Program>>,
    },
    ProgramDeleted {},
}
use ProgramEvent::{ProgramCreated, ProgramDeleted};

impl Program {
    /// What it does.
    pub fn kind(&self) -> Option<&ProgramKind> {
        self.kind.as_ref()
    }

    /// What it is called.
    pub fn name(&self) -> Option<&str> {
        self.name.as_ref().map(Line::as_str)
    }

    fn decide(&self, command: ProgramCommand) -> Result<Vec<ProgramEvent>, Refusal> {
        use ProgramCommand::{Create, Delete};
        Ok(match (self.stage, command) {
            (
                Absent,
                Create {
                    id,
                    owner,
                    name,
                    kind,
                    parent_id,
                },
            ) => {
                let own = || kind.name().parse();
                let name = name.map_or_else(own, Ok);
                let name = name.map_err(|_| Refusal::invalid("name", "is required"))?;
                vec![ProgramCreated {
                    id,
                    owner,
                    name,
                    kind,
                    parent_id,
                }]
            }
            (_, Create { .. }) => return Err(Refusal::AlreadyExists),
            (Live, Delete { open: 0 }) => vec![ProgramDeleted {}],
            (Live, Delete { open }) => {
                return Err(Refusal::not_ready(format!(
                    "{open} transmissions of this program have not ended"
                )));
            }
            (Absent | Deleted, _) => return Err(Refusal::NotFound),
        })
    }
}

impl Aggregate for Program {
    const TYPE: &'static str = "program";
    type Command = ProgramCommand;
    type Event = ProgramEvent;
    type Error = Refusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: ProgramCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Refusal> {
        for event in self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: ProgramEvent) {
        match event {
            ProgramCreated {
                owner, name, kind, ..
            } => {
                self.stage = Live;
                self.owner = Some(owner);
                self.name = Some(name);
                self.kind = Some(kind);
            }
            ProgramDeleted {} => self.stage = Deleted,
        }
    }
}

impl DomainEvent for ProgramEvent {
    fn event_type(&self) -> String {
        match self {
            ProgramCreated { .. } => "ProgramCreated",
            ProgramDeleted {} => "ProgramDeleted",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0.0".to_owned()
    }
}

impl Entity for Program {
    fn exists(&self) -> bool {
        self.stage == Live
    }

    fn owner(&self) -> Option<Id<User>> {
        self.owner
    }
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::TestFramework;

    use super::*;

    const KIND: ProgramKind = ProgramKind::SendEmail {
        template_id: Id::new(2),
        account_id: None,
    };

    fn created() -> ProgramEvent {
        ProgramCreated {
            id: Id::new(1),
            owner: Id::new(1),
            name: "sendemail".parse().unwrap(),
            kind: KIND,
            parent_id: None,
        }
    }

    #[test]
    fn a_program_without_a_name_is_called_by_its_type() {
        TestFramework::<Program>::with(())
            .given(vec![])
            .when(ProgramCommand::Create {
                id: Id::new(1),
                owner: Id::new(1),
                name: None,
                kind: KIND,
                parent_id: None,
            })
            .then_expect_events(vec![created()]);
    }

    #[test]
    fn a_program_in_use_is_not_deleted() {
        TestFramework::<Program>::with(())
            .given(vec![created()])
            .when(ProgramCommand::Delete { open: 3 })
            .then_expect_error(Refusal::not_ready(
                "3 transmissions of this program have not ended",
            ));
    }
}
