//! Authentication: from a request's headers to a user.

use std::{net::IpAddr, time::Duration};

use axum::http::{HeaderMap, HeaderName, header};
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use domain::{
    Id,
    access::{Session, User},
};
use eventstore::clock;
use secrecy::{ExposeSecret, SecretString};

use guess_limits::{Guess, GuessLimits};

use super::{
    AccessCache, Passwords, Tokens,
    attempts::{Attempts, WINDOW},
    credentials::Credentials,
    hash_queue::Network,
    token::Holder,
};
use crate::{Error, Result};

const AUTHENTICATION: HeaderName = HeaderName::from_static("authentication");
/// The refusal of every wrong credential, whatever is wrong with it.
const WRONG: Error = Error::Unauthenticated("wrong username, password or token");
const NO_CREDENTIAL: Error = Error::Unauthenticated("log in first: Bearer token or Basic");
/// The refusal of a credential that was right when the request arrived.
const ENDED: Error = Error::Unauthenticated(
    "the login has ended: the user was deactivated, the password changed or the token revoked",
);

/// The most bytes of a name or a password.
const MAX_CREDENTIAL_BYTES: usize = 1_024;

/// The proof of a caller's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    /// The authenticated user.
    pub user: Id<User>,
    /// The user's [`User::token_epoch`] under which the credential was right.
    pub epoch: u32,
    /// The token's session and expiry, if the caller presented a token.
    pub session: Option<(Id<Session>, DateTime<Utc>)>,
}

/// An issued token.
pub(crate) struct Issued {
    pub token: String,
    pub expires_in: Duration,
}

/// Authenticates callers.
#[derive(Clone)]
pub(crate) struct Authenticator {
    pub access_cache: AccessCache,
    pub tokens: Tokens,
    pub passwords: Passwords,
    attempts: Attempts,
    networks: GuessLimits<Network>,
    credentials: Credentials,
}

/// The most logins that may fail in five minutes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoginLimits {
    /// The most for one name from one network.
    pub per_name: u32,
    /// The most from one network, whatever the names.
    pub per_network: u32,
}

impl Authenticator {
    /// An authenticator with these limits on failed logins.
    pub fn new(
        access_cache: AccessCache,
        tokens: Tokens,
        passwords: Passwords,
        limits: LoginLimits,
    ) -> Result<Self> {
        Ok(Self {
            access_cache,
            tokens,
            passwords,
            attempts: Attempts::new(limits.per_name),
            networks: GuessLimits::new(limits.per_network, WINDOW),
            credentials: Credentials::new()?,
        })
    }

    /// Authenticates the sender of a request with these headers.
    pub async fn recognise(&self, headers: &HeaderMap, client: Option<IpAddr>) -> Result<Proof> {
        self.access_cache.check_fresh()?;
        match credential(headers)? {
            Credential::Token(token) => self.by_token(token),
            Credential::Password { login, password } => {
                let (user, epoch) = self.by_password(&login, &password, client).await?;
                Ok(Proof {
                    user,
                    epoch,
                    session: None,
                })
            }
        }
    }

    /// Refuses a proof that is not valid any more: of a user who was deactivated or whose password
    /// was changed, or by a token that was revoked. A token that has expired meanwhile was valid
    /// when the request arrived.
    pub fn confirm(&self, proof: &Proof) -> Result<()> {
        self.access_cache.check_fresh()?;
        if self.access_cache.accepts(proof) {
            Ok(())
        } else {
            Err(ENDED)
        }
    }

    fn by_token(&self, token: &str) -> Result<Proof> {
        let claims = self.tokens.read(token).ok_or(WRONG)?;
        let proof = Proof {
            user: claims.user_id,
            epoch: claims.epoch,
            session: Some((claims.jti, claims.expires_at())),
        };
        if self.access_cache.accepts(&proof) {
            Ok(proof)
        } else {
            Err(WRONG)
        }
    }

