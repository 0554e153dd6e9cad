//! The cryptography of the process: aws-lc-rs, in every library that has a choice.

use anyhow::anyhow;
use tokio_rustls::rustls::crypto::aws_lc_rs;

/// Makes aws-lc-rs the provider of every TLS connection of the process: those of mail servers and
/// providers by the default that this sets, those of Postgres by sqlx's feature. Tokens have it
/// by jsonwebtoken's feature, signatures of mails use it directly.
///
/// # Errors
/// If a provider was installed before.
pub fn install() -> anyhow::Result<()> {
    aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow!("TLS has another cryptographic provider already"))
}
