//! The unsubscribe endpoint: the link that mails carry, for the recipient to follow or for
//! the mail program to use (RFC 2369, RFC 8058).
//!
//! The URL names the attempt and carries a MAC of this installation. A GET changes nothing,
//! since programs follow every link; only a POST does.

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use commands::{CommandError, Commands, suppression::Suppression};
use domain::{
    Id,
    delivery::{Spool, Transmission},
    people::OptOutSource,
};

use crate::callbacks::Addresses;

/// Serves the unsubscribe links.
#[derive(Clone, Debug)]
pub struct Unsubscribe {
    /// The command bus.
    pub commands: Commands,
    /// Verifies the signed URLs.
    pub addresses: Addresses,
}

impl Unsubscribe {
    /// The routes of the links.
    pub fn router(self) -> Router {
        let path = "/unsubscribe/{transmission}/{spool}/{tag}";
        Router::new()
            .route(path, get(ask).post(take))
            .with_state(self)
    }

    fn ours(&self, (transmission, spool, tag): &Link) -> Option<(Id<Transmission>, Id<Spool>)> {
        let (transmission, spool) = (transmission.parse().ok()?, spool.parse().ok()?);
        let ours = self.addresses.is_unsubscribe(transmission, spool, tag);
        ours.then_some((transmission, spool))
    }

    /// Puts the recipient on the sender's suppression list; false if there is no such attempt.
    async fn end(&self, id: Id<Transmission>, spool: Id<Spool>) -> Result<bool, CommandError> {
        let lists = Suppression::new(self.commands.store().clone());
        let source = OptOutSource::Unsubscribe;
        let listing = lists.add_recipient(&self.commands, (id, spool), source, None);
        let listed = listing.await?;
        if listed {
            metrics::counter!("ledgerline_unsubscribed_total").increment(1);
        }
        Ok(listed)
    }
}

type Link = (String, String, String);

async fn ask(State(this): State<Unsubscribe>, Path(link): Path<Link>) -> Response {
    match this.ours(&link) {
        Some(_) => page(
            StatusCode::OK,
            "<p>Do you want no more mails from this sender?</p>\
             <form method=\"post\"><button>Unsubscribe</button></form>",
        ),
        None => page(StatusCode::NOT_FOUND, "<p>This link is not valid.</p>"),
    }
}

async fn take(State(this): State<Unsubscribe>, Path(link): Path<Link>) -> Response {
    let Some((transmission, spool)) = this.ours(&link) else {
        return page(StatusCode::NOT_FOUND, "<p>This link is not valid.</p>");
    };
    match this.end(transmission, spool).await {
        Ok(true) => page(
            StatusCode::OK,
            "<p>You will get no more mails from this sender.</p>",
        ),
        Ok(false) => page(
            StatusCode::NOT_FOUND,
            "<p>This link is not valid any more.</p>",
        ),
        Err(error) => {
            tracing::warn!(spool.id = %spool, %error, "somebody could not unsubscribe");
            let words = "<p>That did not work. Please try again later.</p>";
            page(StatusCode::SERVICE_UNAVAILABLE, words)
        }
    }
}

/// The style of the page: a button that a finger hits.
const STYLE: &str = "body{font:1.1em/1.5 sans-serif;margin:1.5em}\
    button{font:inherit;padding:.7em 1.4em;min-height:48px}";
/// The Content Security Policy of the page. Its style is known by its SHA-256, which a test
/// compares.
const POLICY: &str = "default-src 'none'; \
    style-src 'sha256-EgQbUO4PU8W15EMg++UhbdDyMR6mrdm7yJHnnZZHneo='; \
    form-action 'self'; frame-ancestors 'none'";

fn page(status: StatusCode, body: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (HeaderName::from_static("x-robots-tag"), "noindex"),
    ];
    let page = format!(
        "<!doctype html><html lang=\"en\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>Unsubscribe</title><style>{STYLE}</style>{body}</html>"
    );
    (status, headers, page).into_response()
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_policy_allows_the_style_of_the_page() {
        let hash = STANDARD.encode(Sha256::digest(STYLE));
        assert!(POLICY.contains(&format!("'sha256-{hash}'")), "{hash}");
    }
}
