//! The events of a new account, and of one whose fields change.

use chrono::{DateTime, Utc};

use super::{
    Account, AccountEvent, AccountKind, AccountPatch, AddressAssignment, DidDetails,
    ExtensionDetails,
};
use crate::{Id, Owner, Personal, Refusal, Subject};

use super::AccountEvent::{
    AccountCreated, AccountDidChanged, AccountExtensionChanged, AccountUpdated,
};

impl Account {
    pub(super) fn created(
        &self,
        id: Id<Self>,
        owner: Owner,
        patch: AccountPatch,
        assigned: Vec<AddressAssignment>,
    ) -> Result<Vec<AccountEvent>, Refusal> {
        let next = Self::default().patched(patch)?;
        let details = next.details_since(&Self::default(), &id.subject());
        let assigned = self.addresses.assign_all(&next.profile, assigned)?;
        let created = AccountCreated {
            id,
            owner,
            kind: next.kind,
            active: next.active,
            profile: Personal::new(id.subject(), next.profile),
        };
        Ok([created]
            .into_iter()
            .chain(details)
            .chain(assigned)
            .collect())
    }

    pub(super) fn updated(
        &self,
        patch: AccountPatch,
        assigned: Vec<AddressAssignment>,
        at: DateTime<Utc>,
    ) -> Result<Vec<AccountEvent>, Refusal> {
        let subject = self.subject()?;
        let next = self.clone().patched(patch)?;
        let details = next.details_since(&self.clone().of_kind(next.kind), &subject);
        let released = self.addresses.changed(&self.profile, &next.profile, at);
        let assigned = self.addresses.assign_all(&next.profile, assigned)?;
        let before = (self.kind, self.active, &self.profile);
        let is_changed = (next.kind, next.active, &next.profile) != before;
        let updated = is_changed.then(|| AccountUpdated {
            kind: next.kind,
            active: next.active,
            profile: Personal::new(subject, next.profile),
        });
        let events = updated.into_iter().chain(details).chain(released);
        Ok(events.chain(assigned).collect())
    }

    /// The account with this type; details are of one type only.
    pub(super) fn of_kind(mut self, kind: AccountKind) -> Self {
        if kind != self.kind {
            self.kind = kind;
            self.extension = ExtensionDetails::default();
            self.did = DidDetails::default();
        }
        self
    }

    /// The events of details that are others than before.
    fn details_since(&self, before: &Self, subject: &Subject) -> Vec<AccountEvent> {
        let mut events = Vec::new();
        if self.extension != before.extension {
            events.push(AccountExtensionChanged {
                extension: Personal::new(subject.clone(), self.extension.clone()),
            });
        }
        if self.did != before.did {
            events.push(AccountDidChanged {
                did: Personal::new(subject.clone(), self.did.clone()),
            });
        }
        events
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
        let mut kind = self.kind;
        if !patch.kind.apply_required(&mut kind) {
            return Err(Refusal::invalid("type", "must not be null"));
        }
        self = self.of_kind(kind);
        if kind == AccountKind::Extension {
            self.extension = self.extension.patched(patch.extension)?;
        }
        if kind == AccountKind::Did {
            self.did = self.did.patched(patch.did);
        }
        if !patch.active.apply_required(&mut self.active) {
            return Err(Refusal::invalid("active", "must not be null"));
        }
        Ok(self)
    }
}
