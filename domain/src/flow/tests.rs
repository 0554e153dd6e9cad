use serde_json::{json, to_value};

use super::*;
use crate::{
    Subject,
    outreach::{ProgramKind, ProgramType},
};

fn program(kind: ProgramType) -> ProgramKind {
    use ProgramType as T;
    let account = Some(Id::new(9));
    match kind {
        T::EmailToFax => ProgramKind::EmailToFax {
            account_id: Id::new(9),
        },
        T::FaxToEmail => ProgramKind::FaxToEmail {
            account_id: Id::new(9),
        },
        T::ReceiveEmail => ProgramKind::ReceiveEmail {
            account_id: Id::new(9),
        },
        T::ReceiveFax => ProgramKind::ReceiveFax {
            account_id: Id::new(9),
        },
        T::ReceiveSms => ProgramKind::ReceiveSms {
            account_id: Id::new(9),
        },
        T::SendEmail => ProgramKind::SendEmail {
            template_id: Id::new(2),
            account_id: account,
        },
        T::SendFax => ProgramKind::SendFax {
            document_id: Id::new(2),
            account_id: account,
        },
        T::SendSms => ProgramKind::SendSms {
            text_id: Id::new(2),
            account_id: account,
        },
        T::VoiceMessage => ProgramKind::VoiceMessage {
            recording_id: Id::new(2),
            account_id: account,
        },
        T::VoiceTts => ProgramKind::VoiceTts {
            text: crate::Personal::new(Subject::new("program", 1), "Hello".parse().unwrap()),
            delay: 3,
            language: None,
            account_id: account,
        },
    }
}

#[test]
fn every_type_of_program_compiles_to_its_chain() {
    let chain = |kind: ProgramType| {
        let flow = Flow::compile(Id::new(1), &program(kind), 7);
        let names: Vec<&str> = flow
            .steps
            .iter()
            .map(|it| it.action.application())
            .collect();
        format!(
            "{} {}: {}",
            kind.as_str(),
            flow.service.name(),
            names.join(" ")
        )
    };
    assert_eq!(
        ProgramType::ALL.map(chain),
        [
            "emailtofax email: email_receive",
            "faxtoemail fax: inbound connect fax_receive disconnect",
            "receiveemail email: email_receive",
            "receivefax fax: inbound connect fax_receive disconnect",
            "receivesms sms: sms_receive",
            "sendemail email: email_send",
            "sendfax fax: originate fax_send disconnect",
            "sendsms sms: sms_send",
            "voicemessage voice: originate voice_play disconnect",
            "voicetts voice: originate tts wait tts disconnect",
        ]
    );
}

#[test]
fn every_type_of_program_compiles_to_a_valid_flow() {
    for kind in ProgramType::ALL {
        let flow = Flow::compile(Id::new(1), &program(kind), 7);
        assert_eq!(flow.check(), Ok(()), "{}", kind.as_str());
    }
}

#[test]
fn a_flow_says_what_is_sent_by_id_and_version() {
    let flow = |kind| to_value(Flow::compile(Id::new(1), &program(kind), 7).steps).unwrap();
    assert_eq!(
        flow(ProgramType::SendFax),
        json!([
            {"application": "originate"},
            {"application": "fax_send", "document_id": 2, "version": 7, "after": [0]},
            {"application": "disconnect", "after": [1]},
        ])
    );
    assert_eq!(
        flow(ProgramType::VoiceTts),
        json!([
            {"application": "originate"},
            {"application": "tts", "program_id": 1, "version": 7, "after": [0]},
            {"application": "wait", "seconds": 3, "after": [1]},
            {"application": "tts", "program_id": 1, "version": 7, "after": [2]},
            {"application": "disconnect", "after": [3]},
        ])
    );
}

#[test]
fn every_application_is_named_in_json_as_in_results() {
    for kind in ProgramType::ALL {
        for step in Flow::compile(Id::new(1), &program(kind), 7).steps {
            let written = to_value(&step).unwrap();
            assert_eq!(written["application"], step.action.application());
            assert_eq!(serde_json::from_value::<Step>(written).unwrap(), step);
        }
    }
}

#[test]
fn a_flow_written_before_there_were_conditions_reads_as_it_was_meant() {
    let old = json!({"service": "email", "steps": [
        {"application": "email_send", "template_id": 1, "version": 1},
        {"application": "email_send", "template_id": 2, "version": 4, "after": [0]},
    ]});
    let flow: Flow = serde_json::from_value(old.clone()).unwrap();
    assert_eq!(flow.steps[0], Flow::send_email(Id::new(1), 1).steps[0]);
    assert_eq!(flow.steps[1].after, [After::success(0)]);
    assert_eq!(to_value(flow).unwrap(), old);
}

#[test]
fn a_way_is_open_on_the_result_that_it_names() {
    let row = |kind, name: &str, data: &str| SpoolResult::new(kind, name, data);
    let failed = [row(ResultKind::Application, "originate", "busy")];
    let typed = [
        row(ResultKind::Application, "input", "success"),
        row(ResultKind::Info, "digits", "1"),
        row(ResultKind::Info, "digits", "7"),
    ];
    let way = |name: Option<&str>, is: &str| After {
        step: 2,
        name: name.map(str::to_owned),
        is: is.to_owned(),
    };
    assert!(After::success(2).leads_from(2, &typed));
    assert!(!After::success(2).leads_from(1, &typed));
    assert!(!After::success(2).leads_from(2, &failed));
    assert!(!After::success(2).leads_from(2, &[]));
    assert!(way(None, "busy").leads_from(2, &failed));
    assert!(way(Some("digits"), "7").leads_from(2, &typed));
    assert!(!way(Some("digits"), "1").leads_from(2, &typed));
    let written = to_value(way(Some("digits"), "7")).unwrap();
    assert_eq!(written, json!({"step": 2, "name": "digits", "is": "7"}));
    assert_eq!(
        serde_json::from_value::<After>(written).unwrap(),
        way(Some("digits"), "7")
    );
}
