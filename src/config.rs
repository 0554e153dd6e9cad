//! The settings: from `ledgerline.toml` and `LEDGERLINE_*` variables to one struct per section.
//!
//! A new setting is a line in [`settings::SETTINGS`] (which is also the help) and a field below.

mod connections;
mod conversion;
mod error;
mod identity;
mod limits;
pub mod master_key;
mod receiving;
mod role;
mod settings;
#[cfg(test)]
mod tests;
mod values;

use std::{net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use api::PasswordPolicy;
use domain::delivery::PaceUnit;
use eventstore::{MasterKey, embedded};
use gateways::network::ProviderNetworks;
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;
use tracing_subscriber::EnvFilter;

pub use self::{
    connections::Connections, conversion::ConversionConfig, error::ConfigError,
    identity::IdentityConfig, limits::LimitsConfig, receiving::ReceivingConfig, role::Role,
    settings::SETTINGS, values::Sources,
};
use self::{master_key::MasterKeyError, values::Values};

const YEAR: u64 = 365 * 24 * 3600;
const WEEK: u64 = 7 * 24 * 3600;

/// Everything one can set. Secrets do not show in its debug output.
#[derive(Debug, Clone)]
pub struct Config {
    /// The REST API.
    pub server: ServerConfig,
    /// Connections of clients, and bodies.
    pub limits: LimitsConfig,
    /// What becomes of uploads.
    pub conversion: ConversionConfig,
    /// The database.
    pub database: DatabaseConfig,
    /// Users and tokens.
    pub access: AccessConfig,
    /// What this process is.
    pub process: ProcessConfig,
    /// Sending.
    pub delivery: DeliveryConfig,
    /// Receiving.
    pub receiving: ReceivingConfig,
    /// Addresses of accounts.
    pub identity: IdentityConfig,
    /// The log.
    pub log: LogConfig,
    /// `LEDGERLINE_MASTER_KEY`, known to be well-formed.
    master_key: Option<SecretString>,
}

/// The REST API.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// `LEDGERLINE_LISTEN` (127.0.0.1:8000)
    pub listen: SocketAddr,
    /// `LEDGERLINE_TRUST_PROXY` (false)
    pub trust_proxy: bool,
    /// `LEDGERLINE_CORS_ORIGINS` (none)
    pub cors_origins: Vec<String>,
    /// `LEDGERLINE_HEADER_SECONDS` (60)
    pub header_timeout: Duration,
    /// `LEDGERLINE_UPLOAD_LIMIT_MB` (25), in bytes.
    pub upload_limit: usize,
    /// `LEDGERLINE_IMPORT_LIMIT_MB` (256), in bytes.
    pub import_limit: usize,
    /// `LEDGERLINE_URL` (none: where `listen` says), for commands that are clients.
    pub url: Option<String>,
}

/// The database.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    /// `LEDGERLINE_DATABASE_URL` (none: the embedded Postgres)
    pub url: Option<SecretString>,
    /// `LEDGERLINE_DATA_DIR` (./var)
    pub data_dir: PathBuf,
    /// `LEDGERLINE_POSTGRES_BIN` (none: looked for)
    pub postgres_bin: Option<PathBuf>,
    /// `LEDGERLINE_POSTGRES_LISTEN` (none: no TCP)
    pub postgres_listen: Option<SocketAddr>,
    /// `LEDGERLINE_READER_PASSWORD` (none: left as it is)
    pub reader_password: Option<SecretString>,
    /// `LEDGERLINE_POSTGRES_CONNECTIONS` (32)
    pub connections: u32,
}

/// Users and tokens.
#[derive(Debug, Clone)]
pub struct AccessConfig {
    /// `LEDGERLINE_ADMIN_USERNAME` (admin)
    pub admin_username: String,
    /// `LEDGERLINE_ADMIN_PASSWORD` (none: a random one)
    pub admin_password: Option<SecretString>,
    /// `LEDGERLINE_TOKEN_TTL_SECONDS` (86400)
    pub token_ttl: Duration,
    /// `LEDGERLINE_LOGIN_ATTEMPTS` (10)
    pub login_attempts: u32,
    /// `LEDGERLINE_LOGIN_ATTEMPTS_PER_ADDRESS` (100)
    pub login_attempts_per_address: u32,
    /// `LEDGERLINE_PASSWORD_POLICY` (basic)
    pub password_policy: PasswordPolicy,
}

