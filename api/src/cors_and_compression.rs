//! CORS and compression of answers.

use axum::{
    Router,
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
};
use tower_http::{
    compression::{
        CompressionLayer, Predicate,
        predicate::{And, SizeAbove},
    },
    cors::{AllowOrigin, CorsLayer},
};

/// The least size in bytes of an answer that is compressed; smaller ones gain nothing.
const WORTH_IT: u64 = 1024;
/// The time for which a browser may cache the answer to a preflight request (1 h).
const REMEMBERED: std::time::Duration = std::time::Duration::from_secs(60 * 60);

/// Marks an answer that is sent uncompressed: one with a secret and something of the client's in
/// it, whose compressed length would tell of the secret (BREACH), or a stream of events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Uncompressed;

/// Lets pages of these origins in; no page, if there are none.
pub(crate) fn cors(router: Router, origins: &[String]) -> Router {
    if origins.is_empty() {
        return router;
    }
    let layer = CorsLayer::new()
        .allow_methods([
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::DELETE,
            Method::OPTIONS,
        ])
        .allow_headers([
            header::ACCEPT,
            header::AUTHORIZATION,
            HeaderName::from_static("authentication"),
            header::CONTENT_DISPOSITION,
            header::CONTENT_TYPE,
            HeaderName::from_static("idempotency-key"),
            header::IF_MATCH,
            header::IF_NONE_MATCH,
            HeaderName::from_static("x-request-id"),
        ])
        .expose_headers([
            header::CONTENT_TYPE,
            header::CONTENT_LENGTH,
            header::CONTENT_DISPOSITION,
            header::ETAG,
            header::LINK,
            HeaderName::from_static("x-total-count"),
            HeaderName::from_static("x-request-id"),
            HeaderName::from_static("idempotent-replayed"),
        ])
        .max_age(REMEMBERED);
    let layer = if origins.iter().any(|origin| origin == "*") {
        layer.allow_origin(AllowOrigin::any())
    } else {
        let named = origins.iter().filter_map(|origin| origin.parse().ok());
        let named: Vec<HeaderValue> = named.collect();
        layer
            .allow_origin(AllowOrigin::list(named))
            .allow_credentials(true)
    };
    router.layer(layer)
}

/// Compresses text of a sufficient size, for clients that accept gzip.
pub(crate) fn compression() -> CompressionLayer<And<SizeAbove, Text>> {
    CompressionLayer::new()
        .gzip(true)
        .compress_when(SizeAbove::new(WORTH_IT).and(Text))
}

/// Matches text as this API writes it; uploads are mostly compressed already.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text;

impl Predicate for Text {
    fn should_compress<B: http_body::Body>(&self, response: &axum::http::Response<B>) -> bool {
        is_text(response.headers()) && response.extensions().get::<Uncompressed>().is_none()
    }
}

fn is_text(headers: &HeaderMap) -> bool {
    const KINDS: [&str; 7] = [
        "application/json",
        "application/problem+json",
        "text/css",
        "text/csv",
        "text/html",
        "text/javascript",
        "text/plain",
    ];
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    KINDS.contains(&kind)
}
