use cqrs_es::test::TestFramework;
use serde_json::json;

use super::*;
use crate::outreach::DEFAULT_DELAY;

fn created(kind: ProgramKind) -> ProgramEvent {
    ProgramCreated {
        id: Id::new(1),
        owner: Owner::in_first_tenant(Id::new(1)),
        name: kind.kind().as_str().parse().unwrap(),
        kind,
        parent_id: None,
    }
}

fn mail() -> ProgramKind {
    ProgramKind::SendEmail {
        template_id: Id::new(2),
        account_id: None,
    }
}

fn create(kind: ProgramType, parameters: ParametersPatch) -> ProgramCommand {
    ProgramCommand::Create {
        id: Id::new(1),
        owner: Owner::in_first_tenant(Id::new(1)),
        kind,
        patch: Box::new(ProgramPatch {
            parameters,
            ..ProgramPatch::default()
        }),
    }
}

fn update(patch: ProgramPatch) -> ProgramCommand {
    ProgramCommand::Update(Box::new(patch))
}

/// A value for every parameter.
fn everything() -> ParametersPatch {
    ParametersPatch {
        account_id: Patch::Set(Id::new(9)),
        document_id: Patch::Set(Id::new(3)),
        recording_id: Patch::Set(Id::new(4)),
        template_id: Patch::Set(Id::new(2)),
        text_id: Patch::Set(Id::new(5)),
        text: Patch::Set("Hello".parse().unwrap()),
        ..ParametersPatch::default()
    }
}

#[test]
fn a_program_without_a_name_is_called_by_its_type() {
    let parameters = ParametersPatch {
        template_id: Patch::Set(Id::new(2)),
        ..ParametersPatch::default()
    };
    TestFramework::<Program>::with(())
        .given(vec![])
        .when(create(ProgramType::SendEmail, parameters))
        .then_expect_events(vec![created(mail())]);
}

#[test]
fn every_type_needs_what_it_refers_to_and_no_more() {
    for (kind, needs) in [
        (ProgramType::EmailToFax, "account_id"),
        (ProgramType::FaxToEmail, "account_id"),
        (ProgramType::ReceiveEmail, "account_id"),
        (ProgramType::ReceiveFax, "account_id"),
        (ProgramType::ReceiveSms, "account_id"),
        (ProgramType::SendEmail, "template_id"),
        (ProgramType::SendFax, "document_id"),
        (ProgramType::SendSms, "text_id"),
        (ProgramType::VoiceMessage, "recording_id"),
        (ProgramType::VoiceTts, "text"),
    ] {
        let whose = Id::<Program>::new(1).subject();
        let refused = ProgramKind::new(kind, ParametersPatch::default(), whose.clone());
        assert_eq!(refused, Err(Refusal::invalid(needs, "is required")));
        let made = ProgramKind::new(kind, everything(), whose).unwrap();
        assert_eq!(made.kind(), kind);
        assert_eq!(ProgramType::from_word(kind.as_str()), Some(kind));
        let written = serde_json::to_value(&made).unwrap();
        assert_eq!(written["type"], kind.as_str());
        let read: ProgramKind = serde_json::from_value(written).unwrap();
        assert_eq!(read, made);
    }
}

#[test]
fn a_text_of_its_own_is_personal_data_of_the_program() {
    let whose = Id::<Program>::new(1).subject();
    let ProgramKind::VoiceTts { text, delay, .. } =
        ProgramKind::new(ProgramType::VoiceTts, everything(), whose).unwrap()
    else {
        panic!("another type");
    };
    assert_eq!(text.subject().as_str(), "program/1");
    assert_eq!(delay, DEFAULT_DELAY);
}

#[test]
fn an_event_of_before_there_were_other_types_reads_as_it_was() {
    let old = json!({"ProgramCreated": {
        "id": 1, "owner": 1, "name": "sendemail", "parent_id": null,
        "kind": {"type": "sendemail", "template_id": 2},
    }});
    let read: ProgramEvent = serde_json::from_value(old.clone()).unwrap();
    assert_eq!(read, created(mail()));
    assert_eq!(serde_json::to_value(read).unwrap(), old);
}

#[test]
fn an_update_changes_what_it_names() {
    let patch = ProgramPatch {
        name: Patch::Set("spring".parse().unwrap()),
        parameters: ParametersPatch {
            account_id: Patch::Set(Id::new(9)),
            text_id: Patch::Set(Id::new(5)),
            ..ParametersPatch::default()
        },
        ..ProgramPatch::default()
    };
    TestFramework::<Program>::with(())
        .given(vec![created(mail())])
        .when(update(patch))
        .then_expect_events(vec![ProgramUpdated {
            name: "spring".parse().unwrap(),
            kind: ProgramKind::SendEmail {
                template_id: Id::new(2),
                account_id: Some(Id::new(9)),
            },
            parent_id: None,
        }]);
}

#[test]
fn an_update_that_says_nothing_new_is_none() {
    TestFramework::<Program>::with(())
        .given(vec![created(mail())])
        .when(update(ProgramPatch {
            name: Patch::Clear,
            ..ProgramPatch::default()
        }))
        .then_expect_events(vec![]);
}

#[test]
fn an_update_takes_away_nothing_that_is_needed() {
    let patch = ProgramPatch {
        parameters: ParametersPatch {
            template_id: Patch::Clear,
            ..ParametersPatch::default()
        },
        ..ProgramPatch::default()
    };
    TestFramework::<Program>::with(())
        .given(vec![created(mail())])
        .when(update(patch))
        .then_expect_error(Refusal::invalid("template_id", "is required"));
}

#[test]
fn a_program_is_not_its_own_parent() {
    let patch = ProgramPatch {
        parent_id: Patch::Set(Id::new(1)),
        ..ProgramPatch::default()
    };
    TestFramework::<Program>::with(())
        .given(vec![created(mail())])
        .when(update(patch))
        .then_expect_error(Refusal::invalid("parent_id", "is the program itself"));
}

#[test]
fn a_program_in_use_is_not_deleted() {
    let uses = |transmissions, accounts, campaigns| ProgramUses {
        transmissions,
        accounts,
        campaigns,
    };
    for (uses, why) in [
        (
            uses(3, 1, 0),
            "3 transmissions of this program have not ended",
        ),
        (uses(0, 2, 1), "2 accounts are subscribed to this program"),
        (uses(0, 0, 1), "1 campaign of this program has not ended"),
    ] {
        TestFramework::<Program>::with(())
            .given(vec![created(mail())])
            .when(ProgramCommand::Delete(uses))
            .then_expect_error(Refusal::not_ready(why));
    }
}
