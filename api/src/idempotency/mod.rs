//! `Idempotency-Key`: a repeated write is answered again, not carried out again.
//!
//! A request with a key is claimed in `once.requests` under a lease. Whatever it appends to the log
//! marks the claim in the same transaction, so that an attempt that ends without an answer leaves
//! nothing open. Without a mark nothing was appended, and the next attempt carries the request out.
//! With a mark it was carried out, and its answer is made from the recipe in the mark, or a 409
//! says that the answer is lost. An attempt that was overtaken cannot append any more, because its
//! mark would refer to nothing.
//!
//! Handlers know nothing of keys, but for [`Recipe`], which `Writer` leaves in the mark.

mod attempt;
mod claims;
mod fingerprint;
mod kept;
mod reach;
mod recipe;

use std::{borrow::Cow, panic::AssertUnwindSafe, time::Duration};

use axum::{
    extract::{FromRequestParts, MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::FutureExt;
use tracing::Instrument;

pub(crate) use attempt::IdempotentRequest;
pub(crate) use claims::Claims;
pub(crate) use recipe::Recipe;

use crate::{
    App, Error, Result,
    authorization::{Caller, Owned},
    bodies::Hold,
    openapi::{self, Registered},
};
use claims::{Claim, Found, LEASE};
use fingerprint::Reading;
use kept::Kept;
use reach::Reach;

const NAME: &str = "Idempotency-Key";
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// Time limit of waiting for another request with the same key.
const CLAIM_TIMEOUT: Duration = Duration::from_secs(20);
/// The last segments of the login paths, whose answers are tokens and are kept nowhere.
const LOGINS: [&str; 2] = ["authenticate", "authentication"];

/// The refusal to a caller who does not reach any more what they reached then.
const OUT_OF_REACH: Error = Error::Forbidden(Cow::Borrowed(
    "the request with this Idempotency-Key was carried out with rights that you do not hold any more",
));

/// The middleware: answers a repeated write with the kept answer.
pub(crate) async fn answer_repeated(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let route = route.and_then(|path| openapi::registered(request.method(), path.as_str()));
    let is_write = openapi::changes(request.method(), route);
    let answers_secret =
        is_login(request.uri().path()) || route.is_some_and(Registered::reads_secret);
    let takes_key = is_write && !answers_secret;
    if !takes_key || !request.headers().contains_key(KEY) {
        return next.run(request).await;
    }
    let permissions = route.map(|route| route.permissions.as_slice());
    let answered = keyed(app, permissions.unwrap_or_default(), request, next).await;
    answered.unwrap_or_else(IntoResponse::into_response)
}

/// True if a request for this path is answered with a token.
pub(crate) fn is_login(path: &str) -> bool {
    LOGINS.contains(&path.rsplit('/').next().unwrap_or_default())
}

async fn keyed(
    app: App,
    permissions: &[(String, Owned)],
    request: Request,
    next: Next,
) -> Result<Response> {
    let (mut parts, body) = request.into_parts();
    let caller = Caller::from_request_parts(&mut parts, &app).await?;
    // A kept answer is not given to a caller who has lost the permission for it.
    for (permission, _) in permissions {
        caller.must_hold(permission)?;
    }
    let scopes = permissions.iter();
    let scopes = scopes.map(|(permission, owned)| caller.reach(permission, *owned));
    let scopes: Vec<_> = scopes.collect();
    let key = key(&parts.headers)?;
    let (body, reading) = fingerprint::read(app.idempotency().hasher(), &parts, body);
    let attempt = IdempotentRequest::new(reading.fingerprint())?;
    let found = app
        .idempotency()
        .claim(caller.user(), &key, &attempt, CLAIM_TIMEOUT)
        .await?;
    match found {
        Found::Free(claim) => {
            parts.extensions.insert(caller.idempotent(attempt));
            let request = Request::from_parts(parts, body);
            let keeping = (claim, reading, Reach::from_scopes(&scopes));
            Ok(carry_out(app, keeping, request, next).await)
        }
        Found::Answered { fingerprint, kept } => {
            reading
                .must_be(Some(fingerprint), app.config().longest_body())
                .await?;
            let earlier = || Reach::before_tenants(permissions.len());
            if !kept.reach().unwrap_or_else(earlier).is_covered(&scopes) {
                return Err(OUT_OF_REACH);
            }
            Ok(replayed(kept.into_response()))
        }
        Found::Lost {
            fingerprint,
            recipe,
        } => {
            reading
                .must_be(fingerprint, app.config().longest_body())
                .await?;
            let answer = recipe::prepare(&app, recipe, scopes).await?;
            Ok(replayed(answer.ok_or(Error::AnswerLost)?))
        }
    }
}

/// The key, as it stands, quotes and all.
fn key(headers: &HeaderMap) -> Result<String> {
    let mut given = headers.get_all(KEY).iter();
    let (Some(value), None) = (given.next(), given.next()) else {
        return Err(Error::invalid(NAME, "must be given once"));
    };
    let visible = |b: &u8| (0x21..=0x7e).contains(b);
    let bytes = value.as_bytes();
    if !(1..=255).contains(&bytes.len()) || !bytes.iter().all(visible) {
        let wanted = "must be 1 to 255 visible ASCII characters";
        return Err(Error::invalid(NAME, wanted));
    }
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

/// Carries out a request in a task of its own: a client that goes away comes back for the answer.
async fn carry_out(
    app: App,
    (claim, reading, reach): (Claim, Reading, Reach),
    request: Request,
    next: Next,
) -> Response {
    let limit = app.config().time_limit(request.uri().path());
    let hold = request.extensions().get::<Hold>().cloned();
    let attempt = async move {
        let _until_answered = hold;
        let handled = AssertUnwindSafe(next.run(request)).catch_unwind();
        let response = tokio::select! {
            handled = tokio::time::timeout(limit, handled) => match handled {
                Ok(Ok(response)) => response,
                Ok(Err(_panic)) => {
                    tracing::error!("a handler panicked");
                    Error::Internal.into_response()
                }
                Err(_elapsed) => Error::TOO_SLOW.into_response(),
            },
            () = prolong(app.idempotency(), &claim) => Error::Internal.into_response(),
        };
        keep(&app, (claim, reading, reach), response).await
    };
    let task = tokio::spawn(attempt.in_current_span());
    task.await.unwrap_or_else(|error| {
        tracing::error!(%error, "an attempt at a keyed request was lost");
        Error::Internal.into_response()
    })
}

/// Renews the lease of an attempt, three times within its length; does not end.
async fn prolong(claims: &Claims, claim: &Claim) {
    loop {
        tokio::time::sleep(LEASE / 3).await;
        if let Err(error) = claims.prolong(claim).await {
            // Another attempt may take over then; the marks keep the two apart.
            tracing::warn!(%error, "a keyed request could not be prolonged");
        }
    }
}

/// Keeps a final answer, or releases the key.
async fn keep(
    app: &App,
    (claim, reading, reach): (Claim, Reading, Reach),
    response: Response,
) -> Response {
    let claims = app.idempotency();
    if !is_final(response.status()) {
        claims.release(&claim).await;
        return response;
    }
    let fingerprint = reading.whole(app.config().longest_body()).await;
    let (kept, response) = Kept::split(response, reach).await;
    let stored = match (fingerprint, kept) {
        (Some(fingerprint), Some(kept)) => claims.keep(&claim, &fingerprint, &kept).await,
        // The answer cannot be kept, or the request could not be read whole.
        _ => Ok(false),
    };
    match stored {
        Ok(true) => {}
        Ok(false) => claims.release(&claim).await,
        Err(error) => {
            tracing::warn!(%error, "the answer to a keyed request could not be kept");
            claims.release(&claim).await;
        }
    }
    response
}

/// True if the same request would be answered with this status again: not if a new login, a
/// permission or a little time changes it.
fn is_final(status: StatusCode) -> bool {
    status.is_success()
        || matches!(
            status,
            StatusCode::NOT_FOUND
                | StatusCode::CONFLICT
                | StatusCode::PRECONDITION_FAILED
                | StatusCode::UNSUPPORTED_MEDIA_TYPE
        )
}

fn replayed(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

/// The headers that are part of a request's fingerprint.
fn telling(parts: &Parts) -> [&[u8]; 3] {
    use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, IF_MATCH};
    [CONTENT_DISPOSITION, CONTENT_TYPE, IF_MATCH].map(|name| {
        let value = parts.headers.get(name);
        value.map(HeaderValue::as_bytes).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_line_of_visible_letters() {
        let read = |value: &[u8]| {
            let value = HeaderValue::from_bytes(value).unwrap();
            key(&HeaderMap::from_iter([(KEY, value)]))
        };
        assert_eq!(read(b"\"8e03978e\""), Ok("\"8e03978e\"".to_owned()));
        assert!(read(&[b'a'; 255]).is_ok());
        for wrong in [&b""[..], b"a b", "ä".as_bytes(), &[b'a'; 256]] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
        let mut twice = HeaderMap::new();
        twice.append(KEY, HeaderValue::from_static("a"));
        twice.append(KEY, HeaderValue::from_static("a"));
        assert!(key(&twice).is_err());
    }

    #[test]
    fn only_what_would_be_said_again_is_kept() {
        for status in [200, 404, 409, 412, 415] {
            assert!(is_final(StatusCode::from_u16(status).unwrap()), "{status}");
        }
        for status in [401, 403, 413, 423, 429, 500, 503] {
            assert!(!is_final(StatusCode::from_u16(status).unwrap()), "{status}");
        }
    }
}
