//! A permission: a name that roles and users can hold. `Absent → Live`.

use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use crate::{Claim, Entity, Id, Refusal, values::Line};

/// A permission's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Permission {
    name: Option<Line>,
}

/// A command to a permission.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum PermissionCommand {
    Create {
        id: Id<Permission>,
        name: Line,
        description: Option<Line>,
    },
}

/// An event of a permission.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum PermissionEvent {
    PermissionCreated {
        id: Id<Permission>,
        name: Line,
        description: Option<Line>,
    },
}
use PermissionEvent::PermissionCreated;

impl Permission {
    /// The name, once created.
    pub fn name(&self) -> Option<&str> {
        self.name.as_ref().map(Line::as_str)
    }

    fn decide(&self, command: PermissionCommand) -> Result<Vec<PermissionEvent>, Refusal> {
        let PermissionCommand::Create {
            id,
            name,
            description,
        } = command;
        if self.exists() {
            return Err(Refusal::AlreadyExists);
        }
        let form = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !name.as_str().chars().all(form) {
            return Err(Refusal::invalid("name", "must consist of a-z, 0-9 and _"));
        }
        Ok(vec![PermissionCreated {
            id,
            name,
            description,
        }])
    }
}

impl Aggregate for Permission {
    const TYPE: &'static str = "permission";
    type Command = PermissionCommand;
    type Event = PermissionEvent;
    type Error = Refusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: PermissionCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Refusal> {
        for event in self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: PermissionEvent) {
        let PermissionCreated { name, .. } = event;
        self.name = Some(name);
    }
}

impl DomainEvent for PermissionEvent {
    fn event_type(&self) -> String {
        "PermissionCreated".to_owned()
    }

    fn event_version(&self) -> String {
        "1.0.0".to_owned()
    }
}

impl Entity for Permission {
    fn exists(&self) -> bool {
        self.name.is_some()
    }

    fn claims(&self) -> Vec<Claim> {
        let claim = |name: &Line| Claim {
            field: "name",
            scope: "permission.name",
            value: name.as_str().to_owned(),
        };
        self.name.iter().map(claim).collect()
    }
}