/// What this process is.
#[derive(Debug, Clone)]
pub struct ProcessConfig {
    /// `LEDGERLINE_ROLE` (all)
    pub role: Role,
    /// `LEDGERLINE_NODE_ID` (none)
    pub node_id: Option<i64>,
}

/// Sending.
#[derive(Debug, Clone)]
pub struct DeliveryConfig {
    /// `LEDGERLINE_COMPANY` (empty)
    pub company: String,
    /// `LEDGERLINE_CAMPAIGN_DUPLICATES` (false)
    pub campaign_duplicates: bool,
    /// `LEDGERLINE_CPM_UNIT` (second)
    pub cpm_unit: PaceUnit,
    /// `LEDGERLINE_LEASE_SECONDS` (10)
    pub lease: Duration,
    /// `LEDGERLINE_RETRY_BASE_SECONDS` (60)
    pub retry_base: Duration,
    /// `LEDGERLINE_TRY_EMAIL_DEADLINE_SECONDS` (86400)
    pub email_deadline: Duration,
    /// `LEDGERLINE_TRY_SMS_DEADLINE_SECONDS` (3600)
    pub sms_deadline: Duration,
    /// `LEDGERLINE_TRY_FAX_DEADLINE_SECONDS` (1800)
    pub fax_deadline: Duration,
    /// `LEDGERLINE_TRY_VOICE_DEADLINE_SECONDS` (120)
    pub voice_deadline: Duration,
    /// `LEDGERLINE_PROVIDER_NETWORKS` (none: all that are not forbidden)
    pub provider_networks: ProviderNetworks,
}

/// The log.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// `LEDGERLINE_LOG` (info), known to be a filter.
    pub filter: String,
    /// `LEDGERLINE_LOG_FORMAT` (human)
    pub format: LogFormat,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For a terminal.
    Human,
    /// A JSON object a line.
    Json,
}

impl Config {
    /// Reads every setting, or says which one is wrong.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let values = Values::resolve(sources)?;
        let config = Self {
            server: ServerConfig::load(&values)?,
            limits: LimitsConfig::load(&values)?,
            conversion: ConversionConfig::load(&values, sources)?,
            database: DatabaseConfig::load(&values)?,
            access: AccessConfig::load(&values)?,
            process: ProcessConfig::load(&values)?,
            delivery: DeliveryConfig::load(&values)?,
            receiving: ReceivingConfig::load(&values)?,
            identity: IdentityConfig::load(&values)?,
            log: LogConfig::load(&values)?,
            master_key: values.secret("LEDGERLINE_MASTER_KEY"),
        };
        if values
            .text("LEDGERLINE_MASTER_KEY")
            .is_some_and(|key| master_key::parse(key).is_none())
        {
            return Err(values.wrong("LEDGERLINE_MASTER_KEY", "32 bytes in hex or base64"));
        }
        let missing = |missing, because: &str| ConfigError::Missing {
            missing,
            because: because.to_owned(),
        };
        if config.database.url.is_some() && config.master_key.is_none() {
            return Err(missing("LEDGERLINE_MASTER_KEY", "LEDGERLINE_DATABASE_URL"));
        }
        if config.database.url.is_none() && config.process.role != Role::All {
            return Err(missing(
                "LEDGERLINE_DATABASE_URL",
                "a LEDGERLINE_ROLE other than all",
            ));
        }
        Ok(config)
    }

    /// The key from its setting, else the one kept in the data directory, which is made on the first call.
    pub fn master_key(&self) -> Result<MasterKey, MasterKeyError> {
        let data_dir = &self.database.data_dir;
        match self
            .master_key
            .as_ref()
            .and_then(|key| master_key::parse(key.expose_secret()))
        {
            Some(key) => Ok(key),
            None => {
                embedded::create_data_dir(data_dir).map_err(|error| MasterKeyError::File {
                    path: master_key::file_in(data_dir),
                    source: std::io::Error::other(error),
                })?;
                master_key::read_or_create(data_dir)
            }
        }
    }
}

