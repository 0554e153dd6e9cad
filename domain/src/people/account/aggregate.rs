//! An account's state, what it decides, and how events change it.

use std::collections::{BTreeMap, BTreeSet};

use cqrs_es::{Aggregate, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use super::{AccountCommand, AccountEvent, AccountKind, AccountPatch, AccountProfile};
use crate::{
    Claim, Entity, Id, Personal, Refusal, Subject,
    access::User,
    outreach::{Program, SMS_SENDER, SenderId},
};

use super::AccountEvent::{
    AccountAssigned, AccountCreated, AccountDeactivated, AccountDeleted, AccountDissociated,
    AccountSettingCleared, AccountSettingSet, AccountSubscribed, AccountUnsubscribed,
    AccountUpdated,
};

/// An account's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Account {
    stage: Stage,
    id: Option<Id<Account>>,
    owner: Option<Id<User>>,
    kind: AccountKind,
    active: bool,
    profile: AccountProfile,
    programs: BTreeSet<Id<Program>>,
    settings: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    #[default]
    Absent,
    Live,
    Deleted,
}
use Stage::{Absent, Deleted, Live};

impl Account {
    /// Who it is.
    pub fn profile(&self) -> &AccountProfile {
        &self.profile
    }

    /// Whether it can be used.
    pub fn is_active(&self) -> bool {
        self.active
    }

    /// The programs it is subscribed to.
    pub fn programs(&self) -> &BTreeSet<Id<Program>> {
        &self.programs
    }

    /// A setting's value.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(String::as_str)
    }

    fn decide(&self, command: AccountCommand) -> Result<Vec<AccountEvent>, Refusal> {
        use AccountCommand::{
            Assign, ClearSetting, Create, Deactivate, Delete, Dissociate, SetSetting, Subscribe,
            Unsubscribe, UnsubscribeAll, Update,
        };
        Ok(match (self.stage, command) {
            (Absent, Create { id, owner, patch }) => {
                let next = Self::default().patched(patch)?;
                vec![AccountCreated {
                    id,
                    owner,
                    kind: next.kind,
                    active: next.active,
                    profile: Personal::of(id.subject(), next.profile),
                }]
            }
            (_, Create { .. }) => return Err(Refusal::AlreadyExists),
            (Live, Update(patch)) => {
                let next = self.clone().patched(patch)?;
                if next == *self {
                    vec![]
                } else {
                    vec![AccountUpdated {
                        kind: next.kind,
                        active: next.active,
                        profile: Personal::of(self.subject()?, next.profile),
                    }]
                }
            }
            (Live, Subscribe(id)) if self.programs.contains(&id) => vec![],
            (Live, Subscribe(program_id)) => vec![AccountSubscribed { program_id }],
            (Live, Unsubscribe(id)) if !self.programs.contains(&id) => {
                return Err(Refusal::NotFound);
            }
            (Live, Unsubscribe(program_id)) => vec![AccountUnsubscribed { program_id }],
            (Live, UnsubscribeAll) => self.unsubscribed(),
            (Live, Assign(owner)) if self.owner == Some(owner) => vec![],
            (Live, Assign(owner)) => {
                let mut events = self.unsubscribed();
                events.push(AccountAssigned { owner });
                events
            }
            (Live, Dissociate) if self.owner.is_none() => vec![],
            (Live, Dissociate) => {
                let mut events = self.unsubscribed();
                events.push(AccountDissociated {});
                events
            }
            (Live, Deactivate { .. }) if !self.active => vec![],
            (Live, Deactivate { reason }) => vec![AccountDeactivated { reason }],
            (Live, SetSetting { name, value }) if self.setting(&name) == Some(&value) => vec![],
            (Live, SetSetting { name, value }) => {
                if name == SMS_SENDER {
                    let sender = value.parse::<SenderId>();
                    sender.map_err(|reason| Refusal::invalid(SMS_SENDER, reason))?;
                }
                vec![AccountSettingSet {
                    name,
                    value: Personal::of(self.subject()?, value),
                }]
            }
            (Live, ClearSetting { name }) if self.settings.contains_key(&name) => {
                vec![AccountSettingCleared { name }]
            }
            (Live, ClearSetting { .. }) => return Err(Refusal::NotFound),
            (Live, Delete) => vec![AccountDeleted {}],
            (Absent | Deleted, _) => return Err(Refusal::NotFound),
        })
    }

    fn subject(&self) -> Result<Subject, Refusal> {
        self.id.map(Id::subject).ok_or(Refusal::NotFound)
    }

    fn unsubscribed(&self) -> Vec<AccountEvent> {
        let programs = self.programs.iter();
        programs
            .map(|&program_id| AccountUnsubscribed { program_id })
            .collect()
    }

    fn patched(mut self, patch: AccountPatch) -> Result<Self, Refusal> {
        let profile = &mut self.profile;
        patch.username.apply(&mut profile.username);
        patch.passwd.apply(&mut profile.passwd);
        patch.passwd_pin.apply(&mut profile.passwd_pin);
        patch.first_name.apply(&mut profile.first_name);
        patch.last_name.apply(&mut profile.last_name);
        patch.phone.apply(&mut profile.phone);
        patch.email.apply(&mut profile.email);
        patch.address.apply(&mut profile.address);
        patch.timezone.apply(&mut profile.timezone);
        if profile.username.is_none() {
            return Err(Refusal::invalid("username", "is required"));
        }
        if !patch.kind.apply_required(&mut self.kind) {
            return Err(Refusal::invalid("type", "must not be null"));
        }
        if !patch.active.apply_required(&mut self.active) {
            return Err(Refusal::invalid("active", "must not be null"));
        }
        Ok(self)
    }
}

impl Aggregate for Account {
    const TYPE: &'static str = "account";
    type Command = AccountCommand;
    type Event = AccountEvent;
    type Error = Refusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: AccountCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Refusal> {
        for event in self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: AccountEvent) {
        match event {
            AccountCreated {
                id,
                owner,
                kind,
                active,
                profile,
            } => {
                self.stage = Live;
                self.id = Some(id);
                self.owner = Some(owner);
                self.kind = kind;
                self.active = active;
                self.profile = profile.into_inner().unwrap_or_default();
            }
            AccountUpdated {
                kind,
                active,
                profile,
            } => {
                self.kind = kind;
                self.active = active;
                self.profile = profile.into_inner().unwrap_or_default();
            }
            AccountSubscribed { program_id } => {
                self.programs.insert(program_id);
            }
            AccountUnsubscribed { program_id } => {
                self.programs.remove(&program_id);
            }
            AccountAssigned { owner } => self.owner = Some(owner),
            AccountDissociated {} => self.owner = None,
            AccountDeactivated { .. } => self.active = false,
            AccountSettingSet { name, value } => {
                self.settings
                    .insert(name, value.into_inner().unwrap_or_default());
            }
            AccountSettingCleared { name } => {
                self.settings.remove(&name);
            }
            AccountDeleted {} => self.stage = Deleted,
        }
    }
}

impl Entity for Account {
    fn exists(&self) -> bool {
        self.stage == Live
    }

    fn owner(&self) -> Option<Id<User>> {
        self.owner
    }

    fn claims(&self) -> Vec<Claim> {
        let name = self.profile.username.as_ref().filter(|_| self.exists());
        name.map(|name| Claim {
            field: "username",
            scope: match self.kind {
                AccountKind::Account => "account.account",
                AccountKind::Did => "account.did",
                AccountKind::Extension => "account.extension",
                AccountKind::Eaddress => "account.eaddress",
            },
            value: name.as_str().to_lowercase(),
        })
        .into_iter()
        .collect()
    }
}
