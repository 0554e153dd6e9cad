//! Cross-site request forgery: requests that a web page of another origin makes a browser send are
//! refused where they could change something.
//!
//! That a request changes something is a property of its route as it is registered
//! ([`Registered::changes`](openapi::Registered)). Programs send none of the headers checked here,
//! and are not affected.

use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    Error, Result,
    extract::refuse_unread,
    openapi,
    origin::{self, Origins},
};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const PURPOSE: HeaderName = HeaderName::from_static("sec-purpose");

const OTHER_ORIGIN: Error = Error::Forbidden(std::borrow::Cow::Borrowed(
    "pages of other origins change nothing here unless LEDGERLINE_CORS_ORIGINS lists them",
));
const FOLLOWED: Error = Error::Forbidden(std::borrow::Cow::Borrowed(
    "this GET changes something: it is for programs, and no browser may follow it as a link",
));

/// The middleware in front of every route.
pub(crate) async fn guard(
    State(origins): State<Arc<Origins>>,
    request: Request,
    next: Next,
) -> Response {
    let is_browser = is_browser(request.headers());
    let answered = match admit(&origins, request).await {
        Ok(request) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    if is_browser && answered.status() == StatusCode::UNAUTHORIZED {
        without_basic(answered)
    } else {
        answered
    }
}

/// The request, if it may reach its route.
async fn admit(origins: &Origins, request: Request) -> Result<Request> {
    let path = request.extensions().get::<MatchedPath>();
    let route = path.and_then(|path| openapi::registered(request.method(), path.as_str()));
    if !openapi::changes(request.method(), route) {
        return Ok(request);
    }
    match *request.method() {
        Method::HEAD => return Err(Error::NotFound),
        Method::GET => refuse_links(origins, request.headers())?,
        _ => {}
    }
    refuse_other_origins(origins, request.headers())?;
    if route.is_some_and(|route| route.content_types.is_none()) {
        refuse_unread(request).await
    } else {
        Ok(request)
    }
}

/// Refuses a request from a page of an origin that is neither this installation's nor listed.
fn refuse_other_origins(origins: &Origins, headers: &HeaderMap) -> Result<()> {
    let given = single(headers, &header::ORIGIN)?;
    let origin = given.map(|text| origin::parse(text).ok_or(OTHER_ORIGIN));
    let origin = origin.transpose()?;
    if origin.as_ref().is_some_and(|origin| origins.lists(origin)) {
        return Ok(());
    }
    let is_own = origin.is_none_or(|origin| origins.is_own(&origin, headers));
    let same_site = single(headers, &FETCH_SITE)?.is_none_or(|site| site == "same-origin");
    if is_own && same_site {
        Ok(())
    } else {
        Err(OTHER_ORIGIN)
    }
}

/// Refuses a GET by which a browser follows or prefetches a link, or that comes from a page of
/// another origin.
fn refuse_links(origins: &Origins, headers: &HeaderMap) -> Result<()> {
    let navigates = headers
        .get_all(FETCH_MODE)
        .iter()
        .any(|it| it == "navigate");
    let has = |name: &HeaderName| headers.contains_key(name);
    if navigates || has(&PURPOSE) || has(&header::UPGRADE_INSECURE_REQUESTS) {
        return Err(FOLLOWED);
    }
    let Some(referer) = single(headers, &header::REFERER)? else {
        return Ok(());
    };
    let allowed = |from: &url::Origin| origins.lists(from) || origins.is_own(from, headers);
    if origin::of_url(referer).is_some_and(|from| allowed(&from)) {
        Ok(())
    } else {
        Err(OTHER_ORIGIN)
    }
}

/// The value of a header that must not occur twice.
fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| OTHER_ORIGIN),
        (Some(_), Some(_)) => Err(OTHER_ORIGIN),
    }
}

/// True if a request looks like a browser's. Browsers send `Sec-Fetch-…` only over HTTPS
/// and to loopback addresses, so the other signs count too.
pub(crate) fn is_browser(headers: &HeaderMap) -> bool {
    let signs = [
        FETCH_SITE,
        FETCH_DEST,
        header::ORIGIN,
        header::UPGRADE_INSECURE_REQUESTS,
    ];
    let agent = headers.get(header::USER_AGENT);
    let is_mozilla = agent.is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/"));
    is_mozilla || wants_html(headers) || signs.iter().any(|name| headers.contains_key(name))
}

/// True if the client asks for a page to show.
pub(crate) fn wants_html(headers: &HeaderMap) -> bool {
    let accepts = headers.get_all(header::ACCEPT).iter();
    let mut accepts = accepts.filter_map(|value| value.to_str().ok());
    accepts.any(|value| value.to_ascii_lowercase().contains("text/html"))
}

