//! A body that says it is CSV.

use axum::{
    body::Body,
    extract::{FromRequest, Request},
    http::{HeaderMap, header},
};

use super::Rows;
use crate::{
    App, Error, Result,
    openapi::{Describe, Sketch},
};

/// What clients call CSV; the last is what browsers under Windows do.
const KINDS: [&str; 5] = [
    "text/csv",
    "application/csv",
    "text/plain",
    "application/octet-stream",
    "application/vnd.ms-excel",
];

/// A body of rows; nothing of it has been looked at yet.
pub(crate) struct CsvBody {
    headers: HeaderMap,
    body: Body,
}

impl FromRequest<App> for CsvBody {
    type Rejection = Error;

    async fn from_request(request: Request, _app: &App) -> Result<Self> {
        let (parts, body) = request.into_parts();
        Ok(Self {
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
    /// Its rows, if it is of a right kind and not announced as too large. No kind at
    /// all will do, as in an example of the documents.
    pub fn rows(self, limit: usize) -> Result<Rows> {
        let said = |name| {
            self.headers
                .get(name)
                .map(|value| value.to_str().unwrap_or("?"))
        };
        let kind = said(header::CONTENT_TYPE).unwrap_or(KINDS[0]);
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !KINDS.contains(&kind.to_ascii_lowercase().as_str()) {
            let wanted = "the body must be the file itself, as text/csv";
            return Err(Error::UnsupportedMedia(wanted));
        }
        let length = said(header::CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
        if length.is_some_and(|length| length > limit) {
            return Err(Error::TooLarge(limit));
        }
        Ok(Rows::of(self.body, limit))
    }
}