impl ServerConfig {
    fn load(values: &Values) -> Result<Self, ConfigError> {
        let megabytes: usize = values.within("LEDGERLINE_UPLOAD_LIMIT_MB", 1..=1024)?;
        let of_lists: usize = values.within("LEDGERLINE_IMPORT_LIMIT_MB", 1..=16384)?;
        Ok(Self {
            listen: values.value(
                "LEDGERLINE_LISTEN",
                "an address and a port, as in 127.0.0.1:8000",
            )?,
            trust_proxy: values.value("LEDGERLINE_TRUST_PROXY", "true or false")?,
            cors_origins: origins(values)?,
            header_timeout: values.seconds("LEDGERLINE_HEADER_SECONDS", 1..=600)?,
            upload_limit: megabytes * 1024 * 1024,
            import_limit: of_lists * 1024 * 1024,
            url: url(values)?,
        })
    }
}

/// The URL at which clients reach this installation.
fn url(values: &Values) -> Result<Option<String>, ConfigError> {
    let name = "LEDGERLINE_URL";
    match values.text(name) {
        Some(url) if !api::is_web_url(url) => {
            Err(values.wrong(name, "a URL as in https://uc.example"))
        }
        url => Ok(url.map(str::to_owned)),
    }
}

/// `*`, or origins: a scheme, a host and perhaps a port, as browsers write them.
fn origins(values: &Values) -> Result<Vec<String>, ConfigError> {
    let name = "LEDGERLINE_CORS_ORIGINS";
    let text = values.text(name).unwrap_or_default();
    let origins: Vec<String> = text
        .split(',')
        .map(|origin| origin.trim().to_owned())
        .filter(|origin| !origin.is_empty())
        .collect();
    let is_origin = |origin: &String| {
        let host = ["https://", "http://"].map(|scheme| origin.strip_prefix(scheme));
        let host = host.into_iter().flatten().next().unwrap_or_default();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.:[]".contains(c);
        !host.is_empty() && host.chars().all(plain) && api::is_origin(origin)
    };
    match origins.as_slice() {
        [all] if all == "*" => Ok(origins),
        some if some.iter().all(is_origin) => Ok(origins),
        _ => Err(values.wrong(
            name,
            "origins as in https://app.example, in small letters, or *",
        )),
    }
}

impl DatabaseConfig {
    fn load(values: &Values) -> Result<Self, ConfigError> {
        let url = values.text("LEDGERLINE_DATABASE_URL");
        let is_postgres = |url: &str| {
            ["postgres://", "postgresql://"]
                .iter()
                .any(|scheme| url.starts_with(scheme))
                && PgConnectOptions::from_str(url).is_ok()
        };
        if url.is_some_and(|url| !is_postgres(url)) {
            return Err(values.wrong(
                "LEDGERLINE_DATABASE_URL",
                "a URL as in postgres://user:password@host:5432/database",
            ));
        }
        let loopback = "a loopback address and a port, as in 127.0.0.1:5433";
        let postgres_listen: Option<SocketAddr> =
            values.optional("LEDGERLINE_POSTGRES_LISTEN", loopback)?;
        if postgres_listen.is_some_and(|address| !address.ip().is_loopback() || address.port() == 0)
        {
            return Err(values.wrong("LEDGERLINE_POSTGRES_LISTEN", loopback));
        }
        Ok(Self {
            url: values.secret("LEDGERLINE_DATABASE_URL"),
            data_dir: values.value("LEDGERLINE_DATA_DIR", "a directory")?,
            postgres_bin: values.path("LEDGERLINE_POSTGRES_BIN"),
            postgres_listen,
            reader_password: values.secret("LEDGERLINE_READER_PASSWORD"),
            connections: values
                .within("LEDGERLINE_POSTGRES_CONNECTIONS", Connections::LEAST..=500)?,
        })
    }
}

