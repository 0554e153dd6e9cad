//! All settings. A new setting is a line here and a field in a section.

/// A setting: in the environment, in `ledgerline.toml` and in the help.
#[derive(Debug)]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// The key in `ledgerline.toml`.
    pub key: &'static str,
    /// The value if the setting is not given; empty for none.
    pub default: &'static str,
    /// The text of the help.
    pub help: &'static str,
    /// True if the value is never shown, not even when it is wrong.
    pub secret: bool,
}

const fn setting(
    name: &'static str,
    key: &'static str,
    default: &'static str,
    help: &'static str,
) -> Setting {
    Setting {
        name,
        key,
        default,
        help,
        secret: false,
    }
}

const fn secret(name: &'static str, key: &'static str, help: &'static str) -> Setting {
    Setting {
        name,
        key,
        default: "",
        help,
        secret: true,
    }
}

/// The list from which loading, the help and the detection of misspelt names work.
#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    setting("LEDGERLINE_LISTEN", "listen", "127.0.0.1:8000",
        "Address and port of the REST API."),
    setting("LEDGERLINE_TRUST_PROXY", "trust_proxy", "false",
        "Believe X-Forwarded-For for the client's address and X-Forwarded-Host for the host (true or false): only \
         behind a proxy that sets both."),
    setting("LEDGERLINE_CORS_ORIGINS", "cors_origins", "",
        "Origins whose pages may use the API from a browser, as in https://app.example, separated by commas, \
         or * for reading by all, without credentials. Unset: nobody's."),
    setting("LEDGERLINE_HEADER_SECONDS", "header_seconds", "60",
        "How long a connection may take to send a request's headers, be idle between requests, and take nothing of \
         an answer (1 to 600)."),
    setting("LEDGERLINE_MAX_CONNECTIONS", "max_connections", "",
        "Connections of clients that are open at the same time (16 to 1000000); beyond, the one that is idle longest \
         is closed. Unset: as many as the limit on open files leaves room for, at most 10000."),
    setting("LEDGERLINE_MAX_CONNECTIONS_PER_ADDRESS", "max_connections_per_address", "512",
        "Connections from one address that are open at the same time, IPv6 by its /64 (1 to 1000000). Loopback is not limited, nor anybody under \
         LEDGERLINE_TRUST_PROXY."),
    setting("LEDGERLINE_BODY_MEMORY_MB", "body_memory_mb", "256",
        "Memory for bodies of requests over all connections, in megabytes (32 to 65536); beyond, they wait and are \
         then refused with 503."),
    setting("LEDGERLINE_HEALTH_LISTEN", "health_listen", "",
        "Address and port where /healthz, /readyz and /metrics are answered too, whatever the role. Unset: none."),
    setting("LEDGERLINE_UPLOAD_LIMIT_MB", "upload_limit_mb", "25",
        "Largest upload, in megabytes (1 to 1024)."),
    setting("LEDGERLINE_DOCUMENT_PAGES", "document_pages", "500",
        "Most pages of a document (1 to 10000)."),
    setting("LEDGERLINE_RECORDING_SECONDS", "recording_seconds", "3600",
        "How long a recording may play (1 to 14400)."),
    setting("LEDGERLINE_CONVERSION_SECONDS", "conversion_seconds", "60",
        "How long an upload may take to convert (1 to 300)."),
    setting("LEDGERLINE_CONVERSION_MEMORY_MB", "conversion_memory_mb", "1024",
        "Address space of a program that converts, in megabytes (128 to 65536)."),
    setting("LEDGERLINE_CONVERSIONS", "conversions", "2",
        "Programs that convert at the same time (1 to 64)."),
    setting("LEDGERLINE_CONFINEMENT", "confinement", "auto",
        "Confinement of programs that convert, without network, other files and other processes: auto (where \
         bubblewrap or Landlock works), required (else nothing is converted) or off."),
    setting("LEDGERLINE_IMPORT_LIMIT_MB", "import_limit_mb", "256",
        "Largest list of contacts that can be imported, in megabytes (1 to 16384)."),
    secret("LEDGERLINE_DATABASE_URL", "database_url",
        "postgres:// URL of a PostgreSQL 14 or newer. Without it an embedded one runs in the data directory."),
    setting("LEDGERLINE_POSTGRES_CONNECTIONS", "postgres_connections", "32",
        "Most database connections of this process, whatever for (8 to 500; role api from 7, worker and \
         projector from 6). The embedded Postgres allows 100 in all."),
    setting("LEDGERLINE_DATA_DIR", "data_dir", "./var",
        "Directory of the embedded Postgres and the master key's file."),
    setting("LEDGERLINE_POSTGRES_BIN", "postgres_bin", "",
        "Folder with the postgres and initdb to embed. Unset: looked for."),
    setting("LEDGERLINE_POSTGRES_LISTEN", "postgres_listen", "",
        "Loopback address and port for analysts to reach the embedded Postgres over TCP, as in 127.0.0.1:5433. \
         Unset: a private socket only."),
    secret("LEDGERLINE_READER_PASSWORD", "reader_password",
        "Password of the role ledgerline_reader over TCP, set at every start. Unset: left as it is; without one \
         the role gets in through the private socket only."),
    secret("LEDGERLINE_MASTER_KEY", "master_key",
        "32 random bytes in hex or base64 that seal personal data and secrets. \
         Required with a database URL; else made on the first start and kept in the data directory."),
    setting("LEDGERLINE_ADMIN_USERNAME", "admin_username", "admin",
        "User created on the first start."),
    secret("LEDGERLINE_ADMIN_PASSWORD", "admin_password",
        "That user's password. Unset: a random one, shown once."),
    setting("LEDGERLINE_TOKEN_TTL_SECONDS", "token_ttl_seconds", "86400",
        "How long a token is valid (60 to 31536000)."),
    setting("LEDGERLINE_LOGIN_ATTEMPTS", "login_attempts", "10",
        "Failed logins allowed for a name from an address in 5 minutes (1 to 10000)."),
    setting("LEDGERLINE_LOGIN_ATTEMPTS_PER_ADDRESS", "login_attempts_per_address", "100",
        "Failed logins allowed from an address in 5 minutes, whatever the names; further attempts wait for their \
         turn, at the same pace (1 to 1000000)."),
    setting("LEDGERLINE_PASSWORD_POLICY", "password_policy", "basic",
        "Policy on passwords that are set: basic (8 characters, not the username or email address) or strict \
         (nor one of 11000 common ones)."),
    setting("LEDGERLINE_ROLE", "role", "all",
        "What this process does: all, api, worker or projector. Other than all needs a database URL."),
    setting("LEDGERLINE_NODE_ID", "node_id", "",
        "Number of this node: its workers also serve the providers pinned to it (1 or more)."),
    setting("LEDGERLINE_COMPANY", "company", "",
        "Company name that messages may insert."),
    setting("LEDGERLINE_CPM_UNIT", "cpm_unit", "second",
        "What a campaign's cpm counts: transmissions per second, or per minute as ICTCore does."),
    setting("LEDGERLINE_ADDRESSES", "addresses", "verified",
        "Accounts that receive at, and send as, the numbers and addresses written into them: verified (those \
         that were verified or that an account administrator set) or trusted (all; for a single company)."),
    setting("LEDGERLINE_SENDER_GRACE", "sender_grace", "30",
        "Days for which accounts of an older version go on using addresses that nobody verified (0 to 3650); \
         read once, at the first start of this version."),
    setting("LEDGERLINE_CAMPAIGN_DUPLICATES", "campaign_duplicates", "false",
        "Whether campaigns that do not say so reach a phone or address twice that two contacts have."),
    setting("LEDGERLINE_LEASE_SECONDS", "lease_seconds", "10",
        "Time for which a worker that does not answer keeps its transmissions, its lease (2 to 3600)."),
    setting("LEDGERLINE_RETRY_BASE_SECONDS", "retry_base_seconds", "60",
        "First pause before a transmission is tried again; it doubles from there (1 to 3600)."),
    setting("LEDGERLINE_TRY_EMAIL_DEADLINE_SECONDS", "try_email_deadline_seconds", "86400",
        "Time for which unreachable mail servers are tried (1 to 604800)."),
    setting("LEDGERLINE_TRY_SMS_DEADLINE_SECONDS", "try_sms_deadline_seconds", "3600",
        "Time for which unreachable message centres are tried (1 to 604800)."),
    setting("LEDGERLINE_TRY_FAX_DEADLINE_SECONDS", "try_fax_deadline_seconds", "1800",
        "Time for which unreachable fax lines are tried (1 to 604800)."),
    setting("LEDGERLINE_TRY_VOICE_DEADLINE_SECONDS", "try_voice_deadline_seconds", "120",
        "Time for which unreachable voice lines are tried (1 to 604800)."),
    setting("LEDGERLINE_LMTP_LISTEN", "lmtp_listen", "",
        "Address and port where a mail server hands over mail by LMTP, as in 127.0.0.1:8024. Unset: none."),
    setting("LEDGERLINE_SMTP_LISTEN", "smtp_listen", "",
        "Address and port where mail comes in by SMTP, as in 0.0.0.0:25. Unset: none."),
    setting("LEDGERLINE_SMTP_CERTIFICATE", "smtp_certificate", "",
        "File with the certificate, and those above it, that SMTP offers STARTTLS with, in PEM. Unset: not offered."),
    setting("LEDGERLINE_SMTP_CERTIFICATE_KEY", "smtp_certificate_key", "",
        "File with that certificate's key, in PEM."),
    setting("LEDGERLINE_COMPLAINT_ADDRESS", "complaint_address", "",
        "Address that mailbox providers send complaints about mails to (ARF). Unset: none."),
    setting("LEDGERLINE_MAIL_LIMIT_MB", "mail_limit_mb", "25",
        "Largest mail that comes in, in megabytes (1 to 256)."),
    setting("LEDGERLINE_PROVIDER_NETWORKS", "provider_networks", "",
        "Networks that providers may be in, as in 10.0.0.0/8,192.0.2.7, separated by commas. Unset: all but \
         link-local ones and those of metadata services, which are never connected to."),
    setting("LEDGERLINE_STOP_LANGUAGES", "stop_languages", "en,de,fr,es,it,pt,nl",
        "Languages whose words such as STOP end short messages, and START brings them back."),
    setting("LEDGERLINE_STOP_WORDS", "stop_words", "",
        "More words that do so, with commas between them."),
    setting("LEDGERLINE_START_WORDS", "start_words", "",
        "More words that bring them back."),
    setting("LEDGERLINE_STOP_ANSWER", "stop_answer", "",
        "What is answered once to such a word. Unset: a sentence in the word's language; none: nothing."),
    setting("LEDGERLINE_URL", "url", "",
        "Where this server is reached by browsers, by `ledgerline demo` and by what reports to it; pages of its \
         origin may change things. Unset: where LEDGERLINE_LISTEN says, and for browsers the host they ask for."),
    setting("LEDGERLINE_LOG", "log", "info",
        "What is logged, as a filter: info, or warn,ledgerline=debug."),
    setting("LEDGERLINE_LOG_FORMAT", "log_format", "human",
        "human or json."),
];
