//! Successful answers: values, rows, lists and pages, as JSON.

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use domain::Scope;
use futures::{Stream, StreamExt, TryStreamExt, future::BoxFuture, stream, stream::BoxStream};
use projections::{View, ViewVisitor};
use serde::Serialize;
use serde_json::{Map, Value};
use sqlx::PgPool;

use crate::{Error, Result, authorization::Done, extract::Listing};

/// The header with the position that the read models have not reached yet.
pub(crate) const POSITION: HeaderName = HeaderName::from_static("x-ledgerline-position");
const TOTAL: HeaderName = HeaderName::from_static("x-total-count");
/// The approximate number of bytes of a list that are written at a time.
const CHUNK: usize = 32 << 10;

/// A successful answer (200).
#[derive(Debug)]
pub(crate) struct Answer {
    headers: HeaderMap,
    body: Body,
}

/// The search among all views for the one of a name, to read a row again.
struct Again<'a> {
    name: &'a str,
    read: Option<ReadAgain>,
}

type ReadAgain = fn(PgPool, i64, Vec<Scope>) -> BoxFuture<'static, Result<Option<Answer>>>;

impl ViewVisitor for Again<'_> {
    fn visit<V: View>(&mut self) {
        if V::NAME == self.name {
            self.read = Some(|pool, id, scopes| Box::pin(read_again::<V>(pool, id, scopes)));
        }
    }
}

async fn read_again<V: View>(pool: PgPool, id: i64, scopes: Vec<Scope>) -> Result<Option<Answer>> {
    let mut found = projections::find::<V>(&pool, id, &Scope::Installation).await?;
    for scope in scopes {
        let is_seen = found.is_some() && projections::find::<V>(&pool, id, &scope).await?.is_some();
        found = found.filter(|_| is_seen);
    }
    found.as_ref().map(Answer::row).transpose()
}

impl Answer {
    /// The present state of a row, by its view's name; `None` if there is none within all of these
    /// scopes.
    pub async fn present(
        pool: &PgPool,
        name: &str,
        id: i64,
        scopes: Vec<Scope>,
    ) -> Result<Option<Self>> {
        let mut again = Again { name, read: None };
        projections::views(&mut again);
        match again.read {
            Some(read) => read(pool.clone(), id, scopes).await,
            None => Ok(None),
        }
    }

    /// Any value, as JSON.
    pub fn from_value(value: &(impl Serialize + ?Sized)) -> Result<Self> {
        let body = serde_json::to_vec(value).map_err(|error| {
            tracing::error!(%error, "an answer could not be written");
            Error::Internal
        })?;
        Ok(Self::json(Body::from(body)))
    }

    /// `{"<kind>_id": id}`.
    pub fn id(kind: &str, id: i64) -> Result<Self> {
        Self::from_value(&id_of(kind, id))
    }

    /// A row, with its version as `ETag`.
    pub fn row<R: View>(row: &R) -> Result<Self> {
        Ok(Self::from_value(row)?.version_of(row))
    }

    /// Sets `ETag` to the version of the row that this answer is a part of.
    pub fn version_of<R: View>(self, row: &R) -> Self {
        self.with(header::ETAG, &format!("\"{}\"", row.version()))
    }

    /// Sets [`POSITION`] if the read models are late.
    pub fn late(mut self, done: Done) -> Self {
        if let Some(position) = done.late {
            self.headers.insert(POSITION, HeaderValue::from(position));
        }
        self
    }

