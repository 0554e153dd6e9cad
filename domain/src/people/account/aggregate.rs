//! The state, decisions and event application of an account.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use cqrs_es::{Aggregate, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use super::{
    AccountCommand, AccountEvent, AccountKind, AccountProfile, AddressField, AddressGrant,
    DidDetails, ExtensionDetails,
    addresses::{Addresses, CODE_LIFETIME, must_have},
};
use crate::{
    Claim, Entity, Id, Owner, Personal, Refusal, Subject,
    outreach::{Program, SMS_SENDER, SenderId},
};

use super::AccountEvent::{
    AccountAddressAssigned, AccountAddressProvided, AccountAddressReleased,
    AccountAddressRelinquished, AccountAddressVerified, AccountAssigned, AccountCreated,
    AccountDeactivated, AccountDeleted, AccountDidChanged, AccountDissociated,
    AccountExtensionChanged, AccountSecretRead, AccountSettingCleared, AccountSettingSet,
    AccountSubscribed, AccountUnsubscribed, AccountUpdated, AccountVerificationFailed,
    AccountVerificationStarted,
};

/// An account's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Account {
    stage: Stage,
    id: Option<Id<Account>>,
    owner: Option<Owner>,
    pub(super) kind: AccountKind,
    pub(super) active: bool,
    pub(super) profile: AccountProfile,
    programs: BTreeSet<Id<Program>>,
    settings: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) addresses: Addresses,
    #[serde(default)]
    pub(super) extension: ExtensionDetails,
    #[serde(default)]
    pub(super) did: DidDetails,
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
    /// The personal details.
    pub fn profile(&self) -> &AccountProfile {
        &self.profile
    }

    /// The type.
    pub fn kind(&self) -> AccountKind {
        self.kind
    }

    /// The details of an extension.
    pub fn extension(&self) -> &ExtensionDetails {
        &self.extension
    }

    /// The details of a DID.
    pub fn did(&self) -> &DidDetails {
        &self.did
    }

    /// True if the account is active.
    pub fn is_active(&self) -> bool {
        self.active
    }

    /// The programs that the account is subscribed to.
    pub fn programs(&self) -> &BTreeSet<Id<Program>> {
        &self.programs
    }

    /// The value of a setting.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(String::as_str)
    }

    /// The address in this field.
    pub fn address(&self, field: AddressField) -> Option<&str> {
        field.value(&self.profile)
    }

    /// The right to use the address in this field, if there is one.
    pub fn grant(&self, field: AddressField) -> Option<&AddressGrant> {
        self.addresses.grant(field)
    }

    /// True if the account may send as the address in this field at this moment.
    pub fn may_send_as(&self, field: AddressField, at: DateTime<Utc>) -> bool {
        self.grant(field).is_some_and(|grant| grant.is_valid(at))
    }

    /// The challenge of the code that is awaited for the address in this field.
    pub fn challenge(&self, field: AddressField, at: DateTime<Utc>) -> Option<&str> {
        self.addresses.challenge(field, at)
    }

    fn decide(&self, command: AccountCommand) -> Result<Vec<AccountEvent>, Refusal> {
        use AccountCommand::{
            Abandon, Assign, AssignAddress, ClearSetting, ConfirmVerification, Create, Deactivate,
            Delete, Dissociate, ProvideAddress, ReadSecret, RelinquishAddress, SetSetting,
            StartVerification, Subscribe, Unsubscribe, UnsubscribeAll, Update,
        };
        Ok(match (self.stage, command) {
            (
                Absent,
                Create {
                    id,
                    owner,
                    patch,
                    assigned,
                },
            ) => self.created(id, owner, patch, assigned)?,
            (_, Create { .. }) => return Err(Refusal::AlreadyExists),
            (
                Live,
                Update {
                    patch,
                    assigned,
                    at,
                },
            ) => self.updated(patch, assigned, at)?,
            (Live, AssignAddress(assignment)) => {
                self.addresses.assign_all(&self.profile, vec![assignment])?
            }
            (Live, ProvideAddress { assignment, until }) => {
                let provided = self.addresses.provide(&self.profile, assignment, until)?;
                provided.into_iter().collect()
            }
            (
                Live,
                StartVerification {
                    field,
                    address,
                    fingerprint,
                    challenge,
                    at,
                },
            ) => {
                must_have(&self.profile, field, &address)?;
                vec![AccountVerificationStarted {
                    field,
                    fingerprint,
                    challenge,
                    expires_at: at + CODE_LIFETIME,
                }]
            }
            (
                Live,
                ConfirmVerification {
                    field,
                    challenge,
                    matches,
                    at,
                },
            ) => vec![self.addresses.confirm(field, &challenge, matches, at)?],
            (
                Live | Deleted,
                RelinquishAddress {
                    field,
                    fingerprint,
                    at,
                    freely,
                },
            ) => self.addresses.relinquish(field, &fingerprint, at, freely)?,
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
            (Live, Dissociate) if self.owning_user().is_none() => vec![],
            (Live, Dissociate) => {
                let mut events = self.unsubscribed();
                events.push(AccountDissociated {});
                events
            }
            (Live, Deactivate { .. }) if !self.active => vec![],
            (Live, Deactivate { reason }) => vec![AccountDeactivated { reason }],
            (Live, Abandon { reason, at }) => {
                let mut events = self.addresses.released(at);
                events.extend(self.active.then_some(AccountDeactivated { reason }));
                events
            }
            (Live, SetSetting { name, value }) if self.setting(&name) == Some(&value) => vec![],
            (Live, SetSetting { name, value }) => {
                if name == SMS_SENDER {
                    let sender = value.parse::<SenderId>();
                    sender.map_err(|reason| Refusal::invalid(SMS_SENDER, reason))?;
                }
                vec![AccountSettingSet {
                    name,
                    value: Personal::new(self.subject()?, value),
                }]
            }
            (Live, ClearSetting { name }) if self.settings.contains_key(&name) => {
                vec![AccountSettingCleared { name }]
            }
            (Live, ClearSetting { .. }) => return Err(Refusal::NotFound),
            (Live, ReadSecret) => {
                self.profile.passwd.as_ref().ok_or(Refusal::NotFound)?;
                vec![AccountSecretRead {}]
            }
            (Live, Delete { at, uses }) => {
                uses.check()?;
                let mut events = self.addresses.released(at);
                events.push(AccountDeleted {});
                events
            }
            (Absent | Deleted, _) => return Err(Refusal::NotFound),
        })
    }

    /// The claim on an extension's number, which is unique within its tenant.
    fn number_claim(&self) -> Option<Claim> {
        let number = self.extension.number.as_ref().filter(|_| self.exists())?;
        Some(Claim {
            field: "number",
            scope: "extension.number",
            value: format!("{}:{number}", self.owner?.tenant),
        })
    }

    pub(super) fn subject(&self) -> Result<Subject, Refusal> {
        self.id.map(Id::subject).ok_or(Refusal::NotFound)
    }

    fn unsubscribed(&self) -> Vec<AccountEvent> {
        let programs = self.programs.iter();
        programs
            .map(|&program_id| AccountUnsubscribed { program_id })
            .collect()
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
                let profile = profile.into_inner().unwrap_or_default();
                self.addresses.profile_changed(&self.profile, &profile);
                let mut next = std::mem::take(self).of_kind(kind);
                next.active = active;
                next.profile = profile;
                *self = next;
            }
            AccountExtensionChanged { extension } => {
                self.extension = extension.into_inner().unwrap_or_default();
            }
            AccountDidChanged { did } => self.did = did.into_inner().unwrap_or_default(),
            AccountSecretRead {} => {}
            AccountSubscribed { program_id } => {
                self.programs.insert(program_id);
            }
            AccountUnsubscribed { program_id } => {
                self.programs.remove(&program_id);
            }
            AccountAssigned { owner } => self.owner = Some(owner),
            AccountDissociated {} => self.owner = self.owner.map(|it| Owner::whole(it.tenant)),
            AccountDeactivated { .. } => self.active = false,
            AccountSettingSet { name, value } => {
                self.settings
                    .insert(name, value.into_inner().unwrap_or_default());
            }
            AccountSettingCleared { name } => {
                self.settings.remove(&name);
            }
            event @ (AccountAddressVerified { .. }
            | AccountAddressAssigned { .. }
            | AccountAddressProvided { .. }
            | AccountAddressReleased { .. }
            | AccountAddressRelinquished { .. }
            | AccountVerificationStarted { .. }
            | AccountVerificationFailed { .. }) => self.addresses.apply(event),
            AccountDeleted {} => self.stage = Deleted,
        }
    }
}

impl Entity for Account {
    fn exists(&self) -> bool {
        self.stage == Live
    }

    fn owner(&self) -> Option<Owner> {
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
        .chain(self.number_claim())
        .chain(self.addresses.claims())
        .collect()
    }
}
