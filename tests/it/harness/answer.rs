//! Responses of a server.

use reqwest::header::HeaderMap;
use serde_json::Value;

/// A response, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The request, for messages.
    pub asked: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// Reads a response to its end.
    pub async fn read(asked: String, response: reqwest::Response) -> Result<Self, reqwest::Error> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await?.to_vec();
        Ok(Self {
            asked,
            status,
            headers,
            body,
        })
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        let parsed = serde_json::from_slice(&self.body);
        parsed.unwrap_or_else(|error| panic!("{}: {error}: {}", self.asked, self.text()))
    }

    /// True if the request was refused because the server is behind the log.
    pub fn is_behind(&self) -> bool {
        const REASONS: [&str; 3] = [
            "the log cannot be seen; try again",
            "the log cannot be followed; try again",
            "the read models are behind; try again",
        ];
        self.status == 503 && REASONS.iter().any(|reason| self.text().contains(reason))
    }

    /// The body of a response, which must have this status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}: {}", self.asked, self.text());
        if self.body.is_empty() {
            Value::Null
        } else {
            self.json()
        }
    }

    /// The body of a response, which must have status 200.
    #[track_caller]
    pub fn ok(&self) -> Value {
        self.expect(200)
    }

    /// The id in the body of a response, which must have status 200.
    #[track_caller]
    pub fn id(&self, field: &str) -> i64 {
        let body = self.ok();
        body[field]
            .as_i64()
            .unwrap_or_else(|| panic!("{}: no {field}: {body}", self.asked))
    }

    /// The value of a header; none if the response has no such header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The fields that a 412 names.
    pub fn fields(&self) -> Vec<String> {
        let body = self.json();
        let errors = body["errors"].as_array().cloned().unwrap_or_default();
        errors
            .iter()
            .filter_map(|error| error["field"].as_str().map(str::to_owned))
            .collect()
    }
}
