//! The rules of a provider, without a database.

use super::*;
use crate::{Patch, Refusal, values::Sealed};

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
    let details = ProviderDetails::new(None, patch()).unwrap();
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
        ProviderDetails::new(None, patch),
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
        let refused = ProviderDetails::new(None, ProviderPatch { host, ..patch() });
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
        ProviderDetails::new(None, patch),
        Err(Refusal::Invalid {
            field: "weight",
            ..
        })
    ));
}

#[test]
fn a_limit_is_a_number_or_none() {
    let limited = |limit: Patch<u32>| ProviderPatch {
        rate_limit: limit.clone(),
        channel_limit: limit,
        ..patch()
    };
    for limit in [0, 100_001] {
        assert!(ProviderDetails::new(None, limited(Patch::Set(limit))).is_err());
    }
    let details = ProviderDetails::new(None, limited(Patch::Set(100_000))).unwrap();
    assert_eq!(details.rate_limit, Some(100_000));
    let details = details.patched(limited(Patch::Clear)).unwrap();
    assert_eq!((details.rate_limit, details.channel_limit), (None, None));
    let said = serde_json::to_value(&details).unwrap();
    assert_eq!(said.get("rate_limit"), None, "as before there were limits");
}

#[test]
fn settings_cannot_pass_for_personal_data() {
    let forged = serde_json::json!({"a": {"$of": "contact/1", "$sealed": "AAAA"}});
    let patch = ProviderPatch {
        settings: Patch::Set(forged.as_object().unwrap().clone()),
        ..patch()
    };
    assert!(matches!(
        ProviderDetails::new(None, patch),
        Err(Refusal::Invalid {
            field: "settings",
            ..
        })
    ));
}

fn kept() -> ProviderDetails {
    let secret = |text: &str| Sealed::new(text.to_owned());
    ProviderDetails::new(
        None,
        ProviderPatch {
            kind: Patch::Set(ProviderKind::Sip),
            username: Patch::Set("trunk".parse().unwrap()),
            password: Patch::Set(secret("kept")),
            secrets: [("esl_password".to_owned(), Patch::Set(secret("too")))].into(),
            ..patch()
        },
    )
    .unwrap()
}

#[test]
fn another_host_or_port_does_not_get_what_was_kept_for_the_first() {
    let moved = ProviderPatch {
        host: Patch::Set("elsewhere.example".parse().unwrap()),
        ..ProviderPatch::default()
    };
    let another_port = ProviderPatch {
        port: Patch::Set(5_070),
        ..ProviderPatch::default()
    };
    for patch in [&moved, &another_port] {
        let details = kept().patched(patch.clone()).unwrap();
        assert_eq!((details.password, details.secrets.len()), (None, 0));
    }
    let anew = Sealed::new("anew".to_owned());
    let details = kept().patched(ProviderPatch {
        password: Patch::Set(anew.clone()),
        ..moved
    });
    assert_eq!(details.unwrap().password, Some(anew));

    for name in ["outbound_proxy", "esl_host"] {
        let detour = serde_json::json!({ name: "elsewhere.example" });
        let detour = ProviderPatch {
            settings: Patch::Set(detour.as_object().unwrap().clone()),
            ..ProviderPatch::default()
        };
        assert_eq!(kept().patched(detour).unwrap().password, None, "{name}");
    }
}

#[test]
fn an_update_of_the_same_host_keeps_secrets() {
    let weight = ProviderPatch {
        weight: Patch::Set(20),
        host: Patch::Set("127.0.0.1".parse().unwrap()),
        settings: Patch::Set(serde_json::Map::new()),
        ..ProviderPatch::default()
    };
    let details = kept().patched(weight).unwrap();
    assert!(details.password.is_some());
    assert_eq!(details.secrets.len(), 1);
}

fn signing(secrets: &[&str]) -> ProviderPatch {
    let settings = serde_json::json!({"dkim_selector": "s1"});
    let secret = |name: &&str| ((*name).to_owned(), Patch::Set(Sealed::new("k".to_owned())));
    ProviderPatch {
        settings: Patch::Set(settings.as_object().unwrap().clone()),
        secrets: secrets.iter().map(secret).collect(),
        ..ProviderPatch::default()
    }
}

#[test]
fn a_selector_comes_with_or_after_its_key() {
    let with = |secrets: &[&str]| {
        let ProviderPatch {
            settings, secrets, ..
        } = signing(secrets);
        ProviderPatch {
            settings,
            secrets,
            ..patch()
        }
    };
    let refused = |details: Result<ProviderDetails, Refusal>| {
        let field = "settings.dkim_key";
        matches!(details, Err(Refusal::Invalid { field: it, .. }) if it == field)
    };
    assert!(refused(ProviderDetails::new(None, with(&[]))));
    let plain = ProviderDetails::new(None, patch()).unwrap();
    assert!(refused(plain.patched(signing(&[]))));
    let complete = ProviderDetails::new(None, with(&["dkim_key"])).unwrap();
    assert!(complete.clone().patched(signing(&[])).is_ok());
    let moved = ProviderPatch {
        host: Patch::Set("elsewhere.example".parse().unwrap()),
        ..ProviderPatch::default()
    };
    assert!(refused(complete.patched(moved)));
}

#[test]
fn a_provider_that_lacks_its_key_since_before_can_be_deactivated() {
    let mut old = ProviderDetails::new(None, patch()).unwrap();
    let Patch::Set(settings) = signing(&[]).settings else {
        unreachable!()
    };
    old.settings = settings;
    let off = ProviderPatch {
        active: Patch::Set(false),
        ..ProviderPatch::default()
    };
    assert!(!old.patched(off).unwrap().active);
}

#[test]
fn a_prefix_is_dialled() {
    let with = |kind, prefix: &str| {
        ProviderDetails::new(
            None,
            ProviderPatch {
                kind: Patch::Set(kind),
                username: Patch::Set("u".parse().unwrap()),
                prefix: Patch::Set(prefix.parse().unwrap()),
                ..patch()
            },
        )
    };
    for prefix in ["12", "0|+49", "00|+, 0|+49", "011|"] {
        assert!(with(ProviderKind::Sip, prefix).is_ok(), "{prefix}");
    }
    for prefix in ["|", "a", "0|+49,", "0}x,loopback/1"] {
        assert!(with(ProviderKind::Sip, prefix).is_err(), "{prefix}");
    }
    assert!(with(ProviderKind::Smpp, "12").is_ok());
    assert!(with(ProviderKind::Http, "0|+49").is_err());
}
