//! The content type of a body, checked against those that its route lists.

use axum::{
    body::Body,
    extract::{MatchedPath, Request},
    http::{HeaderMap, header, request::Parts},
};
use futures::StreamExt;
use http_body::Body as _;

use crate::{
    Error, Result,
    bodies::broken,
    openapi::{self, JSON},
};

/// Content types that a web form can send; no wildcard matches them.
const FORMS: [&str; 2] = ["application/x-www-form-urlencoded", "multipart/form-data"];

/// The content types that the route of a request lists.
pub(crate) fn content_types(parts: &Parts) -> &'static [&'static str] {
    let path = parts.extensions.get::<MatchedPath>();
    let route = path.and_then(|path| openapi::registered(&parts.method, path.as_str()));
    route
        .and_then(|route| route.content_types)
        .unwrap_or_default()
}

/// The `type/subtype` that a request declares, in lower case, which must be one of these. `None` if
/// it declares nothing.
pub(crate) fn declared_type(headers: &HeaderMap, types: &[&str]) -> Result<Option<String>> {
    let mut declared = headers.get_all(header::CONTENT_TYPE).iter();
    let Some(value) = declared.next() else {
        return Ok(None);
    };
    let essence = value.to_str().unwrap_or_default();
    let essence = essence.split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    let is_listed = types.iter().any(|pattern| matches(pattern, &essence));
    if is_listed && declared.next().is_none() {
        Ok(Some(essence))
    } else {
        Err(unlisted_type(types))
    }
}

/// The refusal of a body whose content type is none of these, or missing.
pub(crate) fn unlisted_type(types: &[&str]) -> Error {
    if types.contains(&"*/*") {
        let said = "the body needs one Content-Type, and any will do, such as image/png";
        return Error::UnsupportedMedia(said.into());
    }
    let types = types.join(", ");
    Error::UnsupportedMedia(format!("the body's Content-Type must be one of: {types}").into())
}

/// Refuses a body that is not JSON where the route reads no body: clients post JSON to
/// any route, while a form on a web page can post only other types.
pub(crate) async fn refuse_unread(request: Request) -> Result<Request> {
    let is_json = matches!(declared_type(request.headers(), JSON), Ok(Some(_)));
    if is_json || request.body().is_end_stream() {
        return Ok(request);
    }
    if request.body().size_hint().lower() > 0 {
        return Err(unlisted_type(JSON));
    }
    let (parts, body) = request.into_parts();
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(broken)?;
        if !chunk.is_empty() {
            return Err(unlisted_type(JSON));
        }
    }
    Ok(Request::from_parts(parts, Body::empty()))
}

fn matches(pattern: &str, essence: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else {
        return pattern == essence;
    };
    let (before, after) = match (before, after) {
        ("", _) => ("", ""),
        both => both,
    };
    let inside = essence.strip_prefix(before);
    let inside = inside.and_then(|rest| rest.strip_suffix(after));
    inside.is_some_and(|inside| !inside.is_empty())
        && is_media_type(essence)
        && !FORMS.contains(&essence)
}

fn is_media_type(essence: &str) -> bool {
    let token = |c: u8| c.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&c);
    let whole = |part: &str| !part.is_empty() && part.bytes().all(token);
    let halves = essence.split_once('/').filter(|_| essence.len() <= 127);
    halves.is_some_and(|(kind, sub)| whole(kind) && whole(sub))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn declared(value: &'static str, types: &[&str]) -> Option<String> {
        let value = HeaderValue::from_static(value);
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, value)]);
        declared_type(&headers, types).ok().flatten()
    }

    #[test]
    fn a_listed_type_is_known_with_parameters_and_in_any_case() {
        for (value, types) in [
            ("Application/JSON; charset=utf-8", JSON),
            ("application/merge-patch+json", JSON),
            ("audio/x-wav", &["audio/*"]),
            ("text/plain", &["*/*"]),
        ] {
            assert!(declared(value, types).is_some(), "{value}");
        }
    }

    #[test]
    fn another_type_is_not_guessed_at() {
        for (value, types) in [
            ("text/json", JSON),
            ("application/+json", JSON),
            ("application/json, text/plain", JSON),
            ("", JSON),
            ("video/ogg", &["audio/*"]),
            ("text/plain", &["text/csv"]),
        ] {
            assert_eq!(declared(value, types), None, "{value}");
        }
    }

    #[test]
    fn a_wildcard_stands_for_no_form_and_no_nonsense() {
        for value in [
            "multipart/form-data; boundary=x",
            "application/x-www-form-urlencoded",
            "pdf",
            "a/",
            "/b",
            "a b/c",
            "a/b/c",
        ] {
            assert_eq!(declared(value, &["*/*", "application/*"]), None, "{value}");
        }
    }

    #[test]
    fn two_types_are_none() {
        let mut headers = HeaderMap::new();
        for value in ["application/json", "text/plain"] {
            headers.append(header::CONTENT_TYPE, HeaderValue::from_static(value));
        }
        assert!(declared_type(&headers, JSON).is_err());
        assert_eq!(declared_type(&HeaderMap::new(), JSON), Ok(None));
    }

    #[tokio::test]
    async fn an_unread_body_is_json_or_empty() {
        let post = |kind: &str, body: Body| {
            let request = Request::builder().header("content-type", kind);
            refuse_unread(request.body(body).unwrap())
        };
        let empty_chunks =
            || Body::from_stream(futures::stream::iter([Ok::<_, std::io::Error>(""), Ok("")]));
        assert!(post("application/json", Body::from("{}")).await.is_ok());
        assert!(post("text/plain", Body::empty()).await.is_ok());
        assert!(post("text/plain", empty_chunks()).await.is_ok());
        assert!(post("text/plain", Body::from("a=b")).await.is_err());
    }
}