/// Removes the Basic challenge, at which a browser asks for a password, keeps it, and adds it to
/// whatever any page makes it request.
fn without_basic(mut answer: Response) -> Response {
    let challenges = answer.headers().get_all(header::WWW_AUTHENTICATE).iter();
    let basic = |value: &&axum::http::HeaderValue| {
        let scheme = value.as_bytes().get(..5).unwrap_or_default();
        scheme.eq_ignore_ascii_case(b"basic")
    };
    let others: Vec<_> = challenges.filter(|value| !basic(value)).cloned().collect();
    let headers = answer.headers_mut();
    headers.remove(header::WWW_AUTHENTICATE);
    for challenge in others {
        headers.append(header::WWW_AUTHENTICATE, challenge);
    }
    answer
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::HeaderValue};

    use super::*;

    const OURS: (&str, &str) = ("origin", "http://uc.example:8000");
    const APP: (&str, &str) = ("origin", "https://app.example");
    const EVIL: (&str, &str) = ("origin", "https://evil.example");

    fn headers(given: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("uc.example:8000"));
        for (name, value) in given {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn origins() -> Origins {
        Origins::new(None, &["https://app.example".to_owned()], false)
    }

    #[test]
    fn only_pages_of_our_own_and_of_listed_origins_change_things() {
        for given in [
            &[][..],
            &[OURS],
            &[("sec-fetch-site", "same-origin")],
            &[OURS, ("sec-fetch-site", "same-origin")],
            &[APP],
            &[APP, ("sec-fetch-site", "cross-site")],
        ] {
            let refused = refuse_other_origins(&origins(), &headers(given));
            assert_eq!(refused, Ok(()), "{given:?}");
        }
        for given in [
            &[EVIL][..],
            &[("origin", "null")],
            &[("origin", "")],
            &[EVIL, ("sec-fetch-site", "same-origin")],
            &[OURS, EVIL],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "none")],
            &[OURS, ("sec-fetch-site", "cross-site")],
        ] {
            let refused = refuse_other_origins(&origins(), &headers(given));
            assert_eq!(refused, Err(OTHER_ORIGIN), "{given:?}");
        }
    }

    #[test]
    fn a_link_is_told_from_a_script_of_our_own_and_from_a_program() {
        for given in [
            &[][..],
            &[("sec-fetch-mode", "cors")],
            &[("referer", "http://uc.example:8000/docs/index.html")],
            &[("referer", "https://app.example/page?q=1")],
        ] {
            let refused = refuse_links(&origins(), &headers(given));
            assert_eq!(refused, Ok(()), "{given:?}");
        }
        for given in [
            ("sec-fetch-mode", "navigate"),
            ("sec-purpose", "prefetch;prerender"),
            ("upgrade-insecure-requests", "1"),
            ("referer", "https://evil.example/"),
            ("referer", "http://uc.example/"),
            ("referer", "about:blank"),
        ] {
            let refused = refuse_links(&origins(), &headers(&[given]));
            assert!(refused.is_err(), "{given:?}");
        }
    }

    #[test]
    fn a_browser_is_known_by_any_of_its_headers() {
        for given in [
            ("sec-fetch-site", "cross-site"),
            ("origin", "null"),
            ("accept", "text/HTML,*/*;q=0.8"),
            ("upgrade-insecure-requests", "1"),
            ("user-agent", "Mozilla/5.0 (X11; Linux x86_64)"),
        ] {
            assert!(is_browser(&headers(&[given])), "{given:?}");
        }
        for given in [
            ("accept", "*/*"),
            ("user-agent", "curl/8.14.1"),
            // undici, the fetch of Node.
            ("sec-fetch-mode", "cors"),
        ] {
            assert!(!is_browser(&headers(&[given])), "{given:?}");
        }
    }

    #[test]
    fn a_browser_is_offered_no_basic() {
        let refused = Error::Unauthenticated("who?").into_response();
        let answer = without_basic(refused);
        let offered = answer.headers().get_all(header::WWW_AUTHENTICATE).iter();
        let offered: Vec<_> = offered.collect();
        assert_eq!(offered, ["Bearer realm=\"ledgerline\""]);
    }

    #[tokio::test]
    async fn an_unknown_path_is_guarded_by_its_method() {
        let request = Request::builder()
            .method("POST")
            .header("origin", "null")
            .body(Body::empty());
        let refused = admit(&origins(), request.unwrap()).await;
        assert_eq!(refused.err(), Some(OTHER_ORIGIN));
    }
}