    /// A whole list, written as it is read. An error before the first row is returned; later the
    /// connection is cut, since the client has its 200 already and must not take half for the
    /// whole.
    pub async fn stream<V: Serialize + Send + 'static>(
        rows: BoxStream<'static, Result<V>>,
    ) -> Result<Self> {
        let mut rows = Box::pin(rows.peekable());
        if matches!(rows.as_mut().peek().await, Some(Err(_)))
            && let Some(Err(error)) = rows.next().await
        {
            return Err(error);
        }
        let start = ListWriter {
            rows,
            first: true,
            open: true,
        };
        let chunks = stream::try_unfold(start, |mut state| async move {
            let chunk = state.chunk().await?;
            Ok::<_, axum::BoxError>(chunk.map(|chunk| (chunk, state)))
        });
        Ok(Self::json(Body::from_stream(chunks)))
    }

    /// Sets the headers of a page: the number of rows on all pages, and the link to the next.
    pub fn page(self, total: i64, next: Option<String>) -> Self {
        let answer = self.with(TOTAL, &total.to_string());
        match next {
            Some(next) => answer.with(header::LINK, &format!("<{next}>; rel=\"next\"")),
            None => answer,
        }
    }

    fn json(body: Body) -> Self {
        let mut headers = HeaderMap::new();
        let kind = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, kind);
        Self { headers, body }
    }

    fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        (self.headers, self.body).into_response()
    }
}

/// `{"<kind>_id": id}`.
pub(crate) fn id_of(kind: &str, id: i64) -> Value {
    let mut object = Map::new();
    object.insert(format!("{kind}_id"), Value::from(id));
    Value::Object(object)
}

/// Answers a list as a bare array. A page is read as a whole and has its total and a link to the
/// next; a list without a limit is written as it is read.
pub(crate) async fn listed<V: View>(
    pool: &PgPool,
    listing: Listing<V>,
    scope: &Scope,
) -> Result<Answer> {
    let query = listing.query;
    if query.page.limit.is_none() {
        let rows = projections::list(pool, query, scope);
        return Answer::stream(rows.map_err(Error::from).boxed()).await;
    }
    let page = projections::page(pool, &query, scope).await?;
    let alone = query.page.cursor.is_none() && page.next.is_none();
    let total = match i64::try_from(page.rows.len()) {
        // The only page: nothing is left to count.
        Ok(rows) if alone => rows,
        _ => projections::count(pool, &query, scope).await?,
    };
    let next = page.next;
    let next = next.map(|cursor| next_page(&listing.path, &listing.pairs, &cursor.to_string()));
    Ok(Answer::from_value(&page.rows)?.page(total, next))
}

pub(crate) fn next_page(path: &str, pairs: &[(String, String)], cursor: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs.iter().filter(|(name, _)| name != "cursor"));
    query.append_pair("cursor", cursor);
    format!("{path}?{}", query.finish())
}

/// The state of a list that is being written.
struct ListWriter<S> {
    rows: S,
    first: bool,
    open: bool,
}

impl<V: Serialize, S: Stream<Item = Result<V>> + Unpin> ListWriter<S> {
    async fn chunk(&mut self) -> Result<Option<Bytes>, axum::BoxError> {
        if !self.open {
            return Ok(None);
        }
        let mut chunk = Vec::with_capacity(CHUNK + 4096);
        if self.first {
            chunk.push(b'[');
        }
        while chunk.len() < CHUNK {
            let Some(row) = self.rows.next().await else {
                chunk.push(b']');
                self.open = false;
                break;
            };
            let row = row.map_err(|error| format!("a list was cut off: {}", error.status()))?;
            if !std::mem::take(&mut self.first) {
                chunk.push(b',');
            }
            serde_json::to_writer(&mut chunk, &row)?;
        }
        Ok(Some(Bytes::from(chunk)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_keeps_the_filters() {
        let pairs = [("phone", "+1"), ("limit", "2"), ("cursor", "3")];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let next = next_page("/contacts", &pairs, "9");
        assert_eq!(next, "/contacts?phone=%2B1&limit=2&cursor=9");
    }

    #[test]
    fn no_two_views_have_the_same_name() {
        struct Names(Vec<&'static str>);
        impl ViewVisitor for Names {
            fn visit<V: View>(&mut self) {
                assert!(!self.0.contains(&V::NAME), "{} twice", V::NAME);
                self.0.push(V::NAME);
            }
        }
        projections::views(&mut Names(Vec::new()));
    }

    #[tokio::test]
    async fn a_create_answers_the_id_under_its_kind() {
        let response = Answer::id("contact", 7).unwrap().into_response();
        let body = axum::body::to_bytes(response.into_body(), 100)
            .await
            .unwrap();
        assert_eq!(body, r#"{"contact_id":7}"#);
    }
}
