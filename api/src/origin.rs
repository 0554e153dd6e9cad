//! Origins (RFC 6454): the origin of this installation, and those that may use it from a browser.

use axum::http::{HeaderMap, HeaderName, header};
use url::Url;

const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The origins whose pages may change things.
#[derive(Clone, Debug)]
pub(crate) struct Origins {
    /// The origin of `LEDGERLINE_URL`.
    own: Option<url::Origin>,
    listed: Vec<url::Origin>,
    trust_proxy: bool,
}

impl Origins {
    /// `url` is the URL of this installation, if that is known. `*` in `listed` lists no origin.
    pub fn new(url: Option<&str>, listed: &[String], trust_proxy: bool) -> Self {
        Self {
            own: url.and_then(of_url),
            listed: listed.iter().filter_map(|text| parse(text)).collect(),
            trust_proxy,
        }
    }

    /// True if this origin is listed by name.
    pub fn lists(&self, origin: &url::Origin) -> bool {
        self.listed.contains(origin)
    }

    /// True if an origin is this installation's: that of its URL, else the host that the
    /// request was sent to, under the scheme of that origin.
    pub fn is_own(&self, origin: &url::Origin, headers: &HeaderMap) -> bool {
        if let Some(own) = &self.own {
            return own == origin;
        }
        let url::Origin::Tuple(scheme, ..) = origin else {
            return false;
        };
        let host = self.host(headers);
        host.and_then(|host| parse(&format!("{scheme}://{host}"))) == Some(origin.clone())
    }

    /// The host and port that the client asked for. A proxy adds the host that it saw to the end of
    /// the list.
    fn host<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        let forwarded = headers.get_all(FORWARDED_HOST).iter().next_back();
        match forwarded.filter(|_| self.trust_proxy) {
            Some(hosts) => hosts.to_str().ok()?.rsplit(',').next().map(str::trim),
            None => headers.get(header::HOST)?.to_str().ok(),
        }
    }
}

/// True if this text is the origin of a web page.
pub fn is_origin(text: &str) -> bool {
    parse(text).is_some()
}

/// True if this text is a URL of a web page.
pub fn is_web_url(text: &str) -> bool {
    of_url(text).is_some()
}

/// The origin in an `Origin` header. None for `null` and for a text that has more in it than a
/// scheme, a host and a port.
pub(crate) fn parse(text: &str) -> Option<url::Origin> {
    let url = Url::parse(text).ok()?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let anonymous = url.username().is_empty() && url.password().is_none();
    (bare && anonymous).then(|| origin(url)).flatten()
}

/// The origin of a URL, such as that of a `Referer` header.
pub(crate) fn of_url(text: &str) -> Option<url::Origin> {
    Url::parse(text).ok().and_then(origin)
}

/// The origin of a web URL, with default ports, case, IPv6 addresses and a trailing dot of the host
/// put in one form.
fn origin(mut url: Url) -> Option<url::Origin> {
    if !["http", "https"].contains(&url.scheme()) {
        return None;
    }
    let host = url.host_str()?;
    if let Some(relative) = host.strip_suffix('.').map(str::to_owned) {
        url.set_host(Some(&relative)).ok()?;
    }
    Some(url.origin())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn is_own(origins: &Origins, origin: &str, given: &[(&'static str, &'static str)]) -> bool {
        parse(origin).is_some_and(|origin| origins.is_own(&origin, &headers(given)))
    }

    #[test]
    fn one_origin_has_several_spellings() {
        for (one, other) in [
            ("https://app.example", "https://APP.example:443"),
            ("http://app.example", "http://app.example.:80"),
            ("http://[::1]:8000", "http://[0:0:0:0:0:0:0:1]:8000"),
            ("https://xn--bcher-kva.example", "https://bücher.example"),
        ] {
            assert!(parse(one).is_some(), "{one}");
            assert_eq!(parse(one), parse(other));
        }
        assert_ne!(parse("https://a.example"), parse("http://a.example"));
        assert_ne!(parse("https://a.example"), parse("https://a.example:8443"));
        assert_ne!(parse("https://a.example"), parse("https://a.example.org"));
    }

    #[test]
    fn what_is_no_origin_of_a_web_page_is_none() {
        for text in [
            "null",
            "",
            "app.example",
            "file:///etc/passwd",
            "data:text/html,x",
            "chrome-extension://abcdef",
            "https://user@app.example",
            "https://app.example/path",
            "https://app.example?q",
            "https://",
            "*",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_host_of_the_request_is_ours_where_no_url_is_set() {
        let origins = Origins::new(None, &[], false);
        for (origin, host) in [
            ("http://127.0.0.1:8000", "127.0.0.1:8000"),
            ("http://[::1]:8000", "[::1]:8000"),
            ("https://uc.example", "UC.example"),
            ("https://uc.example", "uc.example:443"),
        ] {
            assert!(is_own(&origins, origin, &[("host", host)]), "{origin}");
        }
        for (origin, host) in [
            ("http://127.0.0.1:9000", "127.0.0.1:8000"),
            ("http://127.0.0.1", "127.0.0.1:8000"),
            ("https://evil.example", "uc.example"),
            ("https://evil.example", "uc.example@evil.example"),
            ("https://evil.example", "evil.example/uc.example"),
        ] {
            assert!(!is_own(&origins, origin, &[("host", host)]), "{origin}");
        }
        assert!(!is_own(&origins, "http://127.0.0.1:8000", &[]));
    }

    #[test]
    fn a_set_url_alone_is_ours() {
        let origins = Origins::new(Some("https://UC.example/api/"), &[], true);
        let host = [
            ("host", "10.0.0.7:8000"),
            ("x-forwarded-host", "other.example"),
        ];
        assert!(is_own(&origins, "https://uc.example", &host));
        for other in ["http://10.0.0.7:8000", "https://other.example", "null"] {
            assert!(!is_own(&origins, other, &host), "{other}");
        }
    }

    #[test]
    fn a_forwarded_host_counts_only_behind_a_trusted_proxy() {
        let given = [
            ("host", "10.0.0.7:8000"),
            ("x-forwarded-host", "evil.example, uc.example"),
        ];
        let trusting = Origins::new(None, &[], true);
        assert!(is_own(&trusting, "https://uc.example", &given));
        assert!(!is_own(&trusting, "https://evil.example", &given));
        assert!(is_own(&trusting, "http://10.0.0.7:8000", &given[..1]));
        let direct = Origins::new(None, &[], false);
        assert!(!is_own(&direct, "https://uc.example", &given));
    }

    #[test]
    fn a_star_lists_nothing() {
        let listing = |text: &str| Origins::new(None, &[text.to_owned()], false);
        let app = parse("https://app.example").unwrap();
        assert!(listing("https://app.example").lists(&app));
        assert!(!listing("*").lists(&app));
    }
}
