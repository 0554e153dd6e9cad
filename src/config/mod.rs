//! The settings: from `ledgerline.toml` and `LEDGERLINE_*` variables to one struct per section.
//!
//! A new setting is a line in [`settings::SETTINGS`] (which is also the help) and a field below.

mod access;
mod connections;
mod conversion;
mod database;
mod delivery;
mod error;
mod identity;
mod limits;
mod log;
pub mod master_key;
mod process;
mod receiving;
mod role;
mod server;
mod settings;
#[cfg(test)]
mod tests;
mod values;

use eventstore::MasterKey;
use secrecy::{ExposeSecret, SecretString};

pub use self::{
    access::AccessConfig,
    connections::Connections,
    conversion::ConversionConfig,
    database::DatabaseConfig,
    delivery::DeliveryConfig,
    error::ConfigError,
    identity::IdentityConfig,
    limits::LimitsConfig,
    log::{LogConfig, LogFormat},
    process::ProcessConfig,
    receiving::ReceivingConfig,
    role::Role,
    server::ServerConfig,
    settings::SETTINGS,
    values::Sources,
};
use self::{master_key::MasterKeyError, values::Values};

/// All settings. Secrets do not show in the debug output.
#[derive(Debug, Clone)]
pub struct Config {
    /// The REST API.
    pub server: ServerConfig,
    /// Connections of clients, and bodies of requests.
    pub limits: LimitsConfig,
    /// The conversion of uploads.
    pub conversion: ConversionConfig,
    /// The database.
    pub database: DatabaseConfig,
    /// Users and tokens.
    pub access: AccessConfig,
    /// The role of this process in an installation.
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

impl Config {
    /// Reads every setting.
    ///
    /// # Errors
    /// Names the setting that is wrong or missing.
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

    /// The key from its setting, else the key in the data directory, which is made there unless a
    /// database was made before.
    ///
    /// # Errors
    /// When the file cannot be used, or is missing beside a database.
    pub fn master_key(&self) -> Result<MasterKey, MasterKeyError> {
        let set = self.master_key.as_ref();
        if let Some(key) = set.and_then(|key| master_key::parse(key.expose_secret())) {
            return Ok(key);
        }
        let data_dir = &self.database.data_dir;
        embedded_postgres::create_data_dir(data_dir).map_err(MasterKeyError::DataDir)?;
        master_key::read_or_create(data_dir, embedded_postgres::has_cluster(data_dir))
    }

    /// The place of the master key: the name of the setting, or the path of the file.
    pub fn master_key_place(&self) -> String {
        match self.master_key {
            Some(_) => "LEDGERLINE_MASTER_KEY".to_owned(),
            None => {
                let file = master_key::file_in(&self.database.data_dir);
                file.display().to_string()
            }
        }
    }

    /// Checks the name and the password of the first user if this start is sure to create them,
    /// which is before there is an embedded database.
    ///
    /// # Errors
    /// Names the setting that is wrong.
    pub fn check_first_user(&self) -> anyhow::Result<()> {
        let is_new = !embedded_postgres::has_cluster(&self.database.data_dir);
        if self.database.url.is_none() && is_new {
            let access = &self.access;
            let password = access.admin_password.as_ref();
            let checked =
                api::check_first_user(&access.admin_username, password, access.password_policy);
            checked.map_err(anyhow::Error::from)?;
        }
        Ok(())
    }
}

/// The settings as `--help` lists them.
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
