//! A program: how a message is sent or received, compiled to a flow at that time.
//! `Absent → Live → Deleted`.

use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use super::{Use, must_be_unused};
use crate::{
    Entity, Id, Owner, Patch, Refusal,
    flow::Flow,
    outreach::{ParametersPatch, ProgramKind, ProgramType},
    values::Line,
};

/// A program's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Program {
    stage: Stage,
    id: Option<Id<Program>>,
    owner: Option<Owner>,
    name: Option<Line>,
    kind: Option<ProgramKind>,
    parent_id: Option<Id<Program>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    #[default]
    Absent,
    Live,
    Deleted,
}
use Stage::{Absent, Deleted, Live};

/// The fields of a create or an update.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct ProgramPatch {
    pub name: Patch<Line>,
    pub parent_id: Patch<Id<Program>>,
    pub parameters: ParametersPatch,
}

/// A command to a program.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum ProgramCommand {
    Create {
        id: Id<Program>,
        owner: Owner,
        kind: ProgramType,
        /// The fields; the default name is that of the type.
        patch: Box<ProgramPatch>,
    },
    /// Changes the program. Transmissions that were sent before keep it as it was.
    Update(Box<ProgramPatch>),
    /// Deletes the program, unless it is in use.
    Delete(ProgramUses),
}

/// The uses of a program, according to the read models.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProgramUses {
    /// The number of its transmissions that have not ended.
    pub transmissions: i64,
    /// The number of accounts that are subscribed to it.
    pub accounts: i64,
    /// The number of its campaigns that have not ended.
    pub campaigns: i64,
}

/// An event of a program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum ProgramEvent {
    ProgramCreated {
        id: Id<Program>,
        owner: Owner,
        name: Line,
        kind: ProgramKind,
        parent_id: Option<Id<Program>>,
    },
    ProgramUpdated {
        name: Line,
        kind: ProgramKind,
        parent_id: Option<Id<Program>>,
    },
    ProgramDeleted {},
}
use ProgramEvent::{ProgramCreated, ProgramDeleted, ProgramUpdated};

impl Program {
    /// The type and parameters, once created.
    pub fn kind(&self) -> Option<&ProgramKind> {
        self.kind.as_ref()
    }

    /// The name, once created.
    pub fn name(&self) -> Option<&str> {
        self.name.as_ref().map(Line::as_str)
    }

    fn decide(&self, command: ProgramCommand) -> Result<Vec<ProgramEvent>, Refusal> {
        use ProgramCommand::{Create, Delete, Update};
        Ok(match (self.stage, command) {
            (
                Absent,
                Create {
                    id,
                    owner,
                    kind,
                    patch,
                },
            ) => {
                let mut name = own_name(kind)?;
                if let Patch::Set(given) = patch.name {
                    name = given;
                }
                let mut parent_id = None;
                patch.parent_id.apply(&mut parent_id);
                let kind = ProgramKind::new(kind, patch.parameters, id.subject())?;
                check_flow(id, &kind)?;
                vec![ProgramCreated {
                    id,
                    owner,
                    name,
                    kind,
                    parent_id,
                }]
            }
            (_, Create { .. }) => return Err(Refusal::AlreadyExists),
            (Live, Update(patch)) => self.updated(*patch)?,
            (Live, Delete(uses)) => {
                uses.check()?;
                vec![ProgramDeleted {}]
            }
            (Absent | Deleted, _) => return Err(Refusal::NotFound),
        })
    }

    fn updated(&self, patch: ProgramPatch) -> Result<Vec<ProgramEvent>, Refusal> {
        let (Some(id), Some(kind), Some(name)) = (self.id, &self.kind, &self.name) else {
            return Err(Refusal::NotFound);
        };
        let name = match patch.name {
            Patch::Keep => name.clone(),
            Patch::Clear => own_name(kind.kind())?,
            Patch::Set(name) => name,
        };
        let mut parent_id = self.parent_id;
        patch.parent_id.apply(&mut parent_id);
        if parent_id == Some(id) {
            return Err(Refusal::invalid("parent_id", "is the program itself"));
        }
        let kind = kind.patched(patch.parameters, id.subject())?;
        let same = (Some(&name), Some(&kind), parent_id)
            == (self.name.as_ref(), self.kind.as_ref(), self.parent_id);
        if same {
            return Ok(vec![]);
        }
        check_flow(id, &kind)?;
        Ok(vec![ProgramUpdated {
            name,
            kind,
            parent_id,
        }])
    }
}

/// The default name of a program of this type.
fn own_name(kind: ProgramType) -> Result<Line, Refusal> {
    let name = kind.as_str().parse();
    name.map_err(|_| Refusal::invalid("name", "is required"))
}

/// Checks the flow that the program compiles to. Programs of older events are not checked.
fn check_flow(id: Id<Program>, kind: &ProgramKind) -> Result<(), Refusal> {
    let checked = Flow::compile(id, kind, 1).check();
    checked.map_err(|flaw| Refusal::invalid("type", flaw.to_string()))
}

impl ProgramUses {
    /// Refuses the deletion of a program that is in use.
    fn check(self) -> Result<(), Refusal> {
        must_be_unused(&[
            Use {
                count: self.transmissions,
                one: "transmission of this program has not ended",
                many: "transmissions of this program have not ended",
            },
            Use {
                count: self.accounts,
                one: "account is subscribed to this program",
                many: "accounts are subscribed to this program",
            },
            Use {
                count: self.campaigns,
                one: "campaign of this program has not ended",
                many: "campaigns of this program have not ended",
            },
        ])
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
                id,
                owner,
                name,
                kind,
                parent_id,
            } => {
                self.stage = Live;
                self.id = Some(id);
                self.owner = Some(owner);
                self.name = Some(name);
                self.kind = Some(kind);
                self.parent_id = parent_id;
            }
            ProgramUpdated {
                name,
                kind,
                parent_id,
            } => {
                self.name = Some(name);
                self.kind = Some(kind);
                self.parent_id = parent_id;
            }
            ProgramDeleted {} => self.stage = Deleted,
        }
    }
}

impl DomainEvent for ProgramEvent {
    fn event_type(&self) -> String {
        match self {
            ProgramCreated { .. } => "ProgramCreated",
            ProgramUpdated { .. } => "ProgramUpdated",
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

    fn owner(&self) -> Option<Owner> {
        self.owner
    }
}

#[cfg(test)]
#[path = "program_tests.rs"]
mod tests;
