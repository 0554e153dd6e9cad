//! Inbound callbacks: the endpoints `/callbacks/…` at which providers deliver receipts and
//! mobile-originated messages over HTTP.
//!
//! The URL of a report names the attempt and carries a MAC of this installation, so that a
//! report needs no password in its URL, and a report of another attempt cannot be forged.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Path, Query, State},
    http::{
        HeaderMap, StatusCode,
        header::{AUTHORIZATION, RETRY_AFTER},
        request::Parts,
    },
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{
    Id,
    delivery::{Provider, ProviderKind, Spool, Transmission, settings},
};
use eventstore::{Store, StoreError};
use guess_limits::{Guess, GuessLimits};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use serde::Deserialize;
use sha2::Sha256;

use subtle::ConstantTimeEq;

use crate::{
    Entrance, InboundAnswer,
    inbox::Inbox,
    kannel::{mobile_originated, report},
    reports::{About, Gathered, Noted},
};

/// The length of a tag in bytes: 80 bits, against guessing at an HTTP server's pace.
const TAG: usize = 10;

/// Creates and verifies the signed URLs for reports and for unsubscribing.
#[derive(Clone, Debug)]
pub struct Addresses {
    base: String,
    key: SecretSlice<u8>,
}

impl Addresses {
    /// `base` is the URL at which this installation is reached: `http://host:port`.
    pub fn new(base: &str, key: SecretSlice<u8>) -> Self {
        Self {
            base: base.trim_end_matches('/').to_owned(),
            key,
        }
    }

    /// The URL for reports of this attempt, without a query.
    pub fn report_url(&self, about: About) -> String {
        let About {
            provider,
            transmission,
            spool,
        } = about;
        let tag = self.tag(&reporting(about));
        format!(
            "{}/callbacks/reports/{provider}/{transmission}/{spool}/{tag}",
            self.base
        )
    }

    /// The URL at which the recipient of this attempt unsubscribes.
    pub fn unsubscribe(&self, transmission: Id<Transmission>, spool: Id<Spool>) -> String {
        let tag = self.tag(&unsubscribing(transmission, spool));
        format!("{}/unsubscribe/{transmission}/{spool}/{tag}", self.base)
    }

    /// True if mail programs may use the unsubscribe URL by themselves: they do over HTTPS only.
    pub fn is_secure(&self) -> bool {
        self.base.starts_with("https://")
    }

    /// True if the tag is the MAC of this attempt's report URL.
    fn is_ours(&self, about: About, tag: &str) -> bool {
        self.is_tag(&reporting(about), tag)
    }

    /// True if the tag is the MAC of this attempt's unsubscribe URL.
    pub(crate) fn is_unsubscribe(
        &self,
        transmission: Id<Transmission>,
        spool: Id<Spool>,
        tag: &str,
    ) -> bool {
        self.is_tag(&unsubscribing(transmission, spool), tag)
    }

    fn tag(&self, text: &str) -> String {
        self.mac(text)
            .map(|mac| hex::encode(&mac.finalize().into_bytes()[..TAG]))
            .unwrap_or_default()
    }

    fn is_tag(&self, text: &str, tag: &str) -> bool {
        let tag = hex::decode(tag).ok().filter(|tag| tag.len() == TAG);
        let known = tag.zip(self.mac(text));
        known.is_some_and(|(tag, mac)| mac.verify_truncated_left(&tag).is_ok())
    }

    /// The MAC of a text. HMAC takes keys of any length, so this never is `None`.
    fn mac(&self, text: &str) -> Option<Hmac<Sha256>> {
        let mac = Hmac::<Sha256>::new_from_slice(self.key.expose_secret()).ok()?;
        Some(mac.chain_update(text))
    }
}

fn reporting(about: About) -> String {
    let About {
        provider,
        transmission,
        spool,
    } = about;
    format!("report:{provider}:{transmission}:{spool}")
}

fn unsubscribing(transmission: Id<Transmission>, spool: Id<Spool>) -> String {
    format!("unsubscribe:{transmission}:{spool}")
}

/// The most wrong passwords for a provider's messages from one client: as a burst, and
/// again in each [`WRONG_PASSWORDS_WITHIN`] after that.
const WRONG_PASSWORDS: u32 = 10;
const WRONG_PASSWORDS_WITHIN: Duration = Duration::from_secs(50);

