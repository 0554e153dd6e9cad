//! The rules of a provider, without a database.

use super::*;
use crate::{Patch, Refusal};

fn patch() -> ProviderPatch {
    ProviderPatch {
        name: Patch::Set("mail".parse().unwrap()),
        kind: Patch::Set(ProviderKind::Smtp),
        host: Patch::Set("127.0.0.1".parse().unwrap()),
        ..ProviderPatch::default()
    }
}

#[test]
fn what_is_not_said_follows_from_the_type() {
    let details = ProviderDetails::new(patch()).unwrap();
    assert_eq!((details.service_flag, details.gateway_flag), (8, 4));
    assert_eq!(
        (details.port, details.weight, details.active),
        (Some(25), 10, true)
    );
}

#[test]
fn a_mail_server_cannot_serve_voice() {
    let patch = ProviderPatch {
        service_flag: Patch::Set(9),
        ..patch()
    };
    assert!(matches!(
        ProviderDetails::new(patch),
        Err(Refusal::Invalid {
            field: "service_flag",
            ..
        })
    ));
}

#[test]
fn a_host_that_is_a_path_or_a_url_is_refused() {
    for host in ["/etc/passwd", "file:///x", "a b", "http://mail"] {
        let host = Patch::Set(host.parse().unwrap());
        let refused = ProviderDetails::new(ProviderPatch { host, ..patch() });
        assert!(matches!(
            refused,
            Err(Refusal::Invalid { field: "host", .. })
        ));
    }
}

#[test]
fn a_weight_of_nothing_is_refused() {
    let patch = ProviderPatch {
        weight: Patch::Set(0),
        ..patch()
    };
    assert!(matches!(
        ProviderDetails::new(patch),
        Err(Refusal::Invalid {
            field: "weight",
            ..
        })
    ));
}

#[test]
fn settings_cannot_pass_for_personal_data() {
    let forged = serde_json::json!({"a": {"$of": "contact/1", "$sealed": "AAAA"}});
    let patch = ProviderPatch {
        settings: Patch::Set(forged.as_object().unwrap().clone()),
        ..patch()
    };
    assert!(matches!(
        ProviderDetails::new(patch),
        Err(Refusal::Invalid {
            field: "settings",
            ..
        })
    ));
}
