//! The JSON body of a request.

use axum::{
    body::{Body, HttpBody as _},
    extract::{FromRequest, Request},
    http::request::Parts,
};
use domain::{Patch, access::Tenant};
use serde_json::{Map, Value};

use super::{
    content_type::{declared_type, unlisted_type},
    fields::Fields,
    strict::{self, duplicate, is_too_many},
};
use crate::{
    App, Error, Result,
    authorization::{Caller, RequestedTenant, TENANT_ID},
    bodies::{BodyMemory, Hold, Lane, SHORT, announced, read_whole},
    openapi::{Describe, JSON, Sketch},
};

/// The most bytes of a JSON body: a message's body of 1 MiB characters, escaped.
const LIMIT: usize = 8 << 20;

/// A value that is read from the fields of a JSON object.
pub(crate) trait FromFields: Sized {
    /// The most bytes of the object.
    const LIMIT: usize = LIMIT;

    /// Takes the fields that it needs; errors are noted in `fields`.
    fn from_fields(fields: &mut Fields) -> Self;
}

/// The body of a request, read and checked. An empty body reads as `{}`.
#[derive(Debug)]
pub(crate) struct Input<T>(pub T);

impl<T: FromFields + Send + 'static> FromRequest<App> for Input<T> {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let (parts, body) = request.into_parts();
        let read = input(&parts, body, app.bodies()).await;
        // The body may have ended long after the credential was checked.
        if let Some(caller) = parts.extensions.get::<Caller>() {
            caller.must_be_known()?;
        }
        read.map(Self)
    }
}

impl<T: FromFields> Describe for Input<T> {
    fn describe(sketch: &mut Sketch) {
        let mut fields = Fields::describing();
        T::from_fields(&mut fields);
        sketch.fields = Some(fields.described());
        sketch.refuses(&[412, 413, 415]);
    }
}

async fn input<T>(parts: &Parts, body: Body, memory: &BodyMemory) -> Result<T>
where
    T: FromFields + Send + 'static,
{
    if announced(&parts.headers).is_some_and(|length| length > T::LIMIT) {
        return Err(Error::TooLarge(T::LIMIT));
    }
    let is_json = || {
        let declared = declared_type(&parts.headers, JSON)?;
        declared.ok_or_else(|| unlisted_type(JSON)).map(drop)
    };
    if body.size_hint().lower() > 0 {
        is_json()?;
    }
    let lane = match parts.extensions.get::<Caller>() {
        Some(_) => Lane::Caller,
        None => Lane::Anonymous,
    };
    let (bytes, reserved) = read_whole(memory, lane, body, T::LIMIT).await?;
    if let Some(hold) = parts.extensions.get::<Hold>() {
        hold.keep(reserved);
    }
    // There only if the handler creates or changes something.
    let asked = parts.extensions.get::<RequestedTenant>().cloned();
    if bytes.is_empty() {
        return from_object(Map::new(), asked);
    }
    is_json()?;
    if bytes.len() <= SHORT {
        return from_object(parse(&bytes)?, asked);
    }
    let turn = memory.parser().await?;
    let parsed = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        from_object(parse(&bytes)?, asked)
    });
    parsed.await.unwrap_or(Err(Error::Internal))
}

pub(super) fn from_object<T: FromFields>(
    object: Map<String, Value>,
    asked: Option<RequestedTenant>,
) -> Result<T> {
    let mut fields = Fields::new(object);
    if let Some(asked) = asked
        && let Patch::Set(tenant) = fields.id::<Tenant>(TENANT_ID)
    {
        asked.set(tenant.get());
    }
    let value = T::from_fields(&mut fields);
    fields.finish(value)
}

pub(super) fn parse(bytes: &[u8]) -> Result<Map<String, Value>> {
    match strict::parse(bytes) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(Error::invalid("body", "must be a JSON object")),
        Err(error) if is_too_many(&error) => Err(Error::invalid("body", "has too many values")),
        Err(error) if strict::is_too_deep(&error) => {
            let said = "has more than 128 levels of arrays and objects";
            Err(Error::invalid("body", said))
        }
        Err(error) => Err(match duplicate(&error) {
            Some(name) => Error::invalid(name, "stands twice"),
            // The parser's message may quote the body, which may hold a password.
            None => Error::invalid(
                "body",
                format!(
                    "is not JSON (line {}, column {})",
                    error.line(),
                    error.column()
                ),
            ),
        }),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, header};

    use super::*;
    use crate::extract::Given as _;

    /// The length of a field.
    struct Length(Option<usize>);

    impl FromFields for Length {
        fn from_fields(fields: &mut Fields) -> Self {
            let text = fields.text_or_number::<String>("a").given();
            Self(text.map(|text| text.len()))
        }
    }

    async fn read_from(request: Request) -> Result<Option<usize>> {
        let (parts, body) = request.into_parts();
        let memory = BodyMemory::new(64 << 20);
        input::<Length>(&parts, body, &memory).await.map(|it| it.0)
    }

    async fn read(kind: Option<&'static str>, body: &str) -> Result<Option<usize>> {
        let mut request = Request::new(Body::from(body.to_owned()));
        if let Some(kind) = kind {
            let kind = HeaderValue::from_static(kind);
            request.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        read_from(request).await
    }

    const JSON_UTF8: Option<&str> = Some("application/json; charset=utf-8");

    #[tokio::test]
    async fn nothing_reads_as_an_empty_object() {
        assert_eq!(read(None, "").await, Ok(None));
        assert_eq!(read(JSON_UTF8, r#"{"a":1}"#).await, Ok(Some(1)));
    }

    #[tokio::test]
    async fn a_body_of_another_kind_is_not_guessed_at() {
        for kind in [
            None,
            Some("application/x-www-form-urlencoded"),
            Some("text/json"),
        ] {
            let error = read(kind, "{}").await.unwrap_err();
            assert!(
                matches!(error, Error::UnsupportedMedia(_)),
                "{kind:?}: {error:?}"
            );
        }
    }

    #[tokio::test]
    async fn what_is_not_an_object_is_refused_without_quoting_it() {
        for body in [
            "[]",
            "7",
            "null",
            "{",
            "{\"password\": hunter2}",
            "\u{feff}{}",
            "{} {}",
        ] {
            let Error::Invalid(errors) = read(JSON_UTF8, body).await.unwrap_err() else {
                panic!("{body}");
            };
            assert_eq!(errors[0].field, "body", "{body}");
            assert!(!errors[0].message.contains("hunter2"));
        }
    }

    #[tokio::test]
    async fn a_huge_body_is_too_large_whether_announced_or_not() {
        let huge = " ".repeat(LIMIT + 1);
        assert_eq!(read(JSON_UTF8, &huge).await, Err(Error::TooLarge(LIMIT)));
        let announced = Request::builder().header("content-length", 100_u64 << 20);
        let refused = read_from(announced.body(Body::empty()).unwrap()).await;
        assert_eq!(refused, Err(Error::TooLarge(LIMIT)));
    }

    #[tokio::test]
    async fn a_long_body_is_read_like_a_short_one() {
        let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(2 * SHORT));
        assert_eq!(read(JSON_UTF8, &long).await, Ok(Some(2 * SHORT)));
        let wrong = format!(r#"{{"a":"{}"#, "x".repeat(2 * SHORT));
        assert!(matches!(
            read(JSON_UTF8, &wrong).await,
            Err(Error::Invalid(_))
        ));
    }
}
