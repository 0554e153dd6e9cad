//! A group of contacts, which campaigns send to. `Absent → Live → Deleted`.
//!
//! Membership is recorded by the contacts (`ContactLinked`), so that the group's own history stays
//! short however many there are.

use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use crate::{
    Entity, Id, Owner, Patch, Refusal,
    outreach::{Use, must_be_unused},
    values::{Body, Line},
};

/// A group's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Group {
    stage: Stage,
    owner: Option<Owner>,
    name: Option<Line>,
    description: Option<Body>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    #[default]
    Absent,
    Live,
    Deleted,
}
use Stage::{Absent, Deleted, Live};

/// The fields of a new group, or a partial update.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct GroupPatch {
    pub name: Patch<Line>,
    pub description: Patch<Body>,
}

/// A command to a group.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum GroupCommand {
    Create {
        id: Id<Group>,
        owner: Owner,
        patch: GroupPatch,
    },
    Update(GroupPatch),
    /// `campaigns`: the number of campaigns of this group that have not ended, according to the
    /// read model.
    Delete {
        campaigns: i64,
    },
}

/// An event of a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum GroupEvent {
    GroupCreated {
        id: Id<Group>,
        owner: Owner,
        name: Line,
        description: Option<Body>,
    },
    GroupUpdated {
        name: Line,
        description: Option<Body>,
    },
    /// The group was deleted; its contacts are no longer in it.
    GroupDeleted {},
}
use GroupEvent::{GroupCreated, GroupDeleted, GroupUpdated};

impl Group {
    fn decide(&self, command: GroupCommand) -> Result<Vec<GroupEvent>, Refusal> {
        use GroupCommand::{Create, Delete, Update};
        Ok(match (self.stage, command) {
            (Absent, Create { id, owner, patch }) => {
                let (name, description) = self.patched(patch)?;
                vec![GroupCreated {
                    id,
                    owner,
                    name,
                    description,
                }]
            }
            (_, Create { .. }) => return Err(Refusal::AlreadyExists),
            (Live, Update(patch)) => {
                let (name, description) = self.patched(patch)?;
                if self.name.as_ref() == Some(&name) && self.description == description {
                    vec![]
                } else {
                    vec![GroupUpdated { name, description }]
                }
            }
            (Live, Delete { campaigns }) => {
                must_be_unused(&[Use {
                    count: campaigns,
                    one: "campaign of this group has not ended",
                    many: "campaigns of this group have not ended",
                }])?;
                vec![GroupDeleted {}]
            }
            (Absent | Deleted, _) => return Err(Refusal::NotFound),
        })
    }

    fn patched(&self, patch: GroupPatch) -> Result<(Line, Option<Body>), Refusal> {
        let (mut name, mut description) = (self.name.clone(), self.description.clone());
        patch.name.apply(&mut name);
        patch.description.apply(&mut description);
        let name = name.ok_or_else(|| Refusal::invalid("name", "is required"))?;
        Ok((name, description))
    }
}

impl Aggregate for Group {
    const TYPE: &'static str = "group";
    type Command = GroupCommand;
    type Event = GroupEvent;
    type Error = Refusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: GroupCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Refusal> {
        for event in self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: GroupEvent) {
        match event {
            GroupCreated {
                owner,
                name,
                description,
                ..
            } => {
                self.stage = Live;
                self.owner = Some(owner);
                (self.name, self.description) = (Some(name), description);
            }
            GroupUpdated { name, description } => {
                (self.name, self.description) = (Some(name), description);
            }
            GroupDeleted {} => self.stage = Deleted,
        }
    }
}

impl DomainEvent for GroupEvent {
    fn event_type(&self) -> String {
        match self {
            GroupCreated { .. } => "GroupCreated",
            GroupUpdated { .. } => "GroupUpdated",
            GroupDeleted {} => "GroupDeleted",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0.0".to_owned()
    }
}

impl Entity for Group {
    fn exists(&self) -> bool {
        self.stage == Live
    }

    fn owner(&self) -> Option<Owner> {
        self.owner
    }
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::{AggregateTestExecutor, TestFramework};

    use super::*;

    const FRIENDS: Id<Group> = Id::new(5);

    fn given(events: Vec<GroupEvent>) -> AggregateTestExecutor<Group> {
        TestFramework::with(()).given(events)
    }

    fn created() -> GroupEvent {
        GroupCreated {
            id: FRIENDS,
            owner: Owner::in_first_tenant(Id::new(1)),
            name: "Friends".parse().unwrap(),
            description: None,
        }
    }

    fn named(name: &str) -> GroupPatch {
        GroupPatch {
            name: Patch::Set(name.parse().unwrap()),
            ..GroupPatch::default()
        }
    }

    fn create(patch: GroupPatch) -> GroupCommand {
        GroupCommand::Create {
            id: FRIENDS,
            owner: Owner::in_first_tenant(Id::new(1)),
            patch,
        }
    }

    #[test]
    fn a_group_needs_a_name_and_keeps_one() {
        let refused = || Refusal::invalid("name", "is required");
        given(vec![])
            .when(create(GroupPatch::default()))
            .then_expect_error(refused());
        let clear = GroupPatch {
            name: Patch::Clear,
            ..GroupPatch::default()
        };
        given(vec![created()])
            .when(GroupCommand::Update(clear))
            .then_expect_error(refused());
    }

    #[test]
    fn a_group_is_made_once() {
        given(vec![])
            .when(create(named("Friends")))
            .then_expect_events(vec![created()]);
        given(vec![created()])
            .when(create(named("Friends")))
            .then_expect_error(Refusal::AlreadyExists);
    }

    #[test]
    fn the_same_name_again_says_nothing() {
        given(vec![created()])
            .when(GroupCommand::Update(named("Friends")))
            .then_expect_events(vec![]);
    }

    #[test]
    fn a_deleted_group_is_not_there() {
        given(vec![created(), GroupDeleted {}])
            .when(GroupCommand::Delete { campaigns: 0 })
            .then_expect_error(Refusal::NotFound);
    }

    #[test]
    fn a_group_that_a_campaign_is_to_reach_stays() {
        given(vec![created()])
            .when(GroupCommand::Delete { campaigns: 2 })
            .then_expect_error(Refusal::not_ready(
                "2 campaigns of this group have not ended",
            ));
    }
}
