//! The JSON body of a request.

use axum::{
    body::Body,
    extract::{FromRequest, Request},
    http::{HeaderMap, header},
};
use serde_json::{Map, Value};

use super::{
    content_type::{declared_type, unlisted_type},
    fields::Fields,
    strict::{Strict, duplicate},
};
use crate::{
    App, Error, Result,
    openapi::{Describe, JSON, Sketch},
};

/// The most bytes of a JSON body: a message's body of 1 MiB characters, escaped.
const LIMIT: usize = 8 << 20;

/// Something that is read from the fields of a JSON object.
pub(crate) trait FromFields: Sized {
    /// Takes what it needs; what is wrong is noted in `fields`.
    fn from_fields(fields: &mut Fields) -> Self;
}

/// A request's body, read and free of wrong fields. No body reads as `{}`.
#[derive(Debug)]
pub(crate) struct Input<T>(pub T);

impl<T: FromFields> FromRequest<App> for Input<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _app: &App) -> Result<Self> {
        let (parts, body) = request.into_parts();
        let mut fields = Fields::new(object(&parts.headers, body).await?);
        let value = T::from_fields(&mut fields);
        fields.finish(value).map(Self)
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

async fn object(headers: &HeaderMap, body: Body) -> Result<Map<String, Value>> {
    let announced = headers.get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > LIMIT) {
        return Err(Error::TooLarge(LIMIT));
    }
    let bytes = collect(body).await?;
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    declared_type(headers, JSON)?.ok_or_else(|| unlisted_type(JSON))?;
    parse(&bytes)
}

async fn collect(body: Body) -> Result<Vec<u8>> {
    use futures::StreamExt;
    let mut chunks = body.into_data_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Error::invalid("body", "ended early"))?;
        if bytes.len() + chunk.len() > LIMIT {
            return Err(Error::TooLarge(LIMIT));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn parse(bytes: &[u8]) -> Result<Map<String, Value>> {
    match serde_json::from_slice(bytes) {
        Ok(Strict(Value::Object(map))) => Ok(map),
        Ok(_) => Err(Error::invalid("body", "must be a JSON object")),
        Err(error) => Err(match duplicate(&error) {
            Some(name) => Error::invalid(name, "stands twice"),
            // The parser's words may quote the body, which may hold a password.
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
    use axum::http::HeaderValue;

    use super::*;

    async fn read(kind: Option<&'static str>, body: &str) -> Result<Map<String, Value>> {
        let mut headers = HeaderMap::new();
        if let Some(kind) = kind {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        object(&headers, Body::from(body.to_owned())).await
    }

    const JSON_UTF8: Option<&str> = Some("application/json; charset=utf-8");

    #[tokio::test]
    async fn nothing_reads_as_an_empty_object() {
        assert_eq!(read(None, "").await.unwrap().len(), 0);
        assert_eq!(read(JSON_UTF8, r#"{"a":1}"#).await.unwrap().len(), 1);
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
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(100_u64 << 20));
        let refused = object(&headers, Body::empty()).await;
        assert_eq!(refused, Err(Error::TooLarge(LIMIT)));
    }
}
