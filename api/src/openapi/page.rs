//! `/openapi.json`; `/docs`, a page to read and try it, which needs no other host; and `/`, which
//! leads a browser there.

use std::sync::{Arc, LazyLock};

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use utoipa_swagger_ui::Config;

use super::{Routes, op};
use crate::{App, Error, Result, cross_site::wants_html, extract::Path};

/// The description as JSON: for an installation of one company, and for one that several share.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| super::openapi().to_string());
static OF_TENANTS: LazyLock<String> = LazyLock::new(|| super::openapi_of_tenants().to_string());
/// The settings of the page: without the bar that loads other descriptions, whose logo has a style
/// in the HTML, and without the badge of an online validator, which would be told the address of
/// the page. Every tag is closed at first: with some 250 operations shown the page takes seconds.
static PAGE: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    let config = Config::from("/openapi.json")
        .use_base_layout()
        .validator_url("none")
        .doc_expansion("none")
        .filter(true);
    Arc::new(config)
});
/// The style sheet of narrow screens.
const NARROW: &str = "narrow.css";
const NARROW_STYLE: &str = include_str!("narrow.css");
/// The file of the page itself, and the replacements in it: its title with the width that a phone
/// lays it out in, and, after the page's own style sheets, that of narrow screens.
const INDEX: &str = "index.html";
const TITLE: &str = "<title>Swagger UI</title>";
const HEAD: &str = "<title>Ledgerline API</title>\n    \
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">";
const END: &str = "</head>";
const LINK: &str = "  <link rel=\"stylesheet\" href=\"./narrow.css\">\n  </head>";
/// The Content Security Policy of the page: it runs and loads only files of this server, with no
/// script and no style in the HTML. Its icons are `data:` images of its own style sheet.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// The routes of these pages.
pub(crate) fn routes() -> Routes {
    Routes::new()
        .get(
            "/",
            root,
            op("Redirects browsers to /docs")
                .file("text/html")
                .answers(404, "The client is no browser."),
        )
        .get(
            "/openapi.json",
            document,
            op("This description").json_of(utoipa::openapi::Object::new()),
        )
        .get(
            "/docs",
            docs,
            op("This description, to read and try").file("text/html"),
        )
        .get(
            "/docs/{file}",
            file,
            op("A part of that page").file("text/html"),
        )
}

async fn document(State(app): State<App>) -> Response {
    let document = if app.auth().access_cache.has_one_tenant() {
        DOCUMENT.as_str()
    } else {
        OF_TENANTS.as_str()
    };
    ([(header::CONTENT_TYPE, "application/json")], document).into_response()
}

async fn root(headers: HeaderMap) -> Result<Redirect> {
    if wants_html(&headers) {
        Ok(docs().await)
    } else {
        Err(Error::NotFound)
    }
}

/// Redirects to the page.
pub(crate) async fn docs() -> Redirect {
    Redirect::temporary("/docs/index.html")
}

async fn file(Path(name): Path<String>) -> Result<Response> {
    if name == NARROW {
        let headers = [(header::CONTENT_TYPE, "text/css")];
        return Ok((headers, NARROW_STYLE).into_response());
    }
    match utoipa_swagger_ui::serve(&name, Arc::clone(&PAGE)) {
        Ok(Some(file)) => {
            let headers = [
                (header::CONTENT_TYPE, file.content_type.as_str()),
                (header::CONTENT_SECURITY_POLICY, POLICY),
            ];
            let bytes = match name.as_str() {
                INDEX => titled(&file.bytes),
                _ => file.bytes.into_owned(),
            };
            Ok((StatusCode::OK, headers, bytes).into_response())
        }
        Ok(None) => Err(Error::NotFound),
        Err(error) => {
            tracing::error!(%error, "the page of the API's description cannot be made");
            Err(Error::Internal)
        }
    }
}

/// The page with its head replaced.
fn titled(page: &[u8]) -> Vec<u8> {
    let page = String::from_utf8_lossy(page);
    let page = page.replacen(TITLE, HEAD, 1);
    page.replacen(END, LINK, 1).into_bytes()
}