impl AccessConfig {
    fn load(values: &Values) -> Result<Self, ConfigError> {
        Ok(Self {
            admin_username: values.value("LEDGERLINE_ADMIN_USERNAME", "a name")?,
            admin_password: values.secret("LEDGERLINE_ADMIN_PASSWORD"),
            token_ttl: values.seconds("LEDGERLINE_TOKEN_TTL_SECONDS", 60..=YEAR)?,
            login_attempts: values.within("LEDGERLINE_LOGIN_ATTEMPTS", 1..=10_000)?,
            login_attempts_per_address: values
                .within("LEDGERLINE_LOGIN_ATTEMPTS_PER_ADDRESS", 1..=1_000_000)?,
            password_policy: values.value("LEDGERLINE_PASSWORD_POLICY", "basic or strict")?,
        })
    }
}

impl ProcessConfig {
    fn load(values: &Values) -> Result<Self, ConfigError> {
        let number = "a whole number from 1";
        let node_id: Option<i64> = values.optional("LEDGERLINE_NODE_ID", number)?;
        if node_id.is_some_and(|id| id < 1) {
            return Err(values.wrong("LEDGERLINE_NODE_ID", number));
        }
        Ok(Self {
            role: values.value("LEDGERLINE_ROLE", "all, api, worker or projector")?,
            node_id,
        })
    }
}

impl DeliveryConfig {
    fn load(values: &Values) -> Result<Self, ConfigError> {
        Ok(Self {
            company: values
                .text("LEDGERLINE_COMPANY")
                .unwrap_or_default()
                .to_owned(),
            campaign_duplicates: values.value("LEDGERLINE_CAMPAIGN_DUPLICATES", "true or false")?,
            cpm_unit: values.value("LEDGERLINE_CPM_UNIT", "second or minute")?,
            lease: values.seconds("LEDGERLINE_LEASE_SECONDS", 2..=3600)?,
            retry_base: values.seconds("LEDGERLINE_RETRY_BASE_SECONDS", 1..=3600)?,
            email_deadline: values.seconds("LEDGERLINE_TRY_EMAIL_DEADLINE_SECONDS", 1..=WEEK)?,
            sms_deadline: values.seconds("LEDGERLINE_TRY_SMS_DEADLINE_SECONDS", 1..=WEEK)?,
            fax_deadline: values.seconds("LEDGERLINE_TRY_FAX_DEADLINE_SECONDS", 1..=WEEK)?,
            voice_deadline: values.seconds("LEDGERLINE_TRY_VOICE_DEADLINE_SECONDS", 1..=WEEK)?,
            provider_networks: values
                .optional(
                    "LEDGERLINE_PROVIDER_NETWORKS",
                    "networks as in 10.0.0.0/8, separated by commas",
                )?
                .unwrap_or_default(),
        })
    }
}

impl LogConfig {
    fn load(values: &Values) -> Result<Self, ConfigError> {
        let filter: String = values.value("LEDGERLINE_LOG", "a filter")?;
        if EnvFilter::try_new(&filter).is_err() {
            return Err(values.wrong(
                "LEDGERLINE_LOG",
                "a filter, as in info or warn,ledgerline=debug",
            ));
        }
        Ok(Self {
            filter,
            format: values.value("LEDGERLINE_LOG_FORMAT", "human or json")?,
        })
    }
}

impl FromStr for LogFormat {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "human" => Ok(Self::Human),
            "json" => Ok(Self::Json),
            _ => Err(()),
        }
    }
}

/// What `--help` says about the settings.
pub fn settings_help() -> String {
    let mut help = String::from(
        "Settings, from the environment or, by the key in brackets, from ledgerline.toml; the environment goes first:\n",
    );
    for setting in SETTINGS {
        let default = match setting.default {
            "" => "unset".to_owned(),
            default => format!("default {default}"),
        };
        help.push_str(&format!(
            "\n  {} [{}] ({default})\n      {}\n",
            setting.name, setting.key, setting.help
        ));
    }
    help
}
