//! Starts that go wrong: each is refused in a sentence, and none loses a password or a key.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt};

use crate::harness::{
    ADMIN_PASSWORD, Database, Server, Setup, TIMEOUT, eventually, seconds, unique_name,
};

/// The lines of the log of a start that must have been refused, without what a busy machine adds.
fn refused(server: &mut Server) -> Vec<String> {
    let status = server.stopped(TIMEOUT);
    let log = server.log();
    assert!(!status.success(), "{log}");
    let lines = log.lines().filter(|line| !line.contains("slow statement"));
    lines.map(str::to_owned).collect()
}

/// The password that a first start showed last.
fn shown_password(server: &Server) -> Option<String> {
    let log = server.log();
    let (_, password) = log.rsplit_once("The first user is admin, with the password ")?;
    let (password, _) = password.split_once('\n')?;
    Some(password.to_owned())
}

#[tokio::test]
async fn a_first_start_that_is_killed_has_shown_the_password() {
    let setup = Setup::on(&Database::create().await).set("ADMIN_PASSWORD", "");
    let mut server = setup.spawn();
    eventually("the password is shown", seconds(60), async || {
        shown_password(&server)
    })
    .await;
    server.kill9();
    server.start().await;
    let password = shown_password(&server).unwrap();
    server.stranger().login("admin", &password).await;
}

#[tokio::test]
async fn a_mail_port_in_use_stops_a_start_before_the_database() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for setting in ["LMTP_LISTEN", "SMTP_LISTEN"] {
        let mut server = Setup::embedded().set(setting, &address).spawn();
        let said = refused(&mut server);
        assert_eq!(said.len(), 1, "{said:#?}");
        let expected = format!("ledgerline: LEDGERLINE_{setting}: cannot listen on {address}");
        assert!(said[0].starts_with(&expected), "{said:#?}");
        for file in ["master.key", "postgres", "postgres.location"] {
            assert!(!server.data_dir.join(file).exists(), "{file}");
        }
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_there_stops_a_start_before_the_database() {
    let setup = Setup::embedded()
        .set("SMTP_CERTIFICATE", "/nonexistent/certificate.pem")
        .set("SMTP_CERTIFICATE_KEY", "/nonexistent/key.pem");
    let mut server = setup.spawn();
    assert_eq!(
        refused(&mut server),
        [
            "ledgerline: LEDGERLINE_SMTP_CERTIFICATE: /nonexistent/certificate.pem: \
          No such file or directory (os error 2)"
        ]
    );
    assert!(!server.data_dir.join("master.key").exists());
}

#[tokio::test]
async fn a_wrong_first_user_is_refused_in_one_sentence() {
    for (setting, value, reason) in [
        ("ADMIN_USERNAME", "a:b", "must not contain a colon"),
        ("ADMIN_PASSWORD", "short", "must have at least 8 characters"),
    ] {
        let fresh = Setup::embedded();
        let known = Setup::on(&Database::create().await).set("LOG", "warn");
        for setup in [fresh, known] {
            let mut server = setup.set(setting, value).spawn();
            let said = refused(&mut server);
            assert_eq!(
                said,
                [format!("ledgerline: LEDGERLINE_{setting}: {reason}")]
            );
            assert!(!server.data_dir.join("postgres").exists());
        }
    }
}

#[tokio::test]
async fn another_password_in_the_settings_is_warned_of() {
    let database = Database::create().await;
    let mut server = Setup::on(&database).start().await;
    let warning = "LEDGERLINE_ADMIN_PASSWORD is not the password of this user";
    server.sigterm(seconds(10));
    server.start().await;
    assert!(!server.log().contains(warning), "{}", server.log());

    let other = Setup::on(&database).set("ADMIN_PASSWORD", "something-else-7");
    let other = other.start().await;
    assert!(other.log().contains(warning), "{}", other.log());
    server.stranger().login("admin", ADMIN_PASSWORD).await;
}

#[tokio::test]
async fn a_lost_master_key_is_not_replaced() {
    let mut server = Setup::embedded().set("LOG", "error").start().await;
    server.sigterm(seconds(10));
    let key = server.data_dir.join("master.key");
    let kept = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    server.spawn();
    let said = refused(&mut server).pop().unwrap();
    let expected = format!("ledgerline: {} is missing, ", key.display());
    assert!(said.starts_with(&expected), "{said}");
    assert!(said.ends_with("restore it from the backup"), "{said}");
    assert!(!key.exists());

    fs::write(&key, "00".repeat(32)).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    server.spawn();
    let said = refused(&mut server).pop().unwrap();
    let expected = format!("ledgerline: {}: this is not the master key", key.display());
    assert!(said.starts_with(&expected), "{said}");

    fs::write(&key, kept).unwrap();
    server.start().await;
    let name = unique_name("found-again");
    server.named_user(&name, &[]).await;
}
