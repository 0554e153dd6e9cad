//! An account: the identity under which one sends and is reached, such as a
//! number, an extension or an address. `Absent → Live → Deleted`.

use std::collections::{BTreeMap, BTreeSet};

use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use crate::{
    Claim, Entity, Id, Patch, Personal, Refusal, Subject,
    access::User,
    outreach::Program,
    values::{EmailAddress, Line, PhoneNumber, Sealed},
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

/// What an account stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountKind {
    /// A person or desk, reached by whatever it has.
    #[default]
    Account,
    /// A direct inward dialling number.
    Did,
    /// A SIP extension.
    Extension,
    /// An email address.
    Eaddress,
}

impl AccountKind {
    /// The documented word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Did => "did",
            Self::Extension => "extension",
            Self::Eaddress => "eaddress",
        }
    }

    /// The kind that this word names.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Account, Self::Did, Self::Extension, Self::Eaddress]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }
}

/// Who an account is; all of it personal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct AccountProfile {
    pub username: Option<Line>,
    pub passwd: Option<Sealed>,
    pub passwd_pin: Option<Sealed>,
    pub first_name: Option<Line>,
    pub last_name: Option<Line>,
    pub phone: Option<PhoneNumber>,
    pub email: Option<EmailAddress>,
    pub address: Option<Line>,
}

/// What an update changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct AccountPatch {
    pub username: Patch<Line>,
    pub passwd: Patch<Sealed>,
    pub passwd_pin: Patch<Sealed>,
    pub first_name: Patch<Line>,
    pub last_name: Patch<Line>,
    pub phone: Patch<PhoneNumber>,
    pub email: Patch<EmailAddress>,
    pub address: Patch<Line>,
    pub kind: Patch<AccountKind>,
    pub active: Patch<bool>,
}

/// What one can ask of an account.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum AccountCommand {
    Create {
        id: Id<Account>,
        owner: Id<User>,
        patch: AccountPatch,
    },
    Update(AccountPatch),
    /// Enables it for inbound transmissions of a program.
    Subscribe(Id<Program>),
    Unsubscribe(Id<Program>),
    UnsubscribeAll,
    /// Gives it to a user; its subscriptions, made by the last owner, end.
    Assign(Id<User>),
    /// Takes it from its owner; nobody's until it is assigned again.
    Dissociate,
    SetSetting {
        name: String,
        value: String,
    },
    ClearSetting {
        name: String,
    },
    Delete,
}

/// What happened to an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum AccountEvent {
    AccountCreated {
        id: Id<Account>,
        owner: Id<User>,
        kind: AccountKind,
        active: bool,
        profile: Personal<AccountProfile>,
    },
    AccountUpdated {
        kind: AccountKind,
        active: bool,
        profile: Personal<AccountProfile>,
    },
    AccountSubscribed {
        program_id: Id<Program>,
    },
    AccountUnsubscribed {
        program_id: Id<Program>,
    },
    AccountAssigned {
        owner: Id<User>,
    },
    AccountDissociated {},
    AccountSettingSet {
        name: String,
        value: Personal<String>,
    },
    AccountSettingCleared {
        name: String,
    },
    AccountDeleted {},
}
use AccountEvent::{
    AccountAssigned, AccountCreated, AccountDeleted, AccountDissociated, AccountSettingCleared,
    AccountSettingSet, AccountSubscribed, AccountUnsubscribed, AccountUpdated,
};

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
            Assign, ClearSetting, Create, Delete, Dissociate, SetSetting, Subscribe, Unsubscribe,
            UnsubscribeAll, Update,
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
            (Live, SetSetting { name, value }) if self.setting(&name) == Some(&value) => vec![],
            (Live, SetSetting { name, value }) => vec![AccountSettingSet {
                name,
                value: Personal::of(self.subject()?, value),
            }],
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

impl DomainEvent for AccountEvent {
    fn event_type(&self) -> String {
        match self {
            AccountCreated { .. } => "AccountCreated",
            AccountUpdated { .. } => "AccountUpdated",
            AccountSubscribed { .. } => "AccountSubscribed",
            AccountUnsubscribed { .. } => "AccountUnsubscribed",
            AccountAssigned { .. } => "AccountAssigned",
            AccountDissociated {} => "AccountDissociated",
            AccountSettingSet { .. } => "AccountSettingSet",
            AccountSettingCleared { .. } => "AccountSettingCleared",
            AccountDeleted {} => "AccountDeleted",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0.0".to_owned()
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

#[cfg(test)]
mod tests {
    use cqrs_es::test::{AggregateTestExecutor, TestFramework};

    use super::*;

    const DESK: Id<Account> = Id::new(3);

    fn created() -> AccountEvent {
        AccountCreated {
            id: DESK,
            owner: Id::new(1),
            kind: AccountKind::Account,
            active: true,
            profile: Personal::of(
                DESK.subject(),
                AccountProfile {
                    username: "desk".parse().ok(),
                    ..AccountProfile::default()
                },
            ),
        }
    }

    fn given(events: Vec<AccountEvent>) -> AggregateTestExecutor<Account> {
        TestFramework::with(()).given(events)
    }

    #[test]
    fn a_new_owner_starts_without_the_old_ones_subscriptions() {
        let program_id = Id::new(9);
        given(vec![created(), AccountSubscribed { program_id }])
            .when(AccountCommand::Assign(Id::new(2)))
            .then_expect_events(vec![
                AccountUnsubscribed { program_id },
                AccountAssigned { owner: Id::new(2) },
            ]);
    }

    #[test]
    fn an_account_needs_a_username() {
        given(vec![])
            .when(AccountCommand::Create {
                id: DESK,
                owner: Id::new(1),
                patch: AccountPatch::default(),
            })
            .then_expect_error(Refusal::invalid("username", "is required"));
    }

    #[test]
    fn a_deleted_account_gives_its_name_back() {
        let mut account = Account::default();
        account.apply(created());
        assert_eq!(account.claims().len(), 1);
        account.apply(AccountDeleted {});
        assert_eq!(account.claims(), vec![]);
    }
}
