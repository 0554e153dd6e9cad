use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, time::Duration};

use commands::addresses::AddressPolicy;
use domain::{delivery::PaceUnit, people::Wish};
use media::conversion::ConfinementPolicy;

use super::{values::Values, *};

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn environment(pairs: &[(&str, &str)]) -> Sources {
    let environment = pairs
        .iter()
        .map(|(name, text)| (name.into(), text.into()))
        .collect();
    Sources {
        file: None,
        environment,
    }
}

fn file(text: &str) -> Sources {
    Sources {
        file: Some(("ledgerline.toml".into(), text.to_owned())),
        environment: Vec::new(),
    }
}

fn refusal(sources: &Sources) -> String {
    Config::load(sources).unwrap_err().to_string()
}

#[test]
fn without_any_setting_the_defaults_hold() {
    let config = Config::load(&Sources::default()).unwrap();
    assert_eq!(config.server.listen, "127.0.0.1:8000".parse().unwrap());
    assert!(!config.server.trust_proxy);
    assert_eq!(config.server.upload_limit, 25 * 1024 * 1024);
    assert_eq!(config.server.import_limit, 256 * 1024 * 1024);
    assert_eq!(config.limits.connections, None);
    assert_eq!(config.limits.connections_per_address, 512);
    assert_eq!(config.limits.body_memory, 256 << 20);
    assert_eq!(config.limits.health_listen, None);
    assert!(config.database.url.is_none());
    assert_eq!(config.database.data_dir, PathBuf::from("./var"));
    assert_eq!(config.database.connections, 32);
    assert_eq!(config.access.admin_username, "admin");
    assert_eq!(config.access.token_ttl, Duration::from_secs(86_400));
    assert_eq!(config.delivery.lease, Duration::from_secs(10));
    assert_eq!(config.delivery.voice_deadline, Duration::from_secs(120));
    assert_eq!(
        (config.process.role, config.process.node_id),
        (Role::All, None)
    );
    assert_eq!(
        (config.log.filter.as_str(), config.log.format),
        ("info", LogFormat::Human)
    );
}

/// A good value of each setting, none of them its default.
const GOOD: &[(&str, &str)] = &[
    ("LEDGERLINE_LISTEN", "[::]:9000"),
    ("LEDGERLINE_TRUST_PROXY", "true"),
    (
        "LEDGERLINE_CORS_ORIGINS",
        "https://app.example, http://[::1]:3000",
    ),
    ("LEDGERLINE_HEADER_SECONDS", "5"),
    ("LEDGERLINE_MAX_CONNECTIONS", "300"),
    ("LEDGERLINE_MAX_CONNECTIONS_PER_ADDRESS", "31"),
    ("LEDGERLINE_BODY_MEMORY_MB", "33"),
    ("LEDGERLINE_HEALTH_LISTEN", "127.0.0.1:9001"),
    ("LEDGERLINE_UPLOAD_LIMIT_MB", "7"),
    ("LEDGERLINE_DOCUMENT_PAGES", "8"),
    ("LEDGERLINE_RECORDING_SECONDS", "11"),
    ("LEDGERLINE_CONVERSION_SECONDS", "9"),
    ("LEDGERLINE_CONVERSION_MEMORY_MB", "256"),
    ("LEDGERLINE_CONVERSIONS", "3"),
    ("LEDGERLINE_CONFINEMENT", "required"),
    ("LEDGERLINE_IMPORT_LIMIT_MB", "9"),
    ("LEDGERLINE_DATABASE_URL", "postgres://u:hush-url@db/ledger"),
    ("LEDGERLINE_POSTGRES_CONNECTIONS", "40"),
    ("LEDGERLINE_DATA_DIR", "/srv/ledgerline"),
    ("LEDGERLINE_POSTGRES_BIN", "/opt/pg/bin"),
    ("LEDGERLINE_POSTGRES_LISTEN", "127.0.0.1:5433"),
    ("LEDGERLINE_READER_PASSWORD", "hush-reader"),
    ("LEDGERLINE_MASTER_KEY", KEY),
    ("LEDGERLINE_ADMIN_USERNAME", "root"),
    ("LEDGERLINE_ADMIN_PASSWORD", "hush-password"),
    ("LEDGERLINE_TOKEN_TTL_SECONDS", "600"),
    ("LEDGERLINE_LOGIN_ATTEMPTS", "3"),
    ("LEDGERLINE_LOGIN_ATTEMPTS_PER_ADDRESS", "30"),
    ("LEDGERLINE_PASSWORD_POLICY", "strict"),
    ("LEDGERLINE_ROLE", "worker"),
    ("LEDGERLINE_NODE_ID", "4"),
    ("LEDGERLINE_COMPANY", "Muster & Söhne"),
    ("LEDGERLINE_CPM_UNIT", "minute"),
    ("LEDGERLINE_ADDRESSES", "trusted"),
    ("LEDGERLINE_SENDER_GRACE", "12"),
    ("LEDGERLINE_CAMPAIGN_DUPLICATES", "true"),
    ("LEDGERLINE_LEASE_SECONDS", "20"),
    ("LEDGERLINE_RETRY_BASE_SECONDS", "61"),
    ("LEDGERLINE_TRY_EMAIL_DEADLINE_SECONDS", "101"),
    ("LEDGERLINE_TRY_SMS_DEADLINE_SECONDS", "102"),
    ("LEDGERLINE_TRY_FAX_DEADLINE_SECONDS", "103"),
    ("LEDGERLINE_TRY_VOICE_DEADLINE_SECONDS", "104"),
    ("LEDGERLINE_LMTP_LISTEN", "127.0.0.1:8024"),
    ("LEDGERLINE_SMTP_LISTEN", "[::]:25"),
    ("LEDGERLINE_SMTP_CERTIFICATE", "/etc/ledger.pem"),
    ("LEDGERLINE_SMTP_CERTIFICATE_KEY", "/etc/ledger.key"),
    ("LEDGERLINE_COMPLAINT_ADDRESS", "fbl@news.example"),
    ("LEDGERLINE_MAIL_LIMIT_MB", "30"),
    ("LEDGERLINE_PROVIDER_NETWORKS", "10.0.0.0/8, 192.0.2.7"),
    ("LEDGERLINE_STOP_LANGUAGES", "en, de"),
    ("LEDGERLINE_STOP_WORDS", "Genug, Basta"),
    ("LEDGERLINE_START_WORDS", "Weiter"),
    ("LEDGERLINE_STOP_ANSWER", "Bye"),
    ("LEDGERLINE_URL", "http://ledger:9000"),
    ("LEDGERLINE_LOG", "warn,ledgerline=debug"),
    ("LEDGERLINE_LOG_FORMAT", "json"),
];