/// The network that a request comes from, by which clients are told apart.
pub type ClientNetwork = Arc<dyn Fn(&Parts) -> Option<IpAddr> + Send + Sync>;

/// The limits on wrong passwords for a provider's messages, by client.
#[derive(Clone)]
pub struct Guesses {
    limits: GuessLimits<(Id<Provider>, Option<IpAddr>)>,
    network: ClientNetwork,
}

impl Guesses {
    /// Creates limits that count by the clients' networks.
    pub fn new(network: ClientNetwork) -> Self {
        Self {
            limits: GuessLimits::new(WRONG_PASSWORDS, WRONG_PASSWORDS_WITHIN),
            network,
        }
    }

    /// Waits until the password of a request may be checked, or answers the refusal (429).
    async fn admit(&self, provider: Id<Provider>, parts: &Parts) -> Result<Guess, Response> {
        let client = (provider, (self.network)(parts));
        self.limits.admit(&client, 0).await.map_err(|refused| {
            metrics::counter!("ledgerline_callbacks_refused_total").increment(1);
            let seconds = refused.retry_after.as_secs().max(1);
            let refused = answer(
                StatusCode::TOO_MANY_REQUESTS,
                "too many wrong passwords; try again later",
            );
            ([(RETRY_AFTER, seconds.to_string())], refused).into_response()
        })
    }
}

/// Serves the inbound callbacks of providers.
#[derive(Clone)]
pub struct Callbacks {
    /// Records delivery receipts.
    pub reports: Gathered,
    /// Verifies the signed URLs.
    pub addresses: Addresses,
    /// Records inbound messages.
    pub entrance: Entrance,
    /// The store of the providers and their secrets.
    pub store: Store,
    /// The limits on wrong passwords.
    pub guesses: Guesses,
}

impl Callbacks {
    /// The routes of the callbacks.
    pub fn router(self) -> Router {
        let report = "/callbacks/reports/{provider}/{transmission}/{spool}/{tag}";
        Router::new()
            .route(report, get(take))
            .route("/callbacks/sms/{provider}", get(sms))
            .with_state(self)
    }

    /// True if the request has the credentials of the provider: its username, and the
    /// `report_password` of its settings.
    async fn lets_in(&self, id: Id<Provider>, headers: &HeaderMap) -> Result<bool, StoreError> {
        let provider = self.store.load(id).await?.aggregate;
        let details = provider.details();
        let known = details.filter(|it| it.kind == ProviderKind::Http && it.active);
        let sealed = known.and_then(|it| it.secrets.get(REPORT_PASSWORD));
        let (Some(details), Some(sealed)) = (known, sealed) else {
            return Ok(false);
        };
        let Some((username, password)) = basic(headers) else {
            return Ok(false);
        };
        let expected = self.store.vault().open(settings::SEALED_SETTING, sealed)?;
        let name = details.username.as_ref().map(ToString::to_string);
        let same = |a: &[u8], b: &[u8]| bool::from(a.ct_eq(b));
        let named = same(name.unwrap_or_default().as_bytes(), username.as_bytes());
        Ok(named & same(&expected, password.as_bytes()))
    }
}

/// The setting with the password that inbound messages must come with.
const REPORT_PASSWORD: &str = "report_password";

/// The username and the password of Basic authentication (RFC 7617).
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    let plain = STANDARD.decode(encoded.trim()).ok()?;
    let plain = String::from_utf8(plain).ok()?;
    let (username, password) = plain.split_once(':')?;
    scheme
        .eq_ignore_ascii_case("basic")
        .then(|| (username.to_owned(), password.to_owned()))
}

/// Receives a mobile-originated message. A message answered with 200 is on record.
async fn sms(
    State(callbacks): State<Callbacks>,
    Path(provider): Path<String>,
    parts: Parts,
) -> Response {
    let wrong = || {
        let words = "that is not this provider's password";
        answer(StatusCode::UNAUTHORIZED, words).into_response()
    };
    let Ok(provider) = provider.parse() else {
        return wrong();
    };
    let guess = match callbacks.guesses.admit(provider, &parts).await {
        Ok(guess) => guess,
        Err(refused) => return refused,
    };
    match callbacks.lets_in(provider, &parts.headers).await {
        Ok(true) => drop(guess),
        Ok(false) => {
            guess.wrong();
            return wrong();
        }
        Err(error) => {
            tracing::warn!(provider.id = %provider, %error, "a message could not be taken in");
            return later().into_response();
        }
    }
    let query = parts.uri.query().unwrap_or_default();
    take_in(&callbacks, provider, query).await.into_response()
}

