//! A role: a named set of permissions. `Absent → Live → Deleted`.

use std::collections::BTreeSet;

use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use crate::{
    Claim, Entity, Id, Patch, Refusal,
    access::{Permission, role_name, vocabulary},
    values::Line,
};

/// A role's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Role {
    stage: Stage,
    name: Option<Line>,
    description: Option<Line>,
    permissions: BTreeSet<Id<Permission>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    #[default]
    Absent,
    Live,
    Deleted,
}
use Stage::{Absent, Deleted, Live};

/// A partial update of a role.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct RolePatch {
    pub name: Patch<Line>,
    pub description: Patch<Line>,
}

/// A command to a role.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum RoleCommand {
    Create {
        id: Id<Role>,
        name: Line,
        description: Option<Line>,
        permissions: BTreeSet<Id<Permission>>,
    },
    Update(RolePatch),
    Grant(Id<Permission>),
    Withdraw(Id<Permission>),
    /// `held`: true if a user holds the role, according to the read model.
    Delete {
        held: bool,
    },
}

/// An event of a role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum RoleEvent {
    RoleCreated {
        id: Id<Role>,
        name: Line,
        description: Option<Line>,
        permissions: BTreeSet<Id<Permission>>,
    },
    RoleUpdated {
        name: Line,
        description: Option<Line>,
    },
    RolePermissionGranted {
        permission_id: Id<Permission>,
    },
    RolePermissionWithdrawn {
        permission_id: Id<Permission>,
    },
    RoleDeleted {},
}
use RoleEvent::{
    RoleCreated, RoleDeleted, RolePermissionGranted, RolePermissionWithdrawn, RoleUpdated,
};

impl Role {
    /// The name, once created.
    pub fn name(&self) -> Option<&str> {
        self.name.as_ref().map(Line::as_str)
    }

    /// The permissions that the role holds.
    pub fn permissions(&self) -> &BTreeSet<Id<Permission>> {
        &self.permissions
    }

    fn decide(&self, command: RoleCommand) -> Result<Vec<RoleEvent>, Refusal> {
        use RoleCommand::{Create, Delete, Grant, Update, Withdraw};
        Ok(match (self.stage, command) {
            (
                Absent,
                Create {
                    id,
                    name,
                    description,
                    permissions,
                },
            ) => {
                role_name::check(&name)?;
                vec![RoleCreated {
                    id,
                    name,
                    description,
                    permissions,
                }]
            }
            (_, Create { .. }) => return Err(Refusal::AlreadyExists),
            (Live, Update(patch)) => self.update(patch)?,
            (Live, Grant(id)) if self.permissions.contains(&id) => vec![],
            (Live, Grant(permission_id)) => vec![RolePermissionGranted { permission_id }],
            (Live, Withdraw(id)) if !self.permissions.contains(&id) => {
                return Err(Refusal::NotFound);
            }
            (Live, Withdraw(_)) if self.is_admin() => return Err(admin_is_fixed()),
            (Live, Withdraw(permission_id)) => vec![RolePermissionWithdrawn { permission_id }],
            (Live, Delete { .. }) if self.is_admin() => return Err(admin_is_fixed()),
            (Live, Delete { held: true }) => {
                return Err(Refusal::not_ready("a user holds this role"));
            }
            (Live, Delete { held: false }) => vec![RoleDeleted {}],
            (Absent | Deleted, _) => return Err(Refusal::NotFound),
        })
    }

    fn update(&self, patch: RolePatch) -> Result<Vec<RoleEvent>, Refusal> {
        let mut name = self.name.clone().ok_or(Refusal::NotFound)?;
        let mut description = self.description.clone();
        if !patch.name.apply_required(&mut name) {
            return Err(Refusal::invalid("name", "is required"));
        }
        patch.description.apply(&mut description);
        if self.name.as_ref() != Some(&name) {
            role_name::check(&name)?;
        }
        if self.is_admin() && self.name.as_ref() != Some(&name) {
            return Err(admin_is_fixed());
        }
        let same = self.name.as_ref() == Some(&name) && self.description == description;
        Ok(if same {
            vec![]
        } else {
            vec![RoleUpdated { name, description }]
        })
    }

    fn is_admin(&self) -> bool {
        self.name() == Some(vocabulary::ADMIN)
    }
}

/// The refusal of a change that would leave the installation without a role with all permissions.
fn admin_is_fixed() -> Refusal {
    Refusal::not_ready("the role admin cannot be renamed, reduced or deleted")
}

impl Aggregate for Role {
    const TYPE: &'static str = "role";
    type Command = RoleCommand;
    type Event = RoleEvent;
    type Error = Refusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: RoleCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Refusal> {
        for event in self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: RoleEvent) {
        match event {
            RoleCreated {
                name,
                description,
                permissions,
                ..
            } => {
                self.stage = Live;
                self.name = Some(name);
                self.description = description;
                self.permissions = permissions;
            }
            RoleUpdated { name, description } => {
                self.name = Some(name);
                self.description = description;
            }
            RolePermissionGranted { permission_id } => {
                self.permissions.insert(permission_id);
            }
            RolePermissionWithdrawn { permission_id } => {
                self.permissions.remove(&permission_id);
            }
            RoleDeleted {} => self.stage = Deleted,
        }
    }
}

impl DomainEvent for RoleEvent {
    fn event_type(&self) -> String {
        match self {
            RoleCreated { .. } => "RoleCreated",
            RoleUpdated { .. } => "RoleUpdated",
            RolePermissionGranted { .. } => "RolePermissionGranted",
            RolePermissionWithdrawn { .. } => "RolePermissionWithdrawn",
            RoleDeleted {} => "RoleDeleted",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0.0".to_owned()
    }
}

impl Entity for Role {
    fn exists(&self) -> bool {
        self.stage == Live
    }

    fn claims(&self) -> Vec<Claim> {
        let claim = |name: &Line| Claim {
            field: "name",
            scope: "role.name",
            value: name.as_str().to_lowercase(),
        };
        self.name
            .iter()
            .filter(|_| self.exists())
            .map(claim)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::{AggregateTestExecutor, TestFramework};

    use super::*;

    fn created(name: &str) -> RoleEvent {
        RoleCreated {
            id: Id::new(1),
            name: name.parse().unwrap(),
            description: None,
            permissions: BTreeSet::from([Id::new(5)]),
        }
    }

    fn given(events: Vec<RoleEvent>) -> AggregateTestExecutor<Role> {
        TestFramework::with(()).given(events)
    }

    #[test]
    fn a_role_that_someone_holds_stays() {
        given(vec![created("desk")])
            .when(RoleCommand::Delete { held: true })
            .then_expect_error(Refusal::not_ready("a user holds this role"));
    }

    #[test]
    fn the_admin_role_keeps_its_permissions() {
        given(vec![created("admin")])
            .when(RoleCommand::Withdraw(Id::new(5)))
            .then_expect_error(admin_is_fixed());
    }
}
