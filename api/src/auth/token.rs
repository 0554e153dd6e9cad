//! Tokens: JWTs signed with a key that is made once and kept, sealed, in the
//! database, so that every process of an installation accepts the others' tokens.

use std::{collections::HashSet, time::Duration};

use chrono::{DateTime, Utc};
use domain::{Id, access::Session, access::User};
use eventstore::{StoreError, Vault};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;

use super::keys::key;

const ISSUER: &str = "ledgerline";
/// The most seconds by which the clocks of two processes may differ without a fresh token of one
/// being too young for the other.
const SKEW: i64 = 30;

/// The claims of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    iss: String,
    sub: String,
    /// The user to whom the token was issued.
    pub user_id: Id<User>,
    /// The username, for clients that show it; nothing is decided by it.
    pub username: String,
    /// True if the user had role admin, for clients that show it; nothing is decided by it.
    pub is_admin: bool,
    /// The session that the token stands for.
    pub jti: Id<Session>,
    iat: i64,
    nbf: i64,
    exp: i64,
    /// The user's [`User::token_epoch`] when the token was issued.
    pub epoch: u32,
}

impl Claims {
    /// The time at which the token expires.
    pub fn expires_at(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.exp, 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

/// The user for whom a token is issued.
pub(crate) struct Holder<'a> {
    pub user: Id<User>,
    pub username: &'a str,
    pub is_admin: bool,
    pub epoch: u32,
}

/// Issues and reads tokens.
#[derive(Clone)]
pub(crate) struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    ttl: Duration,
}

impl Tokens {
    /// Loads the installation's key, made if there is none yet.
    pub async fn load(pool: &PgPool, vault: &Vault, ttl: Duration) -> Result<Self, StoreError> {
        let key = key(pool, vault, "token").await?;
        Self::with_key(&key, ttl).ok_or(StoreError::Vault("the key of tokens is empty"))
    }

    /// `None` for an empty key.
    fn with_key(key: &[u8], ttl: Duration) -> Option<Self> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 0;
        validation.validate_nbf = true;
        validation.set_issuer(&[ISSUER]);
        validation.required_spec_claims = ["exp", "nbf", "iss", "sub"]
            .map(str::to_owned)
            .into_iter()
            .collect::<HashSet<_>>();
        Some(Self {
            encoding: EncodingKey::from_secret(key).ok()?,
            decoding: DecodingKey::from_secret(key).ok()?,
            validation,
            ttl,
        })
    }

    /// The lifetime of a token.
    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    /// Issues a token for this user, valid from now on.
    pub fn issue(
        &self,
        holder: &Holder<'_>,
        jti: Id<Session>,
        now: DateTime<Utc>,
    ) -> Option<String> {
        let iat = now.timestamp();
        let ttl = i64::try_from(self.ttl.as_secs()).unwrap_or(i64::MAX);
        let claims = Claims {
            iss: ISSUER.to_owned(),
            sub: holder.user.to_string(),
            user_id: holder.user,
            username: holder.username.to_owned(),
            is_admin: holder.is_admin,
            jti,
            iat,
            nbf: iat - SKEW,
            exp: iat.saturating_add(ttl),
            epoch: holder.epoch,
        };
        encode(&Header::new(Algorithm::HS256), &claims, &self.encoding).ok()
    }

    /// The claims of a token, if this installation signed it and it is valid now.
    pub fn read(&self, token: &str) -> Option<Claims> {
        let token = decode::<Claims>(token, &self.decoding, &self.validation).ok()?;
        Some(token.claims)
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

    use super::*;

    const ADA: Holder<'_> = Holder {
        user: Id::new(7),
        username: "ada",
        is_admin: false,
        epoch: 3,
    };

    fn tokens() -> Tokens {
        Tokens::with_key(&[1; 32], Duration::from_secs(60)).unwrap()
    }

    #[test]
    fn a_token_says_who_and_under_which_epoch() {
        let token = tokens()
            .issue(&ADA, Id::new(9), eventstore::clock::now())
            .unwrap();
        let claims = tokens().read(&token).unwrap();
        assert_eq!(
            (claims.user_id, claims.jti, claims.epoch),
            (Id::new(7), Id::new(9), 3)
        );
        assert_eq!(claims.sub, "7");
    }

    #[test]
    fn a_token_ends_and_does_not_begin_early() {
        let now = eventstore::clock::now();
        let minute = chrono::TimeDelta::seconds(61);
        let old = tokens().issue(&ADA, Id::new(1), now - minute).unwrap();
        assert_eq!(tokens().read(&old), None);
        let early = tokens().issue(&ADA, Id::new(1), now + minute).unwrap();
        assert_eq!(tokens().read(&early), None);
    }

    #[test]
    fn another_key_another_algorithm_and_no_algorithm_are_refused() {
        let now = eventstore::clock::now();
        let foreign = Tokens::with_key(&[2; 32], Duration::from_secs(60)).unwrap();
        assert_eq!(
            tokens().read(&foreign.issue(&ADA, Id::new(1), now).unwrap()),
            None
        );
        let token = tokens().issue(&ADA, Id::new(1), now).unwrap();
        let payload = token.split('.').nth(1).unwrap();
        let none = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"none"}"#);
        assert_eq!(tokens().read(&format!("{none}.{payload}.")), None);
        for nonsense in ["", ".", "..", "a.b.c", &"x".repeat(100_000)] {
            assert_eq!(tokens().read(nonsense), None);
        }
    }
}
