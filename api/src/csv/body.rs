//! The extractor of a CSV body.

use axum::{
    body::Body,
    extract::{FromRequest, Request},
    http::HeaderMap,
};

use super::Rows;
use crate::{
    App, Error, Result,
    bodies::{announced, reserve_window},
    extract::{content_types, declared_type},
    openapi::{Describe, Sketch},
};

/// The content types of lists; the last is what spreadsheets under Windows register. A form on a
/// web page can send none of them.
pub(crate) const CSV: &[&str] = &[
    "text/csv",
    "application/csv",
    "application/octet-stream",
    "application/vnd.ms-excel",
];

/// The most bytes of a body that are in memory while it is read: a row, and the rest of the chunk
/// with which it came.
const ROWS: usize = 1 << 20;

/// A CSV body that has not been read yet.
pub(crate) struct CsvBody {
    headers: HeaderMap,
    content_types: &'static [&'static str],
    body: Body,
}

impl FromRequest<App> for CsvBody {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let (parts, body) = request.into_parts();
        reserve_window(app, &parts, ROWS).await?;
        Ok(Self {
            content_types: content_types(&parts),
            headers: parts.headers,
            body,
        })
    }
}

impl Describe for CsvBody {
    fn describe(sketch: &mut Sketch) {
        sketch.bytes = true;
        sketch.refuses(&[412, 413, 415]);
    }
}

impl CsvBody {
    /// The rows, unless the body has a content type that its route does not list or is
    /// announced as too large. The content type may be missing, as in an example of the
    /// documents.
    pub fn rows(self, limit: usize) -> Result<Rows> {
        declared_type(&self.headers, self.content_types)?;
        if announced(&self.headers).is_some_and(|length| length > limit) {
            return Err(Error::TooLarge(limit));
        }
        Ok(Rows::new(self.body, limit))
    }
}
