//! Forms: the bodies of the documented PBX API, which alone takes them.

use std::convert::Infallible;

use axum::{
    body::Body,
    extract::{FromRequest, Request},
    http::{HeaderMap, header, request::Parts},
};
use futures::stream;
use serde_json::{Map, Value};

use super::{
    body::{FromFields, from_object, parse},
    content_type::{declared_type, unlisted_type},
};
use crate::{
    App, Error, Result,
    authorization::Caller,
    bodies::{BodyMemory, Hold, Lane, read_whole},
    openapi::{Describe, Sketch},
};

/// The content types of forms, and of the same fields as JSON.
pub(crate) const FORM: &[&str] = &[
    URLENCODED,
    MULTIPART,
    "application/json",
    "application/*+json",
];
const URLENCODED: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data";

/// The most bytes of a form.
const LIMIT: usize = 64 << 10;
/// The most fields of a form.
const MAX_FIELDS: usize = 1_000;

/// The body of a request: a form, URL-encoded or multipart, or a JSON object. An empty body reads as
/// a form without fields.
#[derive(Debug)]
pub(crate) struct Form<T>(pub T);

impl<T: FromFields + Send + 'static> FromRequest<App> for Form<T> {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let (parts, body) = request.into_parts();
        let read = read(&parts, body, app.bodies()).await;
        // The body may have ended long after the credential was checked.
        if let Some(caller) = parts.extensions.get::<Caller>() {
            caller.must_be_known()?;
        }
        from_object(read?, None).map(Self)
    }
}

impl<T: FromFields> Describe for Form<T> {
    fn describe(sketch: &mut Sketch) {
        super::Input::<T>::describe(sketch);
        sketch.form = true;
    }
}

async fn read(parts: &Parts, body: Body, memory: &BodyMemory) -> Result<Map<String, Value>> {
    let lane = match parts.extensions.get::<Caller>() {
        Some(_) => Lane::Caller,
        None => Lane::Anonymous,
    };
    let (bytes, reserved) = read_whole(memory, lane, body, LIMIT).await?;
    if let Some(hold) = parts.extensions.get::<Hold>() {
        hold.keep(reserved);
    }
    let declared = declared_type(&parts.headers, FORM)?;
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    match declared.as_deref() {
        Some(URLENCODED) => fields(form_urlencoded::parse(&bytes).into_owned()),
        Some(MULTIPART) => fields(multipart(&parts.headers, bytes).await?),
        Some(_) => parse(&bytes),
        None => Err(unlisted_type(FORM)),
    }
}

/// The fields of a form, each of which may stand once.
fn fields(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Map<String, Value>> {
    let mut fields = Map::new();
    for (name, value) in pairs {
        if fields.len() == MAX_FIELDS {
            return Err(Error::invalid("body", "has too many fields"));
        }
        let before = fields.insert(name.clone(), Value::String(value));
        if before.is_some() {
            return Err(Error::invalid(name, "stands twice"));
        }
    }
    Ok(fields)
}

async fn multipart(headers: &HeaderMap, bytes: Vec<u8>) -> Result<Vec<(String, String)>> {
    let broken = |_| Error::invalid("body", "is no multipart form");
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let boundary = multer::parse_boundary(kind).map_err(broken)?;
    let whole = stream::once(async move { Ok::<_, Infallible>(bytes) });
    let mut form = multer::Multipart::new(whole, boundary);
    let mut pairs = Vec::new();
    while let Some(field) = form.next_field().await.map_err(broken)? {
        let name = field.name().unwrap_or_default().to_owned();
        if pairs.len() == MAX_FIELDS {
            return Err(Error::invalid("body", "has too many fields"));
        }
        pairs.push((name, field.text().await.map_err(broken)?));
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(kind: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))])
    }

    async fn read_as(kind: &'static str, body: &str) -> Result<Map<String, Value>> {
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.headers = headers(kind);
        read(
            &parts,
            Body::from(body.to_owned()),
            &BodyMemory::new(1 << 20),
        )
        .await
    }

    #[tokio::test]
    async fn one_form_comes_in_three_types() {
        let expected = serde_json::json!({"hunt_id": "4", "hunt": "{\"hu_name\": \"A B\"}"});
        let urlencoded = "hunt_id=4&hunt=%7B%22hu_name%22%3A+%22A+B%22%7D";
        let multipart = "--x\r\nContent-Disposition: form-data; name=\"hunt_id\"\r\n\r\n4\r\n\
            --x\r\nContent-Disposition: form-data; name=\"hunt\"\r\n\r\n\
            {\"hu_name\": \"A B\"}\r\n--x--\r\n";
        for (kind, body) in [
            (URLENCODED, urlencoded.to_owned()),
            ("multipart/form-data; boundary=x", multipart.to_owned()),
            ("application/json", expected.to_string()),
        ] {
            let read = read_as(kind, &body).await;
            assert_eq!(Value::Object(read.unwrap()), expected, "{kind}");
        }
    }

    #[tokio::test]
    async fn a_broken_form_is_refused() {
        for (kind, body) in [
            (URLENCODED, "a=1&a=2"),
            ("multipart/form-data", "--x"),
            ("multipart/form-data; boundary=x", "--y\r\n"),
            ("text/plain", "a=1"),
            ("application/json", "[1]"),
        ] {
            assert!(read_as(kind, body).await.is_err(), "{kind}: {body}");
        }
    }

    #[tokio::test]
    async fn a_form_has_a_limit() {
        let many: Vec<String> = (0..=MAX_FIELDS).map(|n| format!("f{n}=1")).collect();
        assert!(read_as(URLENCODED, &many.join("&")).await.is_err());
        let large = "x".repeat(LIMIT + 1);
        assert_eq!(
            read_as(URLENCODED, &large).await,
            Err(Error::TooLarge(LIMIT))
        );
    }
}