    /// The user with this name and password, and the token epoch in which they were right.
    pub async fn by_password(
        &self,
        login: &str,
        password: &SecretString,
        client: Option<IpAddr>,
    ) -> Result<(Id<User>, u32)> {
        self.access_cache.check_fresh()?;
        // No name or password is this long; what is counted and hashed must be bounded.
        if login.len() > MAX_CREDENTIAL_BYTES
            || password.expose_secret().len() > MAX_CREDENTIAL_BYTES
        {
            return Err(WRONG);
        }
        let login = login.trim().to_lowercase();
        let found = self.access_cache.login(&login);
        let known = found
            .as_ref()
            .and_then(|(id, user)| Some((*id, user.password()?)));
        let network = client.map(crate::client::network);
        let key = self.attempts.key(&login, known.map(|(id, _)| id), network);
        let failures = self.attempts.failures(key)?;
        let user = found.as_ref().filter(|(_, user)| user.is_active());
        if let Some((id, user)) = user
            && self.credentials.knows(*id, user.token_epoch(), password)
        {
            return Ok((*id, user.token_epoch()));
        }
        // A user who logs in here every day does not wait because others guess from here.
        let guess = if self.attempts.is_familiar(key) {
            None
        } else {
            Some(self.admit(network, failures).await?)
        };
        let attempt = self.attempts.begin(key).await?;
        let right = self.passwords.verify(known, password, network).await?;
        match user.filter(|_| right) {
            Some((id, user)) => {
                attempt.succeeded();
                self.attempts.remember(key);
                self.credentials.remember(*id, user.token_epoch(), password);
                Ok((*id, user.token_epoch()))
            }
            None => {
                attempt.failed();
                // A wrong password of a familiar name is answered like any other.
                let guess = match guess {
                    Some(guess) => guess,
                    None => self.admit(network, failures).await?,
                };
                guess.wrong();
                Err(WRONG)
            }
        }
    }

    /// Waits until the network may guess once more.
    async fn admit(&self, network: Network, failures: u32) -> Result<Guess> {
        let admitted = self.networks.admit(&network, failures).await;
        admitted.map_err(|refused| {
            metrics::counter!("ledgerline_logins_refused_total").increment(1);
            Error::too_many_logins(refused.retry_after)
        })
    }

    /// Issues a token for a user who has just proven their identity. The epoch is that of the
    /// proof: the old password must not go on by a token if it is changed meanwhile.
    pub fn issue(&self, user: Id<User>, epoch: u32, session: Id<Session>) -> Result<Issued> {
        let known = self.access_cache.user(user).ok_or(WRONG)?;
        let username = known.profile().username.as_ref();
        let holder = Holder {
            user,
            username: username.map_or("", |name| name.as_str()),
            is_admin: self.access_cache.is_admin(user),
            epoch,
        };
        let token = self
            .tokens
            .issue(&holder, session, clock::now())
            .ok_or(Error::Internal)?;
        Ok(Issued {
            token,
            expires_in: self.tokens.ttl(),
        })
    }
}

enum Credential<'a> {
    Token(&'a str),
    Password {
        login: String,
        password: SecretString,
    },
}

/// The credential in `Authorization`, or in `Authentication` as the documents write it.
fn credential(headers: &HeaderMap) -> Result<Credential<'_>> {
    let header = headers
        .get(header::AUTHORIZATION)
        .or_else(|| headers.get(AUTHENTICATION));
    let text = header.ok_or(NO_CREDENTIAL)?.to_str().map_err(|_| WRONG)?;
    let (scheme, value) = text.trim().split_once(' ').ok_or(WRONG)?;
    let value = value.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Credential::Token(value));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(NO_CREDENTIAL);
    }
    let pair = STANDARD
        .decode(value)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let pair = pair.ok_or(WRONG)?;
    let (login, password) = pair.split_once(':').ok_or(WRONG)?;
    Ok(Credential::Password {
        login: login.to_owned(),
        password: SecretString::from(password),
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        headers
    }

    #[test]
    fn a_token_comes_under_either_header_and_in_any_case() {
        for (name, value) in [
            ("authorization", "Bearer abc"),
            ("authentication", "Bearer abc"),
            ("authorization", "bearer  abc "),
        ] {
            let headers = headers(name, value);
            let found = credential(&headers);
            assert!(
                matches!(found, Ok(Credential::Token("abc"))),
                "{name}: {value}"
            );
        }
    }

    #[test]
    fn a_basic_password_may_hold_colons() {
        let encoded = STANDARD.encode("ada:a:b:c");
        let headers = headers("authorization", &format!("Basic {encoded}"));
        let Ok(Credential::Password { login, password }) = credential(&headers) else {
            panic!("a password");
        };
        assert_eq!((login.as_str(), password.expose_secret()), ("ada", "a:b:c"));
    }

    #[test]
    fn nonsense_is_nobody() {
        assert_eq!(credential(&HeaderMap::new()).err(), Some(NO_CREDENTIAL));
        for value in ["Bearer", "Basic !", "Basic YWRh", "Digest a", ""] {
            let headers = headers("authorization", value);
            let error = credential(&headers).err();
            assert!(matches!(error, Some(Error::Unauthenticated(_))), "{value}");
        }
    }
}