fn later() -> (StatusCode, String) {
    answer(StatusCode::SERVICE_UNAVAILABLE, "try again later")
}

async fn take_in(
    callbacks: &Callbacks,
    provider: Id<Provider>,
    query: &str,
) -> (StatusCode, String) {
    let sms = match mobile_originated::read(provider, query) {
        Ok(sms) => sms,
        Err(reason) => return answer(StatusCode::BAD_REQUEST, &reason),
    };
    match callbacks.entrance.sms(&sms).await {
        // Kannel sends the body of the answer back to the sender as an SMS, so it is empty.
        InboundAnswer::Ack(_) => (StatusCode::OK, String::new()),
        InboundAnswer::Retry(reason) => answer(StatusCode::SERVICE_UNAVAILABLE, reason),
        InboundAnswer::Reject(reason) => answer(StatusCode::NOT_FOUND, reason.as_str()),
    }
}

#[derive(Deserialize)]
struct Report {
    status: String,
    #[serde(default)]
    answer: String,
}

async fn take(
    State(callbacks): State<Callbacks>,
    Path((provider, transmission, spool, tag)): Path<(String, String, String, String)>,
    query: Result<Query<Report>, axum::extract::rejection::QueryRejection>,
) -> (StatusCode, String) {
    let about = provider.parse().ok().zip(transmission.parse().ok());
    let about = about.zip(spool.parse().ok());
    let about = about.map(|((provider, transmission), spool)| About {
        provider,
        transmission,
        spool,
    });
    let Some(about) = about.filter(|about| callbacks.addresses.is_ours(*about, &tag)) else {
        metrics::counter!("ledgerline_reports_refused_total").increment(1);
        return answer(
            StatusCode::FORBIDDEN,
            "the signature of this report is invalid",
        );
    };
    let Ok(Query(query)) = query else {
        return answer(StatusCode::BAD_REQUEST, "status is required");
    };
    let said = match report::read(&query.status, &query.answer) {
        Ok(Some(said)) => said,
        Ok(None) => return answer(StatusCode::OK, "noted"),
        Err(reason) => return answer(StatusCode::BAD_REQUEST, reason),
    };
    let no_such = "there is no such attempt under way";
    match callbacks.reports.record(about, said).await {
        Some(Noted::Yes) => answer(StatusCode::OK, "noted"),
        Some(Noted::TooEarly) => answer(StatusCode::CONFLICT, no_such),
        Some(Noted::NoSuch) => answer(StatusCode::NOT_FOUND, no_such),
        None => answer(StatusCode::SERVICE_UNAVAILABLE, "try again later"),
    }
}

fn answer(status: StatusCode, words: &str) -> (StatusCode, String) {
    (status, format!("{words}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_good_for_its_attempt_only() {
        let addresses = Addresses::new("http://here/", b"key".to_vec().into());
        let about = About {
            provider: Id::new(1),
            transmission: Id::new(2),
            spool: Id::new(3),
        };
        let address = addresses.report_url(about);
        let tag = address
            .strip_prefix("http://here/callbacks/reports/1/2/3/")
            .unwrap();
        assert!(addresses.is_ours(about, tag));
        let others = [
            About {
                provider: Id::new(2),
                ..about
            },
            About {
                transmission: Id::new(3),
                ..about
            },
            About {
                spool: Id::new(4),
                ..about
            },
        ];
        for other in others {
            assert!(!addresses.is_ours(other, tag), "{other:?}");
        }
        for wrong in ["", "00", "zz", &tag[..18], &"0".repeat(20)] {
            assert!(!addresses.is_ours(about, wrong), "{wrong}");
        }
        let elsewhere = Addresses::new("http://here", b"another".to_vec().into());
        assert!(!elsewhere.is_ours(about, tag));
    }
}
