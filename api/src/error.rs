//! Errors of requests: the one place where a refusal becomes a status code and a body.

use std::{borrow::Cow, fmt, time::Duration};

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use commands::CommandError;
use domain::Refusal;
use eventstore::StoreError;
use serde::Serialize;
use serde_json::{Value, json};

/// The result of a handler.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A field that cannot be accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Invalid {
    /// The name of the field, as the client wrote it.
    pub field: Cow<'static, str>,
    /// The reason, a sentence for people.
    pub message: String,
}

/// The reason why a request is refused or fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// Missing, invalid or expired credentials: 401.
    Unauthenticated(&'static str),
    /// Authenticated, but not allowed: 403.
    Forbidden(Cow<'static, str>),
    /// A thing that does not exist, or that the caller may not know of: 404.
    NotFound,
    /// The caller expected another version: 409.
    Stale(u64),
    /// An Idempotency-Key that came with another request before: 409.
    KeyReused,
    /// A request that was carried out before and whose answer is lost: 409.
    AnswerLost,
    /// Fields that cannot be accepted: 412.
    Invalid(Vec<Invalid>),
    /// A body with more bytes than the limit: 413.
    TooLarge(usize),
    /// A body of a content type that is not accepted here: 415.
    UnsupportedMedia(Cow<'static, str>),
    /// Impossible in the present state: 423.
    NotReady(String),
    /// Too many attempts: 429.
    TooMany {
        /// The limit, in words.
        limit: &'static str,
        /// The time after which the client may try again.
        retry_after: Duration,
    },
    /// An internal error, whose cause is in the log: 500.
    Internal,
    /// Not available on this installation, not implemented, or not specific enough: 501.
    NotImplemented(String),
    /// A passing failure, after which the same request may succeed: 503.
    Unavailable(&'static str),
}

impl Error {
    /// The error of a request that took longer than it may.
    pub(crate) const TOO_SLOW: Self = Self::Unavailable("it took too long; try again");

    /// The error of logins that failed too often.
    pub(crate) fn too_many_logins(retry_after: Duration) -> Self {
        Self::TooMany {
            limit: "too many failed logins",
            retry_after,
        }
    }

    /// The error of one field that cannot be accepted.
    pub fn invalid(field: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::Invalid(vec![Invalid {
            field: field.into(),
            message: message.into(),
        }])
    }

    /// The error of a reference to something that does not exist or is not the caller's: the same
    /// words for both, so that nobody can find out which.
    pub fn unknown(field: &'static str) -> Self {
        Self::invalid(field, "does not exist")
    }

    /// The status code of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Stale(_) | Self::KeyReused | Self::AnswerLost => StatusCode::CONFLICT,
            Self::Invalid(_) => StatusCode::PRECONDITION_FAILED,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMedia(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NotReady(_) => StatusCode::LOCKED,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NotImplemented(_) => StatusCode::NOT_IMPLEMENTED,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The error in words, for people.
    pub(crate) fn detail(&self) -> String {
        match self {
            Self::Unauthenticated(reason) | Self::Unavailable(reason) => (*reason).to_owned(),
            Self::Forbidden(reason) | Self::UnsupportedMedia(reason) => reason.to_string(),
            Self::NotFound => "not found".to_owned(),
            Self::Stale(actual) => format!("the version is {actual} now"),
            Self::KeyReused => {
                "this Idempotency-Key was first given with another request".to_owned()
            }
            Self::AnswerLost => "the request with this Idempotency-Key was carried out, but its \
                                 answer was lost; look before you repeat it with another key"
                .to_owned(),
            Self::Invalid(errors) => {
                let said = errors.iter().map(|e| format!("{}: {}", e.field, e.message));
                said.collect::<Vec<_>>().join("; ")
            }
            Self::TooLarge(limit) => format!("at most {limit} bytes are accepted here"),
            Self::NotReady(reason) | Self::NotImplemented(reason) => reason.clone(),
            Self::TooMany { limit, .. } => format!("{limit}; try again later"),
            Self::Internal => "something went wrong here; the log has the details".to_owned(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail())
    }
}

impl std::error::Error for Error {}

impl Error {
    /// The answer, with further fields in its body.
    pub(crate) fn telling(self, more: &impl Serialize) -> Response {
        let mut problem = self.problem();
        if let (Some(problem), Ok(Value::Object(more))) =
            (problem.as_object_mut(), serde_json::to_value(more))
        {
            problem.extend(more);
        }
        self.answer(problem)
    }

    /// The body of the answer: RFC 9457, with the `error` that ICTCore's clients read.
    pub(crate) fn problem(&self) -> Value {
        let (status, detail) = (self.status(), self.detail());
        let mut problem = json!({
            "type": "about:blank",
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "detail": &detail,
            "error": { "code": status.as_u16(), "message": &detail },
        });
        if let Self::Invalid(errors) = self {
            problem["errors"] = json!(errors);
        }
        problem
    }

    fn answer(self, problem: Value) -> Response {
        let status = self.status();
        let mut response = (status, Json(problem)).into_response();
        // For those that answer in another form.
        response.extensions_mut().insert(self.clone());
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        let retry_after = match self {
            Self::TooMany { retry_after, .. } => {
                Some(HeaderValue::from(retry_after.as_secs().max(1)))
            }
            Self::Unavailable(_) => Some(HeaderValue::from_static("1")),
            _ => None,
        };
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, seconds);
        }
        if status == StatusCode::UNAUTHORIZED {
            for scheme in [
                "Bearer realm=\"ledgerline\"",
                "Basic realm=\"ledgerline\", charset=\"UTF-8\"",
            ] {
                headers.append(header::WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
            }
        }
        response
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let problem = self.problem();
        self.answer(problem)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound => Self::NotFound,
            // Ids are drawn by the server: this means a request that was answered before.
            Refusal::AlreadyExists => Self::NotReady("already exists".to_owned()),
            Refusal::Invalid { field, reason } => Self::invalid(field, reason),
            Refusal::Taken { field } => Self::invalid(field, "is already in use"),
            Refusal::NotReady(reason) => Self::NotReady(reason),
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Taken { field } => Self::invalid(field, "is already in use"),
            error if error.is_transient() => {
                tracing::warn!(%error, "the store refused");
                Self::Unavailable("the store does not answer; try again")
            }
            error => {
                tracing::error!(%error, "the store failed");
                Self::Internal
            }
        }
    }
}

impl From<CommandError> for Error {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Refused(refusal) => refusal.into(),
            CommandError::Behind => Self::Unavailable("the read models are behind; try again"),
            CommandError::Contended => Self::Unavailable("too many writers at once; try again"),
            CommandError::Stale { actual } => Self::Stale(actual),
            CommandError::Store(error) => error.into(),
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        StoreError::from(error).into()
    }
}

/// Answers a path that no route has.
pub(crate) async fn unknown_path() -> Error {
    Error::NotFound
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn problem(error: Error) -> (StatusCode, serde_json::Value, axum::http::HeaderMap) {
        let response = error.into_response();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = axum::body::to_bytes(response.into_body(), 65_536)
            .await
            .unwrap();
        (status, serde_json::from_slice(&body).unwrap(), headers)
    }

    #[tokio::test]
    async fn a_field_is_named_in_both_shapes() {
        let (status, body, headers) = problem(Error::invalid("phone", "is required")).await;
        assert_eq!(status, 412);
        assert_eq!(
            body["errors"],
            json!([{"field": "phone", "message": "is required"}])
        );
        assert_eq!(
            body["error"],
            json!({"code": 412, "message": "phone: is required"})
        );
        assert_eq!(headers["content-type"], "application/problem+json");
    }

    #[tokio::test]
    async fn a_waiting_time_is_said_in_seconds() {
        let (status, _, headers) = problem(Error::too_many_logins(Duration::from_secs(90))).await;
        assert_eq!(
            (status.as_u16(), &headers["retry-after"]),
            (429, &HeaderValue::from(90))
        );
        let (status, _, headers) = problem(Error::Unavailable("later")).await;
        assert_eq!(
            (status.as_u16(), &headers["retry-after"]),
            (503, &HeaderValue::from(1))
        );
    }

    #[tokio::test]
    async fn a_stranger_is_told_how_to_log_in() {
        let (status, body, headers) = problem(Error::Unauthenticated("who?")).await;
        assert_eq!(status, 401);
        assert_eq!(headers.get_all("www-authenticate").iter().count(), 2);
        assert!(body.get("errors").is_none());
    }

    #[tokio::test]
    async fn database_errors_are_not_answered() {
        let error = sqlx::Error::Protocol("password=hunter2 at 10.0.0.1".into());
        let (status, body, _) = problem(error.into()).await;
        assert_eq!(status, 503);
        assert!(!body.to_string().contains("hunter2"));
    }
}
