//! Load over HTTP: keep-alive connections that send as fast as they are answered.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use bytes::Bytes;
use futures::future::try_join_all;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, client::conn::http1::SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// A keep-alive connection.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    bearer: Arc<str>,
}

impl Connection {
    /// Connects; requests carry this token unless it is empty.
    pub async fn open(address: SocketAddr, token: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self {
            sender,
            bearer: format!("Bearer {token}").into(),
        })
    }

    /// The token that its requests carry.
    pub fn token(&self) -> &str {
        self.bearer.trim_start_matches("Bearer ")
    }

    /// Sends a request and reads the whole answer, which must be a success.
    pub async fn call(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Bytes> {
        let body = body.map(|body| Bytes::from(body.to_string()));
        self.send(method, path, body.map(|body| ("application/json", body)))
            .await
    }

    /// Like [`Self::call`], with a body of any content type.
    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        body: Option<(&str, Bytes)>,
    ) -> anyhow::Result<Bytes> {
        let response = self.ask(method, path, body).await?;
        let status = response.status();
        let answer = response.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            bail!(
                "{method} {path}: {status}: {}",
                String::from_utf8_lossy(&answer)
            );
        }
        Ok(answer)
    }

    async fn ask(
        &mut self,
        method: &str,
        path: &str,
        body: Option<(&str, Bytes)>,
    ) -> anyhow::Result<Response<Incoming>> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost");
        if self.bearer.len() > "Bearer ".len() {
            request = request.header("authorization", &*self.bearer);
        }
        let body = match body {
            Some((kind, body)) => {
                request = request.header("content-type", kind);
                body
            }
            None => Bytes::new(),
        };
        self.sender.ready().await?;
        let request = request.body(Full::new(body))?;
        Ok(self.sender.send_request(request).await?)
    }

    /// Reads an answer as it comes, without keeping it.
    pub async fn stream(&mut self, path: &str) -> anyhow::Result<Streamed> {
        let asked = Instant::now();
        let response = self.ask("GET", path, None).await?;
        let status = response.status();
        if !status.is_success() {
            bail!("GET {path}: {status}");
        }
        let mut body = response.into_body();
        let mut first_byte = None;
        while let Some(frame) = body.frame().await {
            frame?;
            first_byte.get_or_insert_with(|| asked.elapsed());
        }
        Ok(Streamed {
            first_byte: first_byte.context("an empty answer")?,
            whole: asked.elapsed(),
        })
    }

    /// Posts a body and reads the first `least` bytes of a successful answer, and no more: the time
    /// until then.
    pub async fn begin(
        mut self,
        path: &str,
        body: &Value,
        least: usize,
    ) -> anyhow::Result<Duration> {
        let asked = Instant::now();
        let body = Bytes::from(body.to_string());
        let response = self
            .ask("POST", path, Some(("application/json", body)))
            .await?;
        let status = response.status();
        if !status.is_success() {
            bail!("POST {path}: {status}");
        }
        let (mut body, mut seen) = (response.into_body(), 0);
        while seen < least {
            let frame = body.frame().await.context("a short answer")??;
            seen += frame.data_ref().map_or(0, Bytes::len);
        }
        Ok(asked.elapsed())
    }

    /// Like [`Self::call`], with the answer as JSON.
    pub async fn json(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        Ok(serde_json::from_slice(
            &self.call(method, path, body).await?,
        )?)
    }
}

/// The times of an answer.
pub struct Streamed {
    /// The time until its first byte.
    pub first_byte: Duration,
    /// The time until its end.
    pub whole: Duration,
}

/// A token for this user.
pub async fn log_in(address: SocketAddr, username: &str, password: &str) -> anyhow::Result<String> {
    let mut connection = Connection::open(address, "").await?;
    let login = json!({"username": username, "password": password});
    let answer = connection
        .json("POST", "/authenticate", Some(&login))
        .await?;
    Ok(answer["token"].as_str().context("no token")?.to_owned())
}

/// The result of a load.
pub struct Load {
    /// Requests a second.
    pub rate: f64,
    /// The 99th percentile of the answer times, in milliseconds.
    pub p99: f64,
}

/// Lets `connections` clients make requests for the time `lasting`. `request` gives the n-th
/// request of a client.
pub async fn load<F>(
    address: SocketAddr,
    token: &str,
    connections: usize,
    lasting: Duration,
    request: F,
) -> anyhow::Result<Load>
where
    F: Fn(usize, usize) -> (&'static str, String, Option<Value>) + Send + Sync + 'static,
{
    let request = Arc::new(request);
    let started = Instant::now();
    let clients = (0..connections).map(|client| {
        let (request, token) = (Arc::clone(&request), token.to_owned());
        tokio::spawn(async move {
            let mut connection = Connection::open(address, &token).await?;
            let mut times = Vec::new();
            while started.elapsed() < lasting {
                let (method, path, body) = request(client, times.len());
                let asked = Instant::now();
                connection.call(method, &path, body.as_ref()).await?;
                times.push(asked.elapsed());
            }
            Ok::<_, anyhow::Error>(times)
        })
    });
    let mut times = Vec::new();
    for client in try_join_all(clients).await? {
        times.extend(client?);
    }
    let rate = times.len() as f64 / started.elapsed().as_secs_f64();
    Ok(Load {
        rate,
        p99: percentile(&mut times, 0.99),
    })
}

/// A percentile in milliseconds.
pub fn percentile(times: &mut [Duration], part: f64) -> f64 {
    times.sort_unstable();
    let index = ((times.len() as f64 * part) as usize).min(times.len().saturating_sub(1));
    times
        .get(index)
        .map_or(f64::NAN, |time| time.as_secs_f64() * 1_000.0)
}
