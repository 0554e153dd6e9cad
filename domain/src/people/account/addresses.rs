//! The grants, released claims and pending verifications of an account's addresses.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{
    AccountEvent::{
        self, AccountAddressAssigned, AccountAddressProvided, AccountAddressReleased,
        AccountAddressRelinquished, AccountAddressVerified, AccountVerificationFailed,
        AccountVerificationStarted,
    },
    AccountProfile, AddressAssignment, AddressBasis, AddressField, AddressGrant,
};
use crate::{Claim, Refusal, people::normal_address};

/// The period for which a released address stays closed to other owners.
const QUARANTINE: TimeDelta = TimeDelta::days(90);
/// The lifetime of a verification code.
pub const CODE_LIFETIME: TimeDelta = TimeDelta::minutes(10);
/// The number of wrong codes that ends a verification.
const GUESSES: u32 = 5;

/// A claim that its holder gave up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct ReleasedAddress {
    field: AddressField,
    fingerprint: String,
    at: DateTime<Utc>,
}

/// A verification whose code was sent and not entered yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct PendingVerification {
    fingerprint: String,
    challenge: String,
    expires_at: DateTime<Utc>,
    guesses: u32,
}

/// The grants, released claims and pending verifications of one account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Addresses {
    grants: BTreeMap<AddressField, AddressGrant>,
    released: Vec<ReleasedAddress>,
    pending: BTreeMap<AddressField, PendingVerification>,
}

impl Addresses {
    pub fn grant(&self, field: AddressField) -> Option<&AddressGrant> {
        self.grants.get(&field)
    }

    /// The challenge of the code that is awaited at this moment.
    pub fn challenge(&self, field: AddressField, at: DateTime<Utc>) -> Option<&str> {
        let pending = self.awaited(field, at)?;
        Some(&pending.challenge)
    }

    fn awaited(&self, field: AddressField, at: DateTime<Utc>) -> Option<&PendingVerification> {
        let pending = self.pending.get(&field)?;
        (at < pending.expires_at && pending.guesses < GUESSES).then_some(pending)
    }

