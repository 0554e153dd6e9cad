//! An opt-out: an address that its owner no longer sends to. `Absent → Live → Removed`.
//!
//! An address is listed once for each owner and channel: an opt-out claims its fingerprint, a keyed
//! hash that is calculated outside and travels in the command, because the list of claims is not
//! encrypted.

use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use super::optout_words::{Address, Channel, OptOutSource};
use crate::{Claim, Entity, Id, Owner, Patch, Personal, Refusal, values::Line};

/// An opt-out's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OptOut {
    stage: Stage,
    owner: Option<Owner>,
    channel: Channel,
    fingerprint: String,
    reason: Option<Line>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    #[default]
    Absent,
    Live,
    Removed,
}
use Stage::{Absent, Live, Removed};

/// A partial update of an opt-out. Address and channel cannot change: a client may repeat them, and
/// another address or channel needs another opt-out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct OptOutPatch {
    pub reason: Patch<Line>,
    pub channel: Option<Channel>,
    pub fingerprint: Option<String>,
}

/// A command to an opt-out.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum OptOutCommand {
    Add {
        id: Id<OptOut>,
        owner: Owner,
        channel: Channel,
        address: Address,
        fingerprint: String,
        reason: Option<Line>,
        source: OptOutSource,
    },
    Update(OptOutPatch),
    Remove,
}

/// An event of an opt-out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum OptOutEvent {
    OptOutAdded {
        id: Id<OptOut>,
        owner: Owner,
        channel: Channel,
        address: Personal<String>,
        fingerprint: String,
        reason: Option<Line>,
        source: OptOutSource,
    },
    OptOutChanged {
        reason: Option<Line>,
    },
    /// The owner may send to the address again, and list it again.
    OptOutRemoved {},
}
use OptOutEvent::{OptOutAdded, OptOutChanged, OptOutRemoved};

impl OptOut {
    /// The channel that is closed.
    pub fn channel(&self) -> Channel {
        self.channel
    }

    /// The claim on this fingerprint; its holder is the opt-out.
    pub fn claim(fingerprint: String) -> Claim {
        Claim {
            field: "address",
            scope: "optout",
            value: fingerprint,
        }
    }

    fn decide(&self, command: OptOutCommand) -> Result<Vec<OptOutEvent>, Refusal> {
        use OptOutCommand::{Add, Remove, Update};
        Ok(match (self.stage, command) {
            (
                Absent,
                Add {
                    channel, address, ..
                },
            ) if !channel.takes(&address) => {
                return Err(Refusal::invalid("address", channel.wanted()));
            }
            (
                Absent,
                Add {
                    id,
                    owner,
                    channel,
                    address,
                    fingerprint,
                    reason,
                    source,
                },
            ) => vec![OptOutAdded {
                id,
                owner,
                channel,
                address: Personal::new(id.subject(), address.into()),
                fingerprint,
                reason,
                source,
            }],
            (_, Add { .. }) => return Err(Refusal::AlreadyExists),
            (Live, Update(patch)) => {
                let reason = self.patched(patch)?;
                if reason == self.reason {
                    vec![]
                } else {
                    vec![OptOutChanged { reason }]
                }
            }
            (Live, Remove) => vec![OptOutRemoved {}],
            (Absent | Removed, _) => return Err(Refusal::NotFound),
        })
    }

    fn patched(&self, patch: OptOutPatch) -> Result<Option<Line>, Refusal> {
        const FIXED: &str = "cannot be changed; list another one";
        if patch.channel.is_some_and(|it| it != self.channel) {
            return Err(Refusal::invalid("channel", FIXED));
        }
        if patch.fingerprint.is_some_and(|it| it != self.fingerprint) {
            return Err(Refusal::invalid("address", FIXED));
        }
        let mut reason = self.reason.clone();
        patch.reason.apply(&mut reason);
        Ok(reason)
    }
}

impl Aggregate for OptOut {
    const TYPE: &'static str = "optout";
    type Command = OptOutCommand;
    type Event = OptOutEvent;
    type Error = Refusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: OptOutCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Refusal> {
        for event in self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: OptOutEvent) {
        match event {
            OptOutAdded {
                owner,
                channel,
                fingerprint,
                reason,
                ..
            } => {
                self.stage = Live;
                self.owner = Some(owner);
                (self.channel, self.fingerprint) = (channel, fingerprint);
                self.reason = reason;
            }
            OptOutChanged { reason } => self.reason = reason,
            OptOutRemoved {} => self.stage = Removed,
        }
    }
}

