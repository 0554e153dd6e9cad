//! Random but plausible histories of events.

use chrono::TimeDelta;
use domain::{
    Id, Personal, Subject,
    delivery::{Outcome, ResultKind, SpoolResult, Transmission, TransmissionEvent},
    people::{Contact, ContactEvent, ContactProfile},
};
use eventstore::Position;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use testkit::transmissions::{connected, hung_up, queued_call};
pub(super) use testkit::transmissions::{ended, noon, personal, queued, transmission};

use super::{ScratchLog, settling::settle_in};

pub(super) fn profile(name: &str) -> ContactProfile {
    ContactProfile {
        first_name: name.parse().ok(),
        phone: "+15550100".parse().ok(),
        email: format!("{name}@example.com").parse().ok(),
        timezone: "Europe/Vienna".parse().ok(),
        ..ContactProfile::default()
    }
}

pub(super) fn contact(id: i64, owner: i64, name: &str) -> ContactEvent {
    ContactEvent::ContactCreated {
        id: Id::new(id),
        owner: domain::Owner::in_first_tenant(Id::new(owner)),
        profile: Personal::new(Subject::new("contact", id), profile(name)),
        known_by: None,
    }
}

pub(super) fn started(spool: i64) -> TransmissionEvent {
    TransmissionEvent::SpoolStarted {
        spool: Id::new(spool),
        at: noon() + TimeDelta::seconds(1),
        claim: "claim".into(),
        provider: Id::new(8),
        worker: "w".into(),
        campaign: None,
    }
}

pub(super) fn learned(spool: i64, contact: i64, word: &str) -> TransmissionEvent {
    let result = |name: &str| SpoolResult::new(ResultKind::Info, name, word);
    TransmissionEvent::ResultRecorded {
        spool: Id::new(spool),
        results: personal(contact, vec![result("one"), result("two")]),
    }
}

/// Appends a history of `steps` steps; returns its last position.
pub(super) async fn happen(scratch: &ScratchLog, seed: u64, steps: u32) -> Position {
    let mut rng = StdRng::seed_from_u64(seed);
    let base = i64::try_from(seed).unwrap() * 1_000_000;
    let mut position = settle_in(scratch, base).await;
    let mut lives: Vec<Life> = Vec::new();
    for step in 0..steps {
        if lives.is_empty() || rng.random_bool(0.2) {
            let id = base + i64::from(step) + 1;
            let owner = rng.random_range(1..4);
            let mut events = vec![contact(id, owner, "Ada")];
            if rng.random_bool(0.3) {
                let profile = personal(id, profile("Grace"));
                events.push(ContactEvent::ContactUpdated { profile });
            }
            let group = Id::new(base + 1);
            if rng.random_bool(0.5) {
                events.push(ContactEvent::ContactLinked { group });
            }
            if events.len() > 1 && rng.random_bool(0.3) {
                events.push(ContactEvent::ContactLinked {
                    group: Id::new(base + 2),
                });
                events.push(ContactEvent::ContactUnlinked {
                    group: Id::new(base + 2),
                });
            }
            position = scratch.append::<Contact>(id, events).await;
            lives.push(Life {
                contact: id,
                owner,
                transmission: 0,
                spools: 0,
                erased: false,
            });
            continue;
        }
        let chosen = rng.random_range(0..lives.len());
        position = lives[chosen]
            .go_on(scratch, &mut rng, base + i64::from(step))
            .await;
    }
    position
}

/// A contact, and the transmission to it.
struct Life {
    contact: i64,
    owner: i64,
    transmission: i64,
    spools: u32,
    erased: bool,
}

impl Life {
    async fn go_on(&mut self, scratch: &ScratchLog, rng: &mut StdRng, new_id: i64) -> Position {
        let outcomes = [
            Outcome::Delivered,
            Outcome::Rejected,
            Outcome::Unanswered,
            Outcome::Unavailable,
            Outcome::Unknown,
        ];
        match rng.random_range(0..12) {
            0 if !self.erased => {
                self.erased = true;
                let events = [
                    ContactEvent::ContactDeleted {},
                    ContactEvent::ContactErased {},
                ];
                scratch.append::<Contact>(self.contact, events).await
            }
            1 if self.transmission != 0 => {
                let id = std::mem::take(&mut self.transmission);
                self.spools = 0;
                scratch
                    .append::<Transmission>(id, [TransmissionEvent::TransmissionDeleted {}])
                    .await
            }
            2 if self.spools > 0 => {
                let spool = self.transmission * 100 + rng.random_range(1..=i64::from(self.spools));
                let resolved = TransmissionEvent::SpoolResolved {
                    spool: Id::new(spool),
                    at: noon() + TimeDelta::hours(1),
                    outcome: Outcome::Delivered,
                    response: personal(self.contact, "settled".to_owned()),
                };
                scratch
                    .append::<Transmission>(self.transmission, [resolved])
                    .await
            }
            _ if self.transmission == 0 => {
                self.transmission = new_id;
                let created = transmission(new_id, self.owner, self.contact);
                scratch.append::<Transmission>(new_id, [created]).await
            }
            _ => {
                self.spools += 1;
                let spool = self.transmission * 100 + i64::from(self.spools);
                let outcome = outcomes[rng.random_range(0..outcomes.len())];
                let mut events = match rng.random_range(0..2) {
                    0 => vec![queued(spool, self.spools, self.contact), started(spool)],
                    _ => self.call(rng, spool),
                };
                events.push(learned(spool, self.contact, "it said \0 so"));
                let words = "250 secret@example.com, USER_BUSY";
                events.extend(ended(spool, self.contact, outcome, words));
                // Split at random: events that belong together need not be in one batch.
                let rest = events.split_off(rng.random_range(1..events.len()));
                scratch
                    .append::<Transmission>(self.transmission, events)
                    .await;
                scratch
                    .append::<Transmission>(self.transmission, rest)
                    .await
            }
        }
    }

    /// The first events of an outbound call, which may be answered or hung up.
    fn call(&self, rng: &mut StdRng, spool: i64) -> Vec<TransmissionEvent> {
        let mut events = vec![queued_call(spool, self.spools, self.contact)];
        if rng.random_bool(0.9) {
            events.push(started(spool));
        }
        if rng.random_bool(0.5) {
            events.push(connected(spool, 2));
        }
        if rng.random_bool(0.2) {
            events.push(hung_up(spool));
        }
        events
    }
}