#[test]
fn every_setting_is_in_the_help_and_arrives_from_environment_and_file() {
    let names: Vec<_> = GOOD.iter().map(|(name, _)| *name).collect();
    let listed: Vec<_> = SETTINGS.iter().map(|setting| setting.name).collect();
    assert_eq!(names, listed);

    let help = settings_help();
    let mut toml = String::new();
    for (setting, (_, text)) in SETTINGS.iter().zip(GOOD) {
        assert_eq!(
            setting.name,
            format!("LEDGERLINE_{}", setting.key.to_uppercase())
        );
        assert!(
            help.contains(&format!("{} [{}]", setting.name, setting.key)),
            "{}",
            setting.name
        );
        assert!(help.contains(setting.default) && help.contains(setting.help));
        toml.push_str(&format!("{} = \"{text}\"\n", setting.key));
    }
    for sources in [environment(GOOD), file(&toml)] {
        let values = Values::resolve(&sources).unwrap();
        for (name, text) in GOOD {
            assert_eq!(values.text(name), Some(*text));
        }
        let Config {
            server,
            conversion,
            limits,
            database,
            access,
            process,
            delivery,
            receiving,
            identity,
            log,
            master_key,
        } = Config::load(&sources).unwrap();
        assert_eq!(server.listen.to_string(), "[::]:9000");
        assert!(server.trust_proxy);
        assert_eq!(server.upload_limit, 7 << 20);
        assert_eq!(limits.connections, Some(300));
        assert_eq!(limits.connections_per_address, 31);
        assert_eq!(limits.body_memory, 33 << 20);
        assert_eq!(limits.health_listen, "127.0.0.1:9001".parse().ok());
        assert_eq!(conversion.document_pages, 8);
        assert_eq!(conversion.recording_seconds, 11);
        assert_eq!(conversion.limits.time.as_secs(), 9);
        assert_eq!(conversion.limits.memory, 256 << 20);
        assert_eq!(conversion.limits.at_once, 3);
        assert_eq!(conversion.confinement, ConfinementPolicy::Required);
        assert!(
            conversion
                .hidden
                .contains(&PathBuf::from("/srv/ledgerline"))
        );
        assert_eq!(server.import_limit, 9 << 20);
        assert_eq!(
            database.url.unwrap().expose_secret(),
            "postgres://u:hush-url@db/ledger"
        );
        assert_eq!(database.connections, 40);
        assert_eq!(database.data_dir, PathBuf::from("/srv/ledgerline"));
        assert_eq!(database.postgres_bin, Some("/opt/pg/bin".into()));
        assert_eq!(database.postgres_listen.unwrap().port(), 5433);
        assert_eq!(
            database.reader_password.unwrap().expose_secret(),
            "hush-reader"
        );
        assert_eq!(server.url.unwrap(), "http://ledger:9000");
        assert_eq!(master_key.unwrap().expose_secret(), KEY);
        assert_eq!(access.admin_username, "root");
        assert_eq!(
            access.admin_password.unwrap().expose_secret(),
            "hush-password"
        );
        assert_eq!(access.token_ttl.as_secs(), 600);
        assert_eq!(access.login_attempts, 3);
        assert_eq!(access.login_attempts_per_address, 30);
        assert_eq!(access.password_policy, api::PasswordPolicy::Strict);
        assert_eq!((process.role, process.node_id), (Role::Worker, Some(4)));
        assert_eq!(delivery.company, "Muster & Söhne");
        assert_eq!(delivery.cpm_unit, PaceUnit::Minute);
        assert!(delivery.campaign_duplicates);
        assert_eq!(receiving.lmtp.unwrap().port(), 8024);
        assert_eq!(receiving.smtp.unwrap().port(), 25);
        assert!(receiving.certificate.is_some());
        assert_eq!(
            receiving.complaints.unwrap().to_string(),
            "fbl@news.example"
        );
        assert_eq!(receiving.mail_limit, 30 << 20);
        let words = receiving.words;
        assert_eq!(words.wish("baja"), None);
        let answer = Some("Bye".to_owned());
        assert_eq!(words.wish("genug"), Some(&Wish::Stop { answer }));
        assert_eq!(words.wish("weiter"), Some(&Wish::Start));
        assert_eq!(identity.policy, AddressPolicy::Trusted);
        assert_eq!(identity.grace.as_secs(), 12 * 24 * 60 * 60);
        let elsewhere = "198.51.100.1".parse().unwrap();
        assert!(delivery.provider_networks.check(elsewhere).is_err());
        assert_eq!(delivery.lease.as_secs(), 20);
        assert_eq!(delivery.retry_base.as_secs(), 61);
        assert_eq!(delivery.email_deadline.as_secs(), 101);
        assert_eq!(delivery.sms_deadline.as_secs(), 102);
        assert_eq!(delivery.fax_deadline.as_secs(), 103);
        assert_eq!(delivery.voice_deadline.as_secs(), 104);
        assert_eq!(
            (log.filter.as_str(), log.format),
            ("warn,ledgerline=debug", LogFormat::Json)
        );
    }
}

