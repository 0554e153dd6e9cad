//! Where message centres report over HTTP: `/callbacks/reports/…`.
//!
//! The address names the attempt and carries a tag that only this installation can make, so
//! a report needs no password in a URL, and one for another attempt cannot be made up.

use axum::{
    Router,
    extract::{Path, Query, State},
    http::StatusCode,
    routing::get,
};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use serde::Deserialize;
use sha2::Sha256;

use crate::{
    kannel::report,
    reports::{About, Noted, Reports},
};

/// Bytes of a tag: 80 bits, against guessing at an HTTP server's pace.
const TAG: usize = 10;

/// Makes the addresses that reports come to, and recognises them.
#[derive(Clone, Debug)]
pub struct Addresses {
    base: String,
    key: SecretSlice<u8>,
}

impl Addresses {
    /// `base` is where this installation is reached: `http://host:port`.
    pub fn new(base: &str, key: SecretSlice<u8>) -> Self {
        Self {
            base: base.trim_end_matches('/').to_owned(),
            key,
        }
    }

    /// Where reports of this attempt come to, without a query.
    pub fn of(&self, about: About) -> String {
        let About {
            provider,
            transmission,
            spool,
        } = about;
        let tag = self
            .mac(about)
            .map(|mac| hex::encode(&mac.finalize().into_bytes()[..TAG]))
            .unwrap_or_default();
        format!(
            "{}/callbacks/reports/{provider}/{transmission}/{spool}/{tag}",
            self.base
        )
    }

    /// Whether the tag is the one that belongs to this attempt.
    fn is_ours(&self, about: About, tag: &str) -> bool {
        let tag = hex::decode(tag).ok().filter(|tag| tag.len() == TAG);
        let known = tag.zip(self.mac(about));
        known.is_some_and(|(tag, mac)| mac.verify_truncated_left(&tag).is_ok())
    }

    /// HMAC takes keys of any length, so there always is one.
    fn mac(&self, about: About) -> Option<Hmac<Sha256>> {
        let About {
            provider,
            transmission,
            spool,
        } = about;
        let mac = Hmac::<Sha256>::new_from_slice(self.key.expose_secret()).ok()?;
        Some(mac.chain_update(format!("report:{provider}:{transmission}:{spool}")))
    }
}

/// Takes reports in.
#[derive(Clone, Debug)]
pub struct Callbacks {
    /// Puts them on record.
    pub reports: Reports,
    /// Which addresses are ours.
    pub addresses: Addresses,
}

impl Callbacks {
    /// The routes that reports come to.
    pub fn router(self) -> Router {
        let path = "/callbacks/reports/{provider}/{transmission}/{spool}/{tag}";
        Router::new().route(path, get(take)).with_state(self)
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
        return answer(StatusCode::FORBIDDEN, "this report is not of one of ours");
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
    match callbacks
        .reports
        .record(vec![(about, said)])
        .await
        .as_deref()
    {
        Ok([Noted::Yes]) => answer(StatusCode::OK, "noted"),
        Ok([Noted::TooEarly]) => answer(StatusCode::CONFLICT, no_such),
        Ok(_) => answer(StatusCode::NOT_FOUND, no_such),
        Err(error) => {
            tracing::warn!(spool.id = %about.spool, %error, "a report could not be recorded");
            answer(StatusCode::SERVICE_UNAVAILABLE, "try again later")
        }
    }
}

fn answer(status: StatusCode, words: &str) -> (StatusCode, String) {
    (status, format!("{words}\n"))
}

#[cfg(test)]
mod tests {
    use domain::Id;

    use super::*;

    #[test]
    fn an_address_is_good_for_its_attempt_only() {
        let addresses = Addresses::new("http://here/", b"key".to_vec().into());
        let about = About {
            provider: Id::new(1),
            transmission: Id::new(2),
            spool: Id::new(3),
        };
        let address = addresses.of(about);
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
