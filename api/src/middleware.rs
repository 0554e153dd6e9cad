//! The outermost middleware: a request id, a span, a time limit, a net under panics, and the
//! headers that every answer carries.

use std::{panic::AssertUnwindSafe, time::Duration};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::FutureExt;
use tokio::time::Instant;
use tracing::Instrument;

use crate::{
    App, Error,
    bodies::{Hold, Paced},
    cors_and_compression::Uncompressed,
    draining::Lingering,
    idempotency::is_login,
};

/// The request's id, as answered and as recorded with events.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub String);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The outermost middleware.
pub(crate) async fn frame(State(app): State<App>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(&request);
    let method = request.method().clone();
    // Only the path: a query may hold data that must not be in a log.
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let is_token = is_login(&path);
    let limit = app.config().time_limit(&path);
    let span =
        tracing::info_span!("request", request.id = %id, http.method = %method, http.path = %path);
    let answered = answer(request, &id, limit, next)
        .instrument(span.clone())
        .await;
    let mut response = answered;
    let (status, took) = (response.status(), started.elapsed());
    span.in_scope(|| {
        let latency_ms = took.as_secs_f64() * 1000.0;
        tracing::info!(http.status = status.as_u16(), latency_ms, "answered");
    });
    count(method.as_str(), route.as_ref(), status, took);
    dress(&mut response, &id);
    if is_token {
        response.extensions_mut().insert(Uncompressed);
    }
    response
}

async fn answer(mut request: Request, id: &str, limit: Duration, next: Next) -> Response {
    request.extensions_mut().insert(RequestId(id.to_owned()));
    // The reservations of the request are held until it is answered.
    let hold = Hold::default();
    request.extensions_mut().insert(hold.clone());
    let request = request.map(|body| Lingering::wrap(Paced::wrap(body)));
    let caught = AssertUnwindSafe(next.run(request)).catch_unwind();
    let answered = tokio::time::timeout(limit, caught).await;
    drop(hold);
    match answered {
        Ok(Ok(response)) => response,
        Ok(Err(_panic)) => {
            tracing::error!("a handler panicked");
            Error::Internal.into_response()
        }
        Err(_elapsed) => Error::TOO_SLOW.into_response(),
    }
}

/// The client's own request id if it is 1 to 64 safe characters, else a new one.
fn request_id(request: &Request) -> String {
    let sane = |text: &&str| {
        (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
    };
    let given = request.headers().get(&REQUEST_ID);
    let given = given.and_then(|value| value.to_str().ok()).filter(sane);
    given.map_or_else(fresh_id, str::to_owned)
}

fn fresh_id() -> String {
    let mut bytes = [0; 16];
    // Without randomness the id is useless, but the request is not.
    let _ = getrandom::fill(&mut bytes);
    hex::encode(bytes)
}

fn count(method: &str, route: Option<&MatchedPath>, status: StatusCode, took: Duration) {
    let route = route.map_or("none", MatchedPath::as_str).to_owned();
    let labels = [
        ("method", known(method).to_owned()),
        ("route", route),
        ("status", status.as_str().to_owned()),
    ];
    metrics::counter!("ledgerline_http_requests_total", &labels).increment(1);
    metrics::histogram!("ledgerline_http_request_seconds", &labels[..2]).record(took.as_secs_f64());
}

/// The label of a method in the metrics. A client can make up methods; each would be a series of
/// its own for ever.
fn known(method: &str) -> &str {
    let methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"];
    if methods.contains(&method) {
        method
    } else {
        "other"
    }
}

fn dress(response: &mut Response, id: &str) {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'; sandbox",
        ),
    ] {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn id_of(given: &str) -> String {
        let request = Request::builder()
            .header("x-request-id", given)
            .body(Body::empty());
        request_id(&request.unwrap())
    }

    #[test]
    fn a_sane_request_id_is_kept_and_a_strange_one_replaced() {
        assert_eq!(id_of("job-7.a_b:c"), "job-7.a_b:c");
        for strange in ["", "a b", "é", &"x".repeat(65), "a\"b"] {
            let id = id_of(strange);
            assert_eq!(id.len(), 32, "{strange:?} became {id}");
        }
    }
}
