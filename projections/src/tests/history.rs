//! Random but plausible histories of events.

use chrono::TimeDelta;
use domain::{
    FIRST_TENANT, Id, Personal, Subject,
    access::{Role, RoleEvent, User, UserEvent, UserProfile},
    delivery::{Direction, Outcome, ResultKind, SpoolResult, Transmission, TransmissionEvent},
    flow::Service,
    outreach::{
        Attachment, MediaHash, Program, ProgramEvent, ProgramKind, Recording, RecordingContent,
        RecordingEvent, Sound, Template, TemplateContent, TemplateEvent, Text, TextClass,
        TextContent, TextEvent,
    },
    people::{Account, AccountEvent, AccountKind, AccountProfile},
    people::{Channel, OptOut, OptOutEvent, OptOutSource},
    people::{Contact, ContactEvent, ContactProfile, Group, GroupEvent},
    values::Sealed,
};
use eventstore::Position;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use testkit::transmissions::{arrived_call, connected, hung_up, queued_call};
pub(super) use testkit::transmissions::{ended, noon, personal, queued, transmission};

use super::ScratchLog;

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

/// Appends an inbound call that ends, and one that does not.
async fn ring(scratch: &ScratchLog, id: i64) {
    for (id, ends) in [(id + 900_000, true), (id + 900_001, false)] {
        let mut created = transmission(id, 1, id);
        if let TransmissionEvent::TransmissionCreated { order, .. } = &mut created {
            (order.direction, order.service) = (Direction::Inbound, Service::Voice);
        }
        let spool = id * 100;
        let mut events = vec![created, arrived_call(spool, id), started(spool)];
        if ends {
            events.push(connected(spool, 2));
            events.extend(ended(spool, id, Outcome::Delivered, "NORMAL_CLEARING"));
        }
        scratch.append::<Transmission>(id, events).await;
    }
}

/// Appends a few users, roles, accounts, messages and programs.
async fn settle_in(scratch: &ScratchLog, base: i64) -> Position {
    let id = base + 1;
    let roles = [Id::new(id)].into();
    let user = |name: &str| {
        let username = format!("{name}{base}").parse().ok();
        Personal::new(
            Subject::new("user", id),
            UserProfile {
                username,
                ..UserProfile::default()
            },
        )
    };
    scratch
        .append::<Role>(
            id,
            [
                RoleEvent::RoleCreated {
                    id: Id::new(id),
                    name: format!("desk{base}").parse().unwrap(),
                    description: None,
                    permissions: [Id::new(1), Id::new(2)].into(),
                },
                RoleEvent::RolePermissionWithdrawn {
                    permission_id: Id::new(2),
                },
            ],
        )
        .await;
    scratch
        .append::<User>(
            id,
            [
                UserEvent::UserCreated {
                    id: Id::new(id),
                    active: false,
                    profile: user("ada"),
                    password: Sealed::new("never-read".into()),
                    roles,
                    tenant_id: FIRST_TENANT,
                },
                UserEvent::UserActivated {},
                UserEvent::UserUpdated {
                    profile: user("grace"),
                },
            ],
        )
        .await;
    scratch
        .append::<Account>(
            id,
            [
                AccountEvent::AccountCreated {
                    id: Id::new(id),
                    owner: domain::Owner::in_first_tenant(Id::new(id)),
                    kind: AccountKind::Account,
                    active: true,
                    profile: Personal::new(
                        Subject::new("account", id),
                        AccountProfile {
                            username: format!("desk{base}").parse().ok(),
                            passwd: Some(Sealed::new("never-read".into())),
                            ..AccountProfile::default()
                        },
                    ),
                },
                AccountEvent::AccountSubscribed {
                    program_id: Id::new(id),
                },
                AccountEvent::AccountSettingSet {
                    name: "cover".into(),
                    value: Personal::new(Subject::new("account", id), "body".into()),
                },
            ],
        )
        .await;
    for id in [id, id + 1] {
        let created = GroupEvent::GroupCreated {
            id: Id::new(id),
            owner: domain::Owner::in_first_tenant(Id::new(1)),
            name: "desk".parse().unwrap(),
            description: None,
        };
        scratch.append::<Group>(id, [created]).await;
    }
    close(scratch, id).await;
    scratch
        .append::<Template>(
            id,
            [TemplateEvent::TemplateCreated {
                id: Id::new(id),
                owner: domain::Owner::in_first_tenant(Id::new(id)),
                content: Personal::new(Subject::new("template", id), TemplateContent::default()),
            }],
        )
        .await;
    let media = Attachment {
        media: MediaHash("ab".repeat(32)),
        file_name: "offer.pdf".to_owned(),
        content_type: "application/pdf".to_owned(),
        size: 7,
    };
    scratch
        .append::<Template>(
            id,
            [TemplateEvent::TemplateMediaAttached {
                attachments: Personal::new(Subject::new("template", id), vec![media; 2]),
            }],
        )
        .await;
    record(scratch, id).await;
    write(scratch, id).await;
    ring(scratch, id).await;
    let reading = |text: &str| ProgramKind::VoiceTts {
        text: Personal::new(Subject::new("program", id), text.parse().unwrap()),
        delay: 2,
        language: None,
        account_id: None,
    };
    scratch
        .append::<Program>(
            id,
            [
                ProgramEvent::ProgramCreated {
                    id: Id::new(id),
                    owner: domain::Owner::in_first_tenant(Id::new(id)),
                    name: "voicetts".parse().unwrap(),
                    kind: reading("Good morning"),
                    parent_id: None,
                },
                ProgramEvent::ProgramUpdated {
                    name: "evening".parse().unwrap(),
                    kind: reading("Good evening"),
                    parent_id: Some(Id::new(id + 1)),
                },
            ],
        )
        .await
}