#[test]
fn a_setting_of_the_environment_goes_before_the_files() {
    let mut sources = file("listen = \"127.0.0.1:1\"\nlease_seconds = 30\ntrust_proxy = true");
    sources.environment = environment(&[("LEDGERLINE_LISTEN", "127.0.0.1:2")]).environment;
    let config = Config::load(&sources).unwrap();
    assert_eq!(config.server.listen.port(), 2);
    assert_eq!(config.delivery.lease.as_secs(), 30);
    assert!(config.server.trust_proxy);
}

#[test]
fn an_empty_variable_is_an_unset_one() {
    let config = Config::load(&environment(&[
        ("LEDGERLINE_LEASE_SECONDS", ""),
        ("LEDGERLINE_POSTGRES_LISTEN", " "),
    ]));
    assert_eq!(config.unwrap().delivery.lease.as_secs(), 10);
}

#[test]
fn a_wrong_value_stops_the_start_and_is_named() {
    for (name, text) in [
        ("LEDGERLINE_LISTEN", "8000"),
        ("LEDGERLINE_TRUST_PROXY", "maybe"),
        ("LEDGERLINE_UPLOAD_LIMIT_MB", "0"),
        ("LEDGERLINE_POSTGRES_CONNECTIONS", "-1"),
        ("LEDGERLINE_POSTGRES_CONNECTIONS", "5"),
        ("LEDGERLINE_POSTGRES_LISTEN", "0.0.0.0:5433"),
        ("LEDGERLINE_LEASE_SECONDS", "1"),
        ("LEDGERLINE_LEASE_SECONDS", "3601"),
        ("LEDGERLINE_LEASE_SECONDS", "ten"),
        ("LEDGERLINE_TOKEN_TTL_SECONDS", "1.5"),
        ("LEDGERLINE_NODE_ID", "0"),
        ("LEDGERLINE_ROLE", "boss"),
        ("LEDGERLINE_CPM_UNIT", "hour"),
        ("LEDGERLINE_PROVIDER_NETWORKS", "10.0.0.0/33"),
        ("LEDGERLINE_STOP_LANGUAGES", "en,klingon"),
        ("LEDGERLINE_LMTP_LISTEN", "24"),
        ("LEDGERLINE_SMTP_CERTIFICATE", "/etc/ledger.pem"),
        ("LEDGERLINE_CORS_ORIGINS", "https://app.example:99999"),
        ("LEDGERLINE_URL", "uc.example"),
        ("LEDGERLINE_LOG", "=,="),
        ("LEDGERLINE_LOG", "loud"),
        ("LEDGERLINE_LOG", "info,loud"),
        ("LEDGERLINE_LOG_FORMAT", "xml"),
    ] {
        let said = refusal(&environment(&[(name, text)]));
        assert!(said.contains(name) && said.contains(text), "{said}");
    }
    let said = refusal(&file("lease_seconds = [1]"));
    assert!(said.contains("lease_seconds in ledgerline.toml"), "{said}");
}