    /// The claims that are held, those in quarantine included.
    pub fn claims(&self) -> impl Iterator<Item = Claim> + '_ {
        let receiving = self.grants.iter().filter(|(_, grant)| grant.receives);
        let held = receiving.map(|(field, grant)| field.claim(grant.fingerprint.clone()));
        let released = self.released.iter();
        held.chain(released.map(|it| it.field.claim(it.fingerprint.clone())))
    }

    /// The events of a changed profile: addresses that it no longer has are released.
    pub fn changed(
        &self,
        old: &AccountProfile,
        new: &AccountProfile,
        at: DateTime<Utc>,
    ) -> Vec<AccountEvent> {
        let normal = |profile, field: AddressField| field.value(profile).map(normal_address);
        let changed = |field: &AddressField| normal(old, *field) != normal(new, *field);
        let fields = AddressField::ALL.into_iter().filter(changed);
        fields.filter_map(|field| self.release(field, at)).collect()
    }

    /// The events that release all addresses.
    pub fn released(&self, at: DateTime<Utc>) -> Vec<AccountEvent> {
        let fields = AddressField::ALL.into_iter();
        fields.filter_map(|field| self.release(field, at)).collect()
    }

    fn release(&self, field: AddressField, at: DateTime<Utc>) -> Option<AccountEvent> {
        let fingerprint = self.grants.get(&field)?.fingerprint.clone();
        Some(AccountAddressReleased {
            field,
            fingerprint,
            at,
        })
    }

    /// The events of an administrator's assignments to an account with this profile.
    pub fn assign_all(
        &self,
        profile: &AccountProfile,
        assignments: Vec<AddressAssignment>,
    ) -> Result<Vec<AccountEvent>, Refusal> {
        for assignment in &assignments {
            must_have(profile, assignment.field, &assignment.address)?;
        }
        let assignments = assignments.into_iter();
        Ok(assignments.filter_map(|it| self.assign(it)).collect())
    }

    /// The event of an assignment, unless the account has an equal or better right already.
    fn assign(&self, assignment: AddressAssignment) -> Option<AccountEvent> {
        let AddressAssignment {
            field,
            fingerprint,
            receives,
            ..
        } = assignment;
        let is_new = self.grants.get(&field).is_none_or(|grant| {
            let provisional = matches!(grant.basis, AddressBasis::Provisional { .. });
            grant.fingerprint != fingerprint || provisional || (receives && !grant.receives)
        });
        is_new.then_some(AccountAddressAssigned {
            field,
            fingerprint,
            receives,
        })
    }

    /// The event that allows an address already in use for a period of grace.
    pub fn provide(
        &self,
        profile: &AccountProfile,
        assignment: AddressAssignment,
        until: DateTime<Utc>,
    ) -> Result<Option<AccountEvent>, Refusal> {
        let field = assignment.field;
        must_have(profile, field, &assignment.address)?;
        let provided = AccountAddressProvided {
            field,
            fingerprint: assignment.fingerprint,
            receives: assignment.receives,
            until,
        };
        Ok((!self.grants.contains_key(&field)).then_some(provided))
    }

    /// The event of a code that was compared with the one derived from this challenge. The
    /// comparison may have been made on an older state of the account.
    pub fn confirm(
        &self,
        field: AddressField,
        challenge: &str,
        matches: bool,
        at: DateTime<Utc>,
    ) -> Result<AccountEvent, Refusal> {
        let pending = self.awaited(field, at);
        let pending = pending.filter(|pending| pending.challenge == challenge);
        let pending = pending.ok_or_else(no_code_is_awaited)?;
        Ok(if matches {
            AccountAddressVerified {
                field,
                fingerprint: pending.fingerprint.clone(),
            }
        } else {
            AccountVerificationFailed { field }
        })
    }

    /// The events that leave an address to another account. `freely` is true for takers that need
    /// not wait for the end of the quarantine: an account administrator, and another account of the
    /// same owner.
    pub fn relinquish(
        &self,
        field: AddressField,
        fingerprint: &str,
        at: DateTime<Utc>,
        freely: bool,
    ) -> Result<Vec<AccountEvent>, Refusal> {
        let relinquished = AccountAddressRelinquished {
            field,
            fingerprint: fingerprint.to_owned(),
        };
        let held = self.grants.get(&field);
        if let Some(grant) = held.filter(|it| it.receives && it.fingerprint == fingerprint) {
            // A verified or assigned right is better than a provisional one.
            return match grant.basis {
                AddressBasis::Provisional { .. } => {
                    let released = self.release(field, at);
                    Ok(released.into_iter().chain([relinquished]).collect())
                }
                AddressBasis::Verified | AddressBasis::Assigned => Err(Refusal::Taken {
                    field: field.as_str(),
                }),
            };
        }
        let mut released = self.released.iter();
        let released = released.find(|it| it.field == field && it.fingerprint == fingerprint);
        match released {
            None => Ok(Vec::new()),
            Some(it) if freely || it.at + QUARANTINE <= at => Ok(vec![relinquished]),
            Some(_) => Err(Refusal::Taken {
                field: field.as_str(),
            }),
        }
    }

    /// Drops the pending verifications of addresses that the profile no longer has.
    pub fn profile_changed(&mut self, old: &AccountProfile, new: &AccountProfile) {
        self.pending
            .retain(|field, _| field.value(old) == field.value(new));
    }

    /// Applies an event about addresses; ignores any other.
    pub fn apply(&mut self, event: AccountEvent) {
        match event {
            AccountAddressVerified { field, fingerprint } => {
                self.granted(field, AddressBasis::Verified, fingerprint, true);
            }
            AccountAddressAssigned {
                field,
                fingerprint,
                receives,
            } => self.granted(field, AddressBasis::Assigned, fingerprint, receives),
            AccountAddressProvided {
                field,
                fingerprint,
                receives,
                until,
            } => {
                let basis = AddressBasis::Provisional { until };
                self.granted(field, basis, fingerprint, receives);
            }
            AccountAddressReleased {
                field,
                fingerprint,
                at,
            } => self.gave_up(field, fingerprint, at),
            AccountAddressRelinquished { field, fingerprint } => self.forget(field, &fingerprint),
            AccountVerificationStarted {
                field,
                fingerprint,
                challenge,
                expires_at,
            } => {
                let pending = PendingVerification {
                    fingerprint,
                    challenge,
                    expires_at,
                    guesses: 0,
                };
                self.pending.insert(field, pending);
            }
            AccountVerificationFailed { field } => {
                if let Some(pending) = self.pending.get_mut(&field) {
                    pending.guesses += 1;
                }
            }
            _ => {}
        }
    }

    /// Stores a grant. It ends the account's own quarantine of the address.
    fn granted(
        &mut self,
        field: AddressField,
        basis: AddressBasis,
        fingerprint: String,
        receives: bool,
    ) {
        self.forget(field, &fingerprint);
        self.pending.remove(&field);
        let grant = AddressGrant {
            basis,
            fingerprint,
            receives,
        };
        self.grants.insert(field, grant);
    }

    /// Removes a grant and puts the claim on its address into quarantine if the account received
    /// there. Drops claims whose quarantine is over.
    fn gave_up(&mut self, field: AddressField, fingerprint: String, at: DateTime<Utc>) {
        self.pending.remove(&field);
        self.released.retain(|it| at < it.at + QUARANTINE);
        if self.grants.remove(&field).is_some_and(|it| it.receives) {
            self.forget(field, &fingerprint);
            self.released.push(ReleasedAddress {
                field,
                fingerprint,
                at,
            });
        }
    }

    fn forget(&mut self, field: AddressField, fingerprint: &str) {
        self.released
            .retain(|it| it.field != field || it.fingerprint != fingerprint);
    }
}

/// Refuses unless the profile has the address, given in its normal form, in this field: a
/// decision about an address must not be applied to another that was written meanwhile.
pub(super) fn must_have(
    profile: &AccountProfile,
    field: AddressField,
    address: &str,
) -> Result<(), Refusal> {
    if field.value(profile).map(normal_address).as_deref() == Some(address) {
        return Ok(());
    }
    Err(Refusal::invalid(
        field.as_str(),
        "was changed at the same time: look at it and try again",
    ))
}

/// The refusal of a code when none is awaited.
pub fn no_code_is_awaited() -> Refusal {
    Refusal::invalid("code", "no code is valid any more: have another one sent")
}
