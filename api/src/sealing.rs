//! Sealing of secrets in requests.

use cqrs_es::Aggregate;
use domain::{Id, Patch, values::Sealed};
use eventstore::Vault;
use secrecy::{ExposeSecret, SecretString};

use crate::Result;

/// Seals a secret for a field of the aggregate with this id, and for nothing else: it is opened by
/// the name `account/5/passwd`.
pub(crate) fn seal<A: Aggregate>(
    vault: &Vault,
    id: Id<A>,
    field: &str,
    secret: Patch<SecretString>,
) -> Result<Patch<Sealed>> {
    Ok(match secret {
        Patch::Keep => Patch::Keep,
        Patch::Clear => Patch::Clear,
        Patch::Set(secret) => {
            let context = format!("{}/{field}", id.subject());
            Patch::Set(vault.seal(&context, secret.expose_secret().as_bytes())?)
        }
    })
}
