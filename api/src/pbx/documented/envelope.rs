//! The envelope of the documented PBX API's answers: `{"status":"success","data":…}`, or
//! `{"status":"failed","message":…}` with the documented words.

use axum::{
    Json,
    body::{Body, Bytes, HttpBody as _},
    extract::{MatchedPath, Request},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use futures::{StreamExt as _, stream};
use serde::Serialize;
use serde_json::Value;

use crate::{Error, openapi};

const BEFORE: &[u8] = b"{\"status\":\"success\",\"data\":";
const AFTER: &[u8] = b"}";
/// The documented words for failures.
const UNAUTHORIZED: &str = "Unauthorized Access";
const NOT_FOUND: &str = "Record Not Found.";
const MISSING: &str = "Please Enter Required Fields.";
/// The message of a field that is missing.
const REQUIRED: &str = "is required";
/// The most bytes of an answer that a reason is looked for in.
const MAX_REASON: usize = 64 << 10;

/// The answer to a request that fails.
#[derive(Serialize)]
struct Failed {
    status: &'static str,
    message: String,
}

/// The middleware that puts the answers of the documented operations into their envelope. It is
/// outside of all that refuses requests.
pub(crate) async fn envelope(request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>();
    let is_documented = path.is_some_and(|path| openapi::is_enveloped(path.as_str()));
    let response = next.run(request).await;
    if !is_documented {
        return response;
    }
    match response.extensions().get::<Error>() {
        Some(error) => failed(message(error), response),
        None if response.status().is_success() => succeeded(response),
        None => {
            let (parts, body) = response.into_parts();
            let reason = reason(parts.status, body).await;
            failed(reason, Response::from_parts(parts, Body::empty()))
        }
    }
}

/// The reason in an answer that was not made of an error here: one that is given again by its
/// Idempotency-Key, or that of the router.
async fn reason(status: StatusCode, body: Body) -> String {
    let bytes = axum::body::to_bytes(body, MAX_REASON).await;
    let problem = serde_json::from_slice::<Value>(&bytes.unwrap_or_default()).unwrap_or_default();
    let errors = problem["errors"].as_array().into_iter().flatten();
    let is_missing = errors.into_iter().any(|it| it["message"] == REQUIRED);
    let words = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Some(UNAUTHORIZED),
        StatusCode::NOT_FOUND => Some(NOT_FOUND),
        _ if is_missing => Some(MISSING),
        _ => problem["detail"].as_str().or(status.canonical_reason()),
    };
    words.unwrap_or("Failed").to_owned()
}

/// The status of a failure as it is documented: what is wrong with a request is 412.
const fn documented_status(status: StatusCode) -> StatusCode {
    match status {
        StatusCode::CONFLICT | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::LOCKED => {
            StatusCode::PRECONDITION_FAILED
        }
        status => status,
    }
}

/// The documented words for an error, or the reason where there are none.
fn message(error: &Error) -> String {
    match error {
        Error::Unauthenticated(_) | Error::Forbidden(_) => UNAUTHORIZED.to_owned(),
        Error::NotFound => NOT_FOUND.to_owned(),
        Error::Invalid(fields) if fields.iter().any(|it| it.message == REQUIRED) => {
            MISSING.to_owned()
        }
        error => error.detail(),
    }
}

fn failed(message: String, before: Response) -> Response {
    let (before, _) = before.into_parts();
    let status = "failed";
    let failed = Json(Failed { status, message });
    let mut response = (documented_status(before.status), failed).into_response();
    for (name, value) in &before.headers {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            response.headers_mut().append(name, value.clone());
        }
    }
    response
}

fn succeeded(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let length = body.size_hint().exact();
    let length = length.map(|inner| inner + (BEFORE.len() + AFTER.len()) as u64);
    parts.headers.remove(header::CONTENT_LENGTH);
    if let Some(length) = length {
        let length = HeaderValue::from(length);
        parts.headers.insert(header::CONTENT_LENGTH, length);
    }
    let fixed = |bytes: &'static [u8]| stream::iter([Ok(Bytes::from_static(bytes))]);
    let whole = fixed(BEFORE)
        .chain(body.into_data_stream())
        .chain(fixed(AFTER));
    Response::from_parts(parts, Body::from_stream(whole))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn text(response: Response) -> String {
        let bytes = axum::body::to_bytes(response.into_body(), 65_536).await;
        String::from_utf8(bytes.unwrap().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_success_keeps_the_documented_order() {
        let response = succeeded(Json(["a"]).into_response());
        let length = response.headers()["content-length"].clone();
        let text = text(response).await;
        assert_eq!(text, r#"{"status":"success","data":["a"]}"#);
        assert_eq!(length, text.len().to_string());
    }

    #[tokio::test]
    async fn a_failure_has_the_documented_words() {
        for (error, words) in [
            (Error::Unauthenticated("log in"), "Unauthorized Access"),
            (Error::Forbidden("no".into()), "Unauthorized Access"),
            (Error::NotFound, "Record Not Found."),
            (
                Error::invalid("hunt_id", "is required"),
                "Please Enter Required Fields.",
            ),
            (Error::TooLarge(7), "at most 7 bytes are accepted here"),
            (Error::Unavailable("try again"), "try again"),
            (
                Error::too_many_logins(Duration::from_secs(9)),
                "too many failed logins; try again later",
            ),
        ] {
            let status = documented_status(error.status());
            let response = error.into_response();
            let kept = response.extensions().get::<Error>().map(message);
            let wait = response.headers().get("retry-after").cloned();
            let response = failed(kept.unwrap(), response);
            assert_eq!(response.headers().get("retry-after"), wait.as_ref());
            assert_eq!(response.status(), status);
            assert_eq!(response.headers()["content-type"], "application/json");
            let expected = format!(r#"{{"status":"failed","message":"{words}"}}"#);
            assert_eq!(text(response).await, expected);
        }
    }
}
