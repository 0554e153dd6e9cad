//! Encryption and credentials.

use domain::delivery::{
    Outcome::{Delivered, Unavailable},
    settings::Tls,
};

use super::{
    config, email, gateway,
    peers::{Aiosmtpd, Certificates, Sink},
    send,
};
use crate::smtp::SmtpConfig;

fn peer(certificates: &Certificates, more: &[&str]) -> Aiosmtpd {
    let flags = certificates.flags();
    let flags: Vec<&str> = flags
        .iter()
        .map(String::as_str)
        .chain(more.iter().copied())
        .collect();
    Aiosmtpd::start(&flags)
}

fn with(port: u16, tls: Tls, authority: Option<String>, password: Option<&str>) -> SmtpConfig {
    SmtpConfig {
        tls,
        ca_certificate: authority,
        username: password.map(|_| "ada".to_owned()),
        password: password.map(|password| password.to_owned().into()),
        ..config(port)
    }
}

#[tokio::test]
async fn auto_encrypts_where_it_can_and_asks_for_no_certificate() {
    let certificates = Certificates::make("auto");
    let peer = peer(&certificates, &[]);
    let report = send(
        &gateway(with(peer.port, Tls::Auto, None, None)),
        "ok@peer.test",
        email(),
    )
    .await;
    assert_eq!(report.outcome, Delivered, "{}", report.response);
    assert_eq!(peer.log().mail()["tls"], true);
}

#[tokio::test]
async fn none_does_not_encrypt_though_it_could() {
    let certificates = Certificates::make("none");
    let peer = peer(&certificates, &[]);
    let report = send(
        &gateway(with(peer.port, Tls::None, None, None)),
        "ok@peer.test",
        email(),
    )
    .await;
    assert_eq!(report.outcome, Delivered, "{}", report.response);
    assert_eq!(peer.log().mail()["tls"], false);
}

#[tokio::test]
async fn starttls_and_implicit_demand_a_certificate_that_verifies() {
    let certificates = Certificates::make("verified");
    for (tls, more) in [(Tls::Starttls, &[][..]), (Tls::Implicit, &["--implicit"])] {
        let peer = peer(&certificates, more);
        let trusting = with(peer.port, tls, Some(certificates.authority()), None);
        let gateway = gateway(trusting.clone());
        for _ in 0..2 {
            let report = send(&gateway, "ok@peer.test", email()).await;
            assert_eq!(report.outcome, Delivered, "{tls:?}: {}", report.response);
        }
        peer.log()
            .has("connected", if tls == Tls::Starttls { 2 } else { 1 });
        let strange = SmtpConfig {
            ca_certificate: None,
            ..trusting.clone()
        };
        let elsewhere = SmtpConfig {
            host: "localhost".to_owned(),
            ..trusting
        };
        for config in [strange, elsewhere] {
            let report = send(&super::gateway(config), "ok@peer.test", email()).await;
            assert_eq!(
                (report.outcome, report.connected),
                (Unavailable, false),
                "{tls:?}"
            );
            assert!(
                report.response.contains("encrypting"),
                "{}",
                report.response
            );
        }
        peer.log().has("taken", 2);
    }
}

#[tokio::test]
async fn starttls_refuses_a_server_that_does_not_offer_it() {
    let sink = Sink::start(&[]);
    let report = send(
        &gateway(with(sink.port, Tls::Starttls, None, None)),
        "a@example.com",
        email(),
    )
    .await;
    assert_eq!(report.outcome, Unavailable);
    assert!(
        report.response.contains("does not offer STARTTLS"),
        "{}",
        report.response
    );
}

#[tokio::test]
async fn credentials_go_only_where_they_are_safe() {
    let certificates = Certificates::make("credentials");
    // Encrypted, by a server whose certificate does not verify.
    let unverified = peer(&certificates, &["--password", "secret"]);
    // Not encrypted.
    let plain = Aiosmtpd::start(&["--password", "secret"]);
    for peer in [&unverified, &plain] {
        for tls in [Tls::Auto, Tls::Starttls] {
            let config = with(peer.port, tls, None, Some("secret"));
            let report = send(&gateway(config), "ok@peer.test", email()).await;
            assert_eq!(
                (report.outcome, report.connected),
                (Unavailable, false),
                "{tls:?}"
            );
        }
        assert!(peer.log().all("login").is_empty());
    }
    for tls in [Tls::Auto, Tls::Starttls] {
        let config = with(
            unverified.port,
            tls,
            Some(certificates.authority()),
            Some("secret"),
        );
        let report = send(&gateway(config), "ok@peer.test", email()).await;
        assert_eq!(report.outcome, Delivered, "{tls:?}: {}", report.response);
    }
    assert!(
        unverified
            .log()
            .all("login")
            .iter()
            .all(|login| login["tls"] == true)
    );
    // Configured explicitly.
    let config = with(plain.port, Tls::None, None, Some("secret"));
    assert_eq!(
        send(&gateway(config), "ok@peer.test", email())
            .await
            .outcome,
        Delivered
    );
}

#[tokio::test]
async fn a_wrong_password_is_the_providers_trouble_and_shows_nowhere() {
    let peer = Aiosmtpd::start(&["--password", "secret"]);
    let config = with(peer.port, Tls::None, None, Some("hunter2"));
    assert!(!format!("{config:?}").contains("hunter2"));
    let gateway = gateway(config);
    let report = send(&gateway, "ok@peer.test", email()).await;
    assert_eq!((report.outcome, report.connected), (Unavailable, false));
    assert!(report.response.starts_with("535 "), "{}", report.response);
    use crate::Gateway;
    assert_eq!(
        gateway.health().last_error.as_deref(),
        Some("logging in: answered 535")
    );
    assert!(!format!("{report:?}").contains("hunter2"));
}

#[tokio::test]
async fn an_empty_username_means_no_login() {
    let sink = Sink::start(&[]);
    let config = SmtpConfig {
        username: Some(String::new()),
        ..config(sink.port)
    };
    assert_eq!(
        send(&gateway(config), "a@example.com", email())
            .await
            .outcome,
        Delivered
    );
}

#[test]
fn an_unusable_name_in_the_settings_is_refused() {
    for hello in ["", "a b", "a\r\nMAIL FROM:<x@y>", "é.example"] {
        let config = SmtpConfig {
            hello: hello.to_owned(),
            ..config(25)
        };
        let error = crate::smtp::SmtpGateway::new(config, super::clock)
            .err()
            .unwrap();
        assert_eq!(error.field, "hello");
    }
    for domain in ["", "a b", "a\r\nb", "@", "é.example"] {
        let domain = domain.to_owned();
        let from = SmtpConfig {
            from_domain: domain.clone(),
            ..config(25)
        };
        let verp = SmtpConfig {
            verp_domain: Some(domain),
            ..config(25)
        };
        for (config, field) in [
            (from, "settings.from_domain"),
            (verp, "settings.verp_domain"),
        ] {
            let error = crate::smtp::SmtpGateway::new(config, super::clock)
                .err()
                .unwrap();
            assert_eq!(error.field, field);
        }
    }
    for domain in ["localhost", "mail.example.com", "xn--bcher-kva.example"] {
        let config = SmtpConfig {
            from_domain: domain.to_owned(),
            ..config(25)
        };
        assert!(
            crate::smtp::SmtpGateway::new(config, super::clock).is_ok(),
            "{domain}"
        );
    }
    let authority = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned();
    let config = with(25, Tls::Starttls, Some(authority), None);
    let error = crate::smtp::SmtpGateway::new(config, super::clock)
        .err()
        .unwrap();
    assert_eq!(error.field, "settings.ca_certificate");
}