impl DomainEvent for OptOutEvent {
    fn event_type(&self) -> String {
        match self {
            OptOutAdded { .. } => "OptOutAdded",
            OptOutChanged { .. } => "OptOutChanged",
            OptOutRemoved {} => "OptOutRemoved",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0.0".to_owned()
    }
}

impl Entity for OptOut {
    fn exists(&self) -> bool {
        self.stage == Live
    }

    fn owner(&self) -> Option<Owner> {
        self.owner
    }

    fn claims(&self) -> Vec<Claim> {
        if self.exists() {
            vec![Self::claim(self.fingerprint.clone())]
        } else {
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::{AggregateTestExecutor, TestFramework};

    use super::*;

    const LISTED: Id<OptOut> = Id::new(5);

    fn given(events: Vec<OptOutEvent>) -> AggregateTestExecutor<OptOut> {
        TestFramework::with(()).given(events)
    }

    fn added() -> OptOutEvent {
        OptOutAdded {
            id: LISTED,
            owner: Owner::in_first_tenant(Id::new(1)),
            channel: Channel::Sms,
            address: Personal::new(LISTED.subject(), "+15550100".into()),
            fingerprint: "f1".into(),
            reason: "asked".parse().ok(),
            source: OptOutSource::Api,
        }
    }

    fn add(channel: Channel, address: &str) -> OptOutCommand {
        OptOutCommand::Add {
            id: LISTED,
            owner: Owner::in_first_tenant(Id::new(1)),
            channel,
            address: address.parse().unwrap(),
            fingerprint: "f1".into(),
            reason: "asked".parse().ok(),
            source: OptOutSource::Api,
        }
    }

    fn update(patch: OptOutPatch) -> OptOutCommand {
        OptOutCommand::Update(patch)
    }

    #[test]
    fn an_address_is_listed_once_and_as_it_was_written() {
        given(vec![])
            .when(add(Channel::Sms, "+1 555-0100"))
            .then_expect_events(vec![added()]);
        given(vec![added()])
            .when(add(Channel::Sms, "+15550100"))
            .then_expect_error(Refusal::AlreadyExists);
    }

    #[test]
    fn an_address_fits_its_channel() {
        for (channel, address) in [
            (Channel::Sms, "a@example.com"),
            (Channel::Voice, "a@example.com"),
            (Channel::Fax, "a@example.com"),
            (Channel::Email, "+15550100"),
        ] {
            given(vec![])
                .when(add(channel, address))
                .then_expect_error(Refusal::invalid("address", channel.wanted()));
        }
    }

    #[test]
    fn only_the_reason_changes() {
        let reason = |reason: Patch<Line>| OptOutPatch {
            reason,
            channel: Some(Channel::Sms),
            fingerprint: Some("f1".into()),
        };
        given(vec![added()])
            .when(update(reason(Patch::Clear)))
            .then_expect_events(vec![OptOutChanged { reason: None }]);
        given(vec![added()])
            .when(update(reason(Patch::Set("asked".parse().unwrap()))))
            .then_expect_events(vec![]);
        let fixed = |field| Refusal::invalid(field, "cannot be changed; list another one");
        given(vec![added()])
            .when(update(OptOutPatch {
                channel: Some(Channel::Any),
                ..OptOutPatch::default()
            }))
            .then_expect_error(fixed("channel"));
        given(vec![added()])
            .when(update(OptOutPatch {
                fingerprint: Some("f2".into()),
                ..OptOutPatch::default()
            }))
            .then_expect_error(fixed("address"));
    }

    #[test]
    fn one_that_is_removed_claims_nothing_and_is_not_there() {
        let mut optout = OptOut::default();
        assert_eq!(optout.claims(), vec![]);
        optout.apply(added());
        assert_eq!(optout.claims(), vec![OptOut::claim("f1".into())]);
        optout.apply(OptOutRemoved {});
        assert_eq!(optout.claims(), vec![]);
        given(vec![added(), OptOutRemoved {}])
            .when(OptOutCommand::Remove)
            .then_expect_error(Refusal::NotFound);
    }
}
