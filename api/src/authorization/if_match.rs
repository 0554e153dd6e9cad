//! The precondition of a change.

use axum::http::{HeaderMap, header};

use crate::{Error, Result};

/// The versions in `If-Match`, as `ETag` gave them; `None` for `*`, which asks for nothing but that
/// the thing exists. A weak tag never matches (RFC 9110, 13.1.1), and neither does a tag that this
/// API did not give out.
pub(super) fn if_match(headers: &HeaderMap) -> Result<Option<Vec<u64>>> {
    let mut lines = headers.get_all(header::IF_MATCH).iter().peekable();
    if lines.peek().is_none() {
        return Ok(None);
    }
    let mut versions = Vec::new();
    let mut any = false;
    for line in lines {
        let text = line.to_str().map_err(|_| not_a_tag())?.trim();
        if text == "*" {
            any = true;
            continue;
        }
        for tag in text.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
            let strong = tag.strip_prefix("W/").unwrap_or(tag);
            let opaque = strong
                .strip_prefix('"')
                .and_then(|tag| tag.strip_suffix('"'));
            let opaque = opaque.filter(|opaque| !opaque.contains('"'));
            let version = opaque.ok_or_else(not_a_tag)?.parse::<u64>();
            versions.extend(version.ok().filter(|_| strong == tag));
        }
    }
    Ok((!any).then_some(versions))
}

fn not_a_tag() -> Error {
    Error::invalid("If-Match", "must be *, or one or more ETags in quotes")
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn expected(values: &[&'static str]) -> Result<Option<Vec<u64>>> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::IF_MATCH, HeaderValue::from_static(value));
        }
        if_match(&headers)
    }

    #[test]
    fn an_expected_version_is_read_from_an_etag() {
        assert_eq!(expected(&[]), Ok(None));
        assert_eq!(expected(&["\"7\""]), Ok(Some(vec![7])));
        assert_eq!(expected(&["*"]), Ok(None));
        assert_eq!(
            expected(&["\"7\", \"9\"", "\"11\""]),
            Ok(Some(vec![7, 9, 11]))
        );
    }

    #[test]
    fn a_tag_that_cannot_be_the_same_is_that_of_no_version() {
        for other in ["W/\"7\"", "\"a\"", "\"\""] {
            assert_eq!(expected(&[other]), Ok(Some(vec![])), "{other}");
        }
        for wrong in ["7", "\"7", "W/7", "\"7\" \"8\""] {
            assert!(expected(&[wrong]).is_err(), "{wrong}");
        }
    }
}
