//! A new password for a user, set by the operator of the installation beside the running server.

use commands::{Actor, Commands};
use domain::{
    Claim, Id,
    access::{User, UserCommand},
};
use secrecy::SecretString;

use super::{PasswordPolicy, Passwords};
use crate::{Error, Result};

/// Finds a user by their username or email address.
///
/// # Errors
/// [`Error::NotFound`] when there is none; otherwise when the database does not answer.
pub async fn user_named(commands: &Commands, login: &str) -> Result<(Id<User>, User)> {
    let claim = Claim {
        field: "username",
        scope: User::LOGIN,
        value: login.to_lowercase(),
    };
    let store = commands.store();
    let id: Option<Id<User>> = store.holder_of(&claim).await?;
    let id = id.ok_or(Error::NotFound)?;
    Ok((id, store.load(id).await?.aggregate))
}

/// Sets a user's password, as the command line; every token of the user ends.
///
/// # Errors
/// [`Error::Invalid`] when the policy refuses the password; otherwise when the log cannot be read
/// or written.
pub async fn reset_password(
    commands: &Commands,
    (id, user): (Id<User>, &User),
    password: &SecretString,
    policy: PasswordPolicy,
) -> Result<()> {
    policy.check("password", password, user.profile())?;
    let passwords = Passwords::new(commands.store().vault().clone())?;
    let sealed = passwords.seal(id, password, None).await?;
    let change = UserCommand::ChangePassword(sealed);
    let actor = Actor::process("command line");
    commands.send(id, change, &actor).await?;
    Ok(())
}
