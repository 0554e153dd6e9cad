//! A client of the API.

use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use super::{Answer, TIMEOUT};

/// A client of the API, logged in or not.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    pub url: String,
    token: Option<String>,
    /// The id of its user, if known.
    pub user_id: i64,
}

impl Client {
    /// A client that is not logged in.
    pub fn stranger(url: &str) -> Self {
        // The test's runtime ends with it, so connections cannot be shared among tests.
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .no_proxy()
            .build()
            .unwrap();
        Self {
            http,
            url: url.to_owned(),
            token: None,
            user_id: 0,
        }
    }

    /// The client with this token.
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self.clone()
        }
    }

    /// The client with this user id.
    pub fn known_as(self, user_id: i64) -> Self {
        Self { user_id, ..self }
    }

    /// The token of its requests.
    pub fn token(&self) -> &str {
        self.token.as_deref().expect("logged in")
    }

    /// Logs in; answers a client with the token.
    pub async fn login(&self, username: &str, password: &str) -> Self {
        let body = serde_json::json!({"username": username, "password": password});
        let token = self.post("/authenticate", body).await.ok();
        self.with_token(token["token"].as_str().expect("a token"))
    }

    /// A request that can be changed before it is sent with [`send`](Self::send).
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.http.request(method, format!("{}{path}", self.url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request; an error means that the connection failed.
    pub async fn try_send(&self, request: RequestBuilder) -> Result<Answer, reqwest::Error> {
        let request = request.build()?;
        let asked = format!("{} {}", request.method(), request.url().path());
        Answer::read(asked, self.http.execute(request).await?).await
    }

    /// Sends a request that must be answered. On a busy machine a server may refuse because it is
    /// behind the log, or answer before its write can be read: then this retries, or waits until it
    /// can be read.
    pub async fn send(&self, mut request: RequestBuilder) -> Answer {
        let until = Instant::now() + TIMEOUT;
        loop {
            let again = request.try_clone();
            let answer = self.try_send(request).await.expect("an answer");
            match again.filter(|_| answer.is_behind() && Instant::now() < until) {
                Some(again) => request = again,
                None => {
                    self.can_read(&answer, until).await;
                    return answer;
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until the read models have reached the position that an answer names.
    async fn can_read(&self, answer: &Answer, until: Instant) {
        let Some(position) = answer.header("x-ledgerline-position") else {
            return;
        };
        let position: i64 = position.parse().unwrap();
        let is_behind = |row: &Value| {
            let stopped = !row["stopped_at"].is_null();
            !stopped && row["lag_events"] != 0 && row["position"].as_i64() < Some(position)
        };
        let base = self.url.strip_suffix("/api").unwrap_or(&self.url);
        while Instant::now() < until {
            let asked = self.try_send(self.http.get(format!("{base}/readyz"))).await;
            let ready = asked.ok().map(|answer| answer.json()).unwrap_or_default();
            let rows = ready["projections"].as_array();
            if rows.is_some_and(|rows| !rows.iter().any(is_behind)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request("DELETE", path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request("POST", path).json(&body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(self.request("PUT", path).json(&body)).await
    }

    /// Uploads bytes by PUT.
    pub async fn upload(&self, path: &str, kind: &str, bytes: impl Into<Vec<u8>>) -> Answer {
        self.uploading("PUT", path, kind, bytes).await
    }

    /// Uploads bytes by POST, which appends them to the existing ones.
    pub async fn append(&self, path: &str, kind: &str, bytes: impl Into<Vec<u8>>) -> Answer {
        self.uploading("POST", path, kind, bytes).await
    }

    async fn uploading(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        bytes: impl Into<Vec<u8>>,
    ) -> Answer {
        let request = self.request(method, path).header("content-type", kind);
        self.send(request.body(bytes.into())).await
    }

    /// Creates a contact with this address; answers its id.
    pub async fn contact(&self, email: &str) -> i64 {
        let body = serde_json::json!({"first_name": "Ada", "phone": "15550100", "email": email});
        self.post("/contacts", body).await.id("contact_id")
    }
}
