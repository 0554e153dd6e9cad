//! The answers to requests that are refused or fail: each status once, among the components.

use std::time::Duration;

use utoipa::openapi::{
    ArrayBuilder, ContentBuilder, Header, HeaderBuilder, ObjectBuilder, Ref, RefOr, Response,
    ResponseBuilder,
    schema::{Schema, Type},
};

use crate::Error;

/// The name of the schema of the bodies of these answers.
pub(super) const SCHEMA: &str = "Problem";

/// The statuses, each with its name among the components and its meaning.
const STATUSES: [(u16, &str, &str); 12] = [
    (
        401,
        "Unauthorized",
        "Missing, invalid or expired credentials.",
    ),
    (403, "Forbidden", "The caller is known, but not allowed."),
    (
        404,
        "NotFound",
        "No such thing, or none that the caller may know of.",
    ),
    (
        409,
        "Conflict",
        "Another version than `If-Match` expects, or another request under the same key.",
    ),
    (
        412,
        "PreconditionFailed",
        "Fields that cannot be accepted, by name.",
    ),
    (413, "PayloadTooLarge", "More bytes than are taken here."),
    (
        415,
        "UnsupportedMediaType",
        "A body of a content type that this route does not accept.",
    ),
    (
        423,
        "Locked",
        "Not possible in the present state; `detail` has the reason.",
    ),
    (
        429,
        "TooManyRequests",
        "Too many attempts; `Retry-After` says when to try again.",
    ),
    (500, "InternalServerError", "An internal error."),
    (
        501,
        "NotImplemented",
        "Cannot be done here; `detail` says why.",
    ),
    (
        503,
        "ServiceUnavailable",
        "Temporarily unavailable; the request may be repeated after `Retry-After`.",
    ),
];

/// An example of an error with this status.
fn example(status: u16) -> Error {
    match status {
        401 => Error::Unauthenticated("log in first: Bearer token or Basic"),
        403 => Error::Forbidden("permission contact_create is needed".into()),
        404 => Error::NotFound,
        409 => Error::Stale(7),
        412 => Error::invalid("phone", "is required"),
        413 => Error::TooLarge(1 << 20),
        415 => Error::UnsupportedMedia(
            "the body's Content-Type must be one of: application/json".into(),
        ),
        423 => Error::NotReady("the transmission is in processing".to_owned()),
        429 => Error::too_many_logins(Duration::from_secs(30)),
        501 => Error::NotImplemented("soffice has to be installed on this server".to_owned()),
        503 => Error::Unavailable("the store does not answer; try again"),
        _ => Error::Internal,
    }
}

/// The answers among the components, one for each status.
pub(super) fn responses() -> impl Iterator<Item = (&'static str, Response)> {
    STATUSES.into_iter().map(|(status, name, meaning)| {
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name(SCHEMA)))
            .example(Some(example(status).problem()));
        let response = ResponseBuilder::new()
            .description(meaning)
            .content("application/problem+json", content.build());
        let response = match status {
            429 | 503 => response.header("Retry-After", retry_after()),
            _ => response,
        };
        (name, response.build())
    })
}

/// The meaning of a status.
pub(super) fn meaning(status: u16) -> &'static str {
    let described = STATUSES.iter().find(|(one, ..)| *one == status);
    described.map_or("", |(_, _, meaning)| meaning)
}

/// The answer of an operation with this status, which may mean something of its own there.
pub(super) fn response(status: u16, meaning: Option<&str>) -> RefOr<Response> {
    let described = STATUSES.iter().find(|(one, ..)| *one == status);
    let Some((_, name, _)) = described else {
        let response = ResponseBuilder::new().description(meaning.unwrap_or_default());
        return response.build().into();
    };
    let mut reference = Ref::from_response_name(*name);
    reference.description = meaning.unwrap_or_default().to_owned();
    RefOr::Ref(reference)
}

fn retry_after() -> Header {
    let seconds = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1));
    HeaderBuilder::new()
        .schema(Some(seconds))
        .description(Some("In how many seconds to try again."))
        .build()
}

/// The schema of the bodies: RFC 9457, with the `error` that ICTCore's clients read beside it.
pub(super) fn schema() -> Schema {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let number = || ObjectBuilder::new().schema_type(Type::Integer);
    let invalid = ObjectBuilder::new()
        .property("field", text())
        .property("message", text())
        .required("field")
        .required("message");
    let error = ObjectBuilder::new()
        .property("code", number())
        .property("message", text())
        .required("code")
        .required("message");
    ObjectBuilder::new()
        .property("type", text())
        .property("title", text())
        .property("status", number())
        .property("detail", text())
        .property("error", error)
        .property("errors", ArrayBuilder::new().items(invalid))
        .required("type")
        .required("status")
        .required("detail")
        .required("error")
        .examples([example(412).problem()])
        .into()
}
