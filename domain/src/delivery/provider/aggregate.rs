//! The state, decisions and event application of a provider.

use cqrs_es::{Aggregate, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use super::{ProviderCommand, ProviderDetails, ProviderEvent};
use crate::{Entity, Id, Owner, Refusal};

use super::ProviderEvent::{ProviderCreated, ProviderDeleted, ProviderUpdated};

/// A provider's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Provider {
    stage: Stage,
    id: Option<Id<Provider>>,
    details: Option<ProviderDetails>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    #[default]
    Absent,
    Live,
    Deleted,
}
use Stage::{Absent, Deleted, Live};

impl Provider {
    /// The details; `None` unless the provider exists.
    pub fn details(&self) -> Option<&ProviderDetails> {
        self.details.as_ref().filter(|_| self.stage == Live)
    }

    /// The id, once created.
    pub fn id(&self) -> Option<Id<Provider>> {
        self.id
    }

    fn decide(&self, command: ProviderCommand) -> Result<Vec<ProviderEvent>, Refusal> {
        use ProviderCommand::{Create, Delete, Update};
        Ok(match (self.stage, command) {
            (Absent, Create { id, tenant, patch }) => {
                let details = Box::new(ProviderDetails::new(tenant, *patch)?);
                vec![ProviderCreated { id, details }]
            }
            (_, Create { .. }) => return Err(Refusal::AlreadyExists),
            (Live, Update(patch)) => {
                let current = self.details.clone().ok_or(Refusal::NotFound)?;
                let details = Box::new(current.patched(*patch)?);
                if self.details.as_ref() == Some(details.as_ref()) {
                    vec![]
                } else {
                    vec![ProviderUpdated { details }]
                }
            }
            (Live, Delete) => vec![ProviderDeleted {}],
            (Absent | Deleted, _) => return Err(Refusal::NotFound),
        })
    }
}

impl Aggregate for Provider {
    const TYPE: &'static str = "provider";
    type Command = ProviderCommand;
    type Event = ProviderEvent;
    type Error = Refusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: ProviderCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Refusal> {
        for event in self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: ProviderEvent) {
        match event {
            ProviderCreated { id, details } => {
                self.stage = Live;
                self.id = Some(id);
                self.details = Some(*details);
            }
            ProviderUpdated { details } => self.details = Some(*details),
            ProviderDeleted {} => self.stage = Deleted,
        }
    }
}

impl Entity for Provider {
    fn exists(&self) -> bool {
        self.stage == Live
    }

    fn owner(&self) -> Option<Owner> {
        self.details.as_ref()?.tenant_id.map(Owner::whole)
    }
}
