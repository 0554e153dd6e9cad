//! `/openapi.json`, and `/docs`: the same to read and try, without a network.

use std::sync::{Arc, LazyLock};

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use utoipa_swagger_ui::Config;

use super::{Routes, op};
use crate::{Error, Result, extract::Path};

/// It does not change while the program runs.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| super::openapi().to_string());
static PAGE: LazyLock<Arc<Config<'static>>> =
    LazyLock::new(|| Arc::new(Config::from("/openapi.json")));

/// The pages.
pub(crate) fn routes() -> Routes {
    Routes::new()
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

async fn document() -> Response {
    (
        [(header::CONTENT_TYPE, "application/json")],
        DOCUMENT.as_str(),
    )
        .into_response()
}

async fn docs() -> Redirect {
    Redirect::temporary("/docs/index.html")
}

async fn file(Path(name): Path<String>) -> Result<Response> {
    match utoipa_swagger_ui::serve(&name, Arc::clone(&PAGE)) {
        Ok(Some(file)) => {
            let kind = [(header::CONTENT_TYPE, file.content_type)];
            Ok((StatusCode::OK, kind, file.bytes.into_owned()).into_response())
        }
        Ok(None) => Err(Error::NotFound),
        Err(error) => {
            tracing::error!(%error, "the page of the API's description cannot be made");
            Err(Error::Internal)
        }
    }
}