/// Appends a recording in use and a deleted one.
async fn record(scratch: &ScratchLog, id: i64) {
    let content = |id| {
        let content = RecordingContent {
            name: "greeting".parse().ok(),
            description: None,
        };
        Personal::new(Subject::new("recording", id), content)
    };
    let created = |id| RecordingEvent::RecordingCreated {
        id: Id::new(id),
        owner: domain::Owner::in_first_tenant(Id::new(1)),
        content: content(id),
    };
    let sound = Sound {
        media: MediaHash("cd".repeat(32)),
        file_name: Some("hello.mp3".to_owned()),
        size: 16_046,
        samples: 8_001,
    };
    let heard = RecordingEvent::RecordingSoundSet {
        sound: Personal::new(Subject::new("recording", id), sound),
    };
    scratch.append::<Recording>(id, [created(id), heard]).await;
    let gone = id + 1_000_000;
    let deleted = RecordingEvent::RecordingDeleted {};
    scratch
        .append::<Recording>(gone, [created(gone), deleted])
        .await;
}

/// Appends a changed opt-out and a deleted one.
async fn close(scratch: &ScratchLog, id: i64) {
    let added = |id: i64| OptOutEvent::OptOutAdded {
        id: Id::new(id),
        owner: domain::Owner::in_first_tenant(Id::new(1)),
        channel: Channel::Any,
        address: Personal::new(Subject::new("optout", id), "+15550100".to_owned()),
        fingerprint: format!("desk{id}"),
        reason: None,
        source: OptOutSource::Stop,
    };
    let reason = "asked".parse().ok();
    let changed = OptOutEvent::OptOutChanged { reason };
    scratch.append::<OptOut>(id, [added(id), changed]).await;
    let gone = [added(id + 1), OptOutEvent::OptOutRemoved {}];
    scratch.append::<OptOut>(id + 1, gone).await;
}

/// Appends a text and a change of it.
async fn write(scratch: &ScratchLog, id: i64) {
    let content = |data: &str, class| {
        let content = TextContent {
            name: "reminder".parse().ok(),
            data: data.parse().ok(),
            class,
            ..TextContent::default()
        };
        Personal::new(Subject::new("text", id), content)
    };
    let events = [
        TextEvent::TextCreated {
            id: Id::new(id),
            owner: domain::Owner::in_first_tenant(Id::new(1)),
            content: content("hello", TextClass::Off),
        },
        TextEvent::TextUpdated {
            content: content(&"привет ".repeat(20), TextClass::Flash),
        },
    ];
    scratch.append::<Text>(id, events).await;
}
