//! The kept answer to a request.

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use domain::{Id, Subject, values::Sealed};
use eventstore::{StoreError, Vault};
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::reach::Reach;
use crate::{answer::POSITION, authorization::TENANT_ID};

/// The most bytes of an answer that is kept. The answers to writes are shorter, except for a long
/// message and an import with many bad rows.
const LARGEST: usize = 2 << 20;
/// The headers that are kept: those that belong to the answer and not to its transport.
const HEADERS: [HeaderName; 5] = [
    header::CONTENT_TYPE,
    header::CONTENT_DISPOSITION,
    header::ETAG,
    header::LINK,
    POSITION,
];

/// A kept answer.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    status: u16,
    headers: Vec<(String, String)>,
    /// The body, in Base64.
    body: String,
    /// The things that the caller reached; missing in answers of earlier versions.
    #[serde(default)]
    reach: Option<Reach>,
    #[serde(skip)]
    shown: Shown,
}

/// The people who are shown in an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Shown {
    #[default]
    Nobody,
    Contact(i64),
    Several,
}

impl Kept {
    /// Reads an answer to its end. Too large an answer cannot be kept, nor can one that shows
    /// several people, whom no single erasure would find; it is only sent.
    pub async fn split(response: Response, reach: Reach) -> (Option<Self>, Response) {
        let (parts, body) = response.into_parts();
        let mut chunks = body.into_data_stream();
        let mut bytes = Vec::new();
        while bytes.len() <= LARGEST {
            match chunks.next().await {
                Some(Ok(chunk)) => bytes.extend_from_slice(&chunk),
                None => {
                    let kept = Self::made_of(parts.status, &parts.headers, &bytes, reach);
                    return (kept, Response::from_parts(parts, Body::from(bytes)));
                }
                Some(Err(error)) => {
                    let broken = futures::stream::iter([Ok(Bytes::from(bytes)), Err(error)]);
                    return (None, Response::from_parts(parts, Body::from_stream(broken)));
                }
            }
        }
        let begun = futures::stream::iter([Ok(Bytes::from(bytes))]);
        let body = Body::from_stream(begun.chain(chunks));
        (None, Response::from_parts(parts, body))
    }

    fn made_of(status: StatusCode, headers: &HeaderMap, body: &[u8], reach: Reach) -> Option<Self> {
        let value = serde_json::from_slice::<Value>(body).unwrap_or_default();
        let shown = shown(&value);
        if shown == Shown::Several {
            return None;
        }
        let present = |name: &HeaderName| {
            let value = headers.get(name)?.to_str().ok()?;
            Some((name.as_str().to_owned(), value.to_owned()))
        };
        Some(Self {
            status: status.as_u16(),
            headers: HEADERS.iter().filter_map(present).collect(),
            body: STANDARD_NO_PAD.encode(body),
            reach: Some(match value.get(TENANT_ID).and_then(Value::as_i64) {
                Some(tenant) => reach.within(Id::new(tenant)),
                None => reach,
            }),
            shown,
        })
    }

    /// The things that the caller must still reach to be given the answer again: those of the
    /// tenant that the answer shows, or all of them.
    pub fn reach(&self) -> Option<Reach> {
        self.reach.clone()
    }

    /// The person with whose erasure this answer must be erased.
    pub fn subject(&self) -> Option<String> {
        match self.shown {
            Shown::Contact(id) => Some(Subject::new("contact", id).as_str().to_owned()),
            Shown::Nobody | Shown::Several => None,
        }
    }

    pub fn seal(&self, vault: &Vault, token: &str) -> Result<String, StoreError> {
        let text = serde_json::to_vec(self)
            .map_err(|error| StoreError::Database(sqlx::Error::Encode(error.into())))?;
        Ok(vault.seal(&context(token), &text)?.as_str().to_owned())
    }

    pub fn open(vault: &Vault, token: &str, sealed: String) -> Result<Self, StoreError> {
        let text = vault.open(&context(token), &Sealed::new(sealed))?;
        serde_json::from_slice(&text)
            .map_err(|error| StoreError::Database(sqlx::Error::Decode(error.into())))
    }
}

impl IntoResponse for Kept {
    fn into_response(self) -> Response {
        let body = STANDARD_NO_PAD.decode(self.body).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or_default();
        for (name, value) in self.headers {
            if let (Ok(name), Ok(value)) = (
                HeaderName::try_from(name.as_str()),
                HeaderValue::try_from(value),
            ) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

fn context(token: &str) -> String {
    format!("once.answers/{token}")
}

/// The contacts of whom an answer shows more than the id.
fn shown(value: &Value) -> Shown {
    match value {
        Value::Object(fields) => {
            let named = fields.get("contact_id").and_then(Value::as_i64);
            let here = match named.filter(|_| fields.len() > 1) {
                Some(id) => Shown::Contact(id),
                None => Shown::Nobody,
            };
            fields.values().map(shown).fold(here, both)
        }
        Value::Array(values) => values.iter().map(shown).fold(Shown::Nobody, both),
        _ => Shown::Nobody,
    }
}

fn both(one: Shown, other: Shown) -> Shown {
    match (one, other) {
        (Shown::Nobody, shown) | (shown, Shown::Nobody) => shown,
        (one, other) if one == other => one,
        _ => Shown::Several,
    }
}

#[cfg(test)]
mod tests {
    use eventstore::MasterKey;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_the_concern_of_whom_it_shows() {
        assert_eq!(shown(&json!({"contact_id": 7})), Shown::Nobody);
        assert_eq!(
            shown(&json!({"contact_id": 7, "phone": "1"})),
            Shown::Contact(7)
        );
        let nested = json!({"transmission_id": 1, "contact_id": 7, "contact": {"contact_id": 7, "phone": "1"}});
        assert_eq!(shown(&nested), Shown::Contact(7));
        let two = json!([{"contact_id": 7, "phone": "1"}, {"contact_id": 8, "phone": "1"}]);
        assert_eq!(shown(&two), Shown::Several);
    }

    #[tokio::test]
    async fn an_answer_comes_back_as_it_went() {
        let vault = Vault::new(&MasterKey::new([1; 32]));
        let headers = [("etag", "\"7\""), ("x-request-id", "gone")];
        let answer = (headers, "body").into_response();
        let (kept, _) = Kept::split(answer, Reach::from_scopes(&[])).await;
        let sealed = kept.unwrap().seal(&vault, "t").unwrap();
        assert!(Kept::open(&vault, "u", sealed.clone()).is_err());
        let again = Kept::open(&vault, "t", sealed).unwrap().into_response();
        assert_eq!(again.headers()["etag"], "\"7\"");
        assert!(!again.headers().contains_key("x-request-id"));
        let body = axum::body::to_bytes(again.into_body(), 9).await.unwrap();
        assert_eq!(body, "body");
    }

    #[tokio::test]
    async fn a_large_answer_goes_out_and_is_not_kept() {
        let large = vec![b'x'; LARGEST + 1];
        let answer = Body::from(large.clone()).into_response();
        let (kept, response) = Kept::split(answer, Reach::from_scopes(&[])).await;
        assert!(kept.is_none());
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await;
        assert_eq!(body.unwrap(), large);
    }
}
