//! The first events of a random history: users, roles, accounts, messages, programs and calls.

use domain::{
    FIRST_TENANT, Id, Personal, Subject,
    access::{Role, RoleEvent, User, UserEvent, UserProfile},
    delivery::{Direction, Outcome, Transmission, TransmissionEvent},
    flow::Service,
    outreach::{
        Attachment, MediaHash, Program, ProgramEvent, ProgramKind, Recording, RecordingContent,
        RecordingEvent, Sound, Template, TemplateContent, TemplateEvent, Text, TextClass,
        TextContent, TextEvent,
    },
    people::{Account, AccountEvent, AccountKind, AccountProfile},
    people::{Channel, OptOut, OptOutEvent, OptOutSource},
    people::{Group, GroupEvent},
    values::Sealed,
};
use eventstore::Position;
use testkit::transmissions::{arrived_call, connected, ended, transmission};

use super::{ScratchLog, history::started};

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
pub(super) async fn settle_in(scratch: &ScratchLog, base: i64) -> Position {
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