#[test]
fn a_wrong_secret_is_named_but_not_shown() {
    for name in ["LEDGERLINE_DATABASE_URL", "LEDGERLINE_MASTER_KEY"] {
        let said = refusal(&environment(&[(name, "mysql://u:hush@db")]));
        assert!(said.contains(name) && !said.contains("hush"), "{said}");
    }
    let said = refusal(&file("listen = \"127.0.0.1:1\"\nadmin_password = hush"));
    assert!(said.contains("line 2") && !said.contains("hush"), "{said}");
}

#[test]
fn a_misspelt_setting_stops_the_start_with_a_suggestion() {
    let said = refusal(&environment(&[("LEDGERLINE_LISTN", "127.0.0.1:1")]));
    assert!(
        said.contains("LEDGERLINE_LISTN; did you mean LEDGERLINE_LISTEN"),
        "{said}"
    );
    let said = refusal(&file("lease_second = 3"));
    assert!(said.contains("did you mean lease_seconds"), "{said}");
    let said = refusal(&environment(&[(
        "LEDGERLINE_SOMETHING_ELSE_ALTOGETHER",
        "1",
    )]));
    assert!(!said.contains("did you mean"), "{said}");
}

#[test]
fn variables_that_others_put_there_are_ignored() {
    let others = environment(&[
        ("LEDGERLINE_SERVICE_HOST", "10.0.0.1"),
        ("LEDGERLINE_PORT", "tcp://10.0.0.1:80"),
        ("LEDGERLINE_PORT_80_TCP_PROTO", "tcp"),
        ("LEDGERLINE_TEST_PYTHON", "/usr/bin/python3"),
        ("PATH", "/bin"),
    ]);
    Config::load(&others).unwrap();
    let said = refusal(&environment(&[("LEDGERLINE_PORT", "8000")]));
    assert!(said.contains("LEDGERLINE_PORT"), "{said}");
}

#[test]
fn a_database_url_requires_a_master_key_and_a_role_requires_a_database_url() {
    let said = refusal(&environment(&[(
        "LEDGERLINE_DATABASE_URL",
        "postgres://db/ledger",
    )]));
    assert!(said.contains("LEDGERLINE_MASTER_KEY is not set"), "{said}");
    let said = refusal(&environment(&[("LEDGERLINE_ROLE", "worker")]));
    assert!(
        said.contains("LEDGERLINE_DATABASE_URL is not set"),
        "{said}"
    );
}

#[test]
fn secrets_do_not_show_in_debug_output() {
    let shown = format!("{:?}", Config::load(&environment(GOOD)).unwrap());
    assert!(!shown.contains("hush") && !shown.contains(KEY), "{shown}");
}

#[test]
fn a_master_key_is_made_once_kept_private_and_refused_when_others_can_read_it() {
    let root = std::env::temp_dir().join(format!("ledgerline-key-{}", std::process::id()));
    let data_dir = root.join("var");
    let sources = environment(&[("LEDGERLINE_DATA_DIR", data_dir.to_str().unwrap())]);
    let config = Config::load(&sources).unwrap();
    let path = master_key::file_in(&data_dir);

    config.master_key().unwrap();
    let made = fs::read_to_string(&path).unwrap();
    config.master_key().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), made);
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(fs::read_dir(&data_dir).unwrap().count(), 1);

    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let said = config.master_key().unwrap_err().to_string();
    assert!(said.contains("chmod 600"), "{said}");

    fs::write(&path, "not a key").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(
        config.master_key(),
        Err(MasterKeyError::Malformed(_))
    ));
    fs::remove_dir_all(root).unwrap();
}
