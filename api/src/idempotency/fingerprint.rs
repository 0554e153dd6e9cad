//! The fingerprint of a request, by which two requests count as the same, taken while the body
//! passes by.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    task::{Context, Poll},
};

use axum::{
    body::{Body, Bytes, HttpBody},
    http::request::Parts,
};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::telling;
use crate::{Error, Result};

/// The hash of a request. Keyed, since bodies hold passwords, and a plain hash of a short one can
/// be guessed.
pub(super) type Hasher = Hmac<Sha256>;

struct State {
    body: Body,
    /// `None` once the body has broken off, or ended.
    hasher: Option<Hasher>,
    fingerprint: Arc<OnceLock<Vec<u8>>>,
}

impl State {
    fn take_in(&mut self, polled: &Poll<Option<Result<http_body::Frame<Bytes>, axum::Error>>>) {
        match polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let (Some(hasher), Some(bytes)) = (&mut self.hasher, frame.data_ref()) {
                    hasher.update(bytes);
                }
                if self.body.is_end_stream() {
                    self.end();
                }
            }
            Poll::Ready(Some(Err(_))) => self.hasher = None,
            Poll::Ready(None) => self.end(),
            Poll::Pending => {}
        }
    }

    fn end(&mut self) {
        if let Some(hasher) = self.hasher.take() {
            let _ = self
                .fingerprint
                .set(hasher.finalize().into_bytes().to_vec());
        }
    }
}

/// The body on its way to the handler.
struct Passing(Arc<Mutex<State>>);

/// The fingerprint of the request so far, and the part of the body that its handler left unread.
pub(super) struct Reading(Arc<Mutex<State>>);

/// Begins to read a request: its body for the handler, and the reading of its fingerprint.
pub(super) fn read(mut hasher: Hasher, parts: &Parts, body: Body) -> (Body, Reading) {
    let uri = &parts.uri;
    let head = [
        parts.method.as_str().as_bytes(),
        uri.path().as_bytes(),
        uri.query().unwrap_or_default().as_bytes(),
    ];
    for part in head.into_iter().chain(telling(parts)) {
        hasher.update(&(part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let mut state = State {
        hasher: Some(hasher),
        fingerprint: Arc::default(),
        body,
    };
    if state.body.is_end_stream() {
        state.end();
        let body = std::mem::take(&mut state.body);
        return (body, Reading(Arc::new(Mutex::new(state))));
    }
    let state = Arc::new(Mutex::new(state));
    (Body::new(Passing(Arc::clone(&state))), Reading(state))
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reading {
    /// The place of the fingerprint, filled once the body has been read.
    pub fn fingerprint(&self) -> Arc<OnceLock<Vec<u8>>> {
        Arc::clone(&lock(&self.0).fingerprint)
    }

    /// The fingerprint, after reading the rest of the body; `None` if the rest has more than
    /// `limit` bytes, or broke off.
    pub async fn whole(&self, limit: usize) -> Option<Vec<u8>> {
        let mut read = 0;
        while lock(&self.0).hasher.is_some() {
            let Some(frame) = std::future::poll_fn(|cx| poll(&self.0, cx)).await else {
                break;
            };
            read += frame.ok()?.data_ref().map_or(0, Bytes::len);
            if read > limit {
                return None;
            }
        }
        self.fingerprint().get().cloned()
    }

    /// Refuses a request other than the one that its key was first given with.
    pub async fn must_be(&self, first: Option<Vec<u8>>, limit: usize) -> Result<()> {
        let this = self.whole(limit).await;
        let this = this.ok_or_else(|| Error::invalid("body", "ended early, or is too large"))?;
        match first {
            Some(first) if first != this => Err(Error::KeyReused),
            Some(_) => Ok(()),
            // The first request was carried out before it had been read whole, so they cannot be
            // compared.
            None => Err(Error::AnswerLost),
        }
    }
}

fn poll(
    state: &Mutex<State>,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<http_body::Frame<Bytes>, axum::Error>>> {
    let mut state = lock(state);
    let polled = Pin::new(&mut state.body).poll_frame(cx);
    state.take_in(&polled);
    polled
}

impl HttpBody for Passing {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, axum::Error>>> {
        poll(&self.0, cx)
    }

    fn is_end_stream(&self) -> bool {
        lock(&self.0).body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        lock(&self.0).body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use futures::StreamExt;

    use super::*;

    fn request(path: &str, kind: &str, body: Body) -> (Body, Reading) {
        use hmac::KeyInit;
        let parts = Request::builder().uri(path).header("content-type", kind);
        let parts = parts.body(()).unwrap().into_parts().0;
        read(Hasher::new_from_slice(b"key").unwrap(), &parts, body)
    }

    async fn print(path: &str, kind: &str, body: &'static str) -> Vec<u8> {
        let pieces = body.split_inclusive(' ').map(Ok::<_, std::io::Error>);
        let body = Body::from_stream(futures::stream::iter(pieces));
        request(path, kind, body).1.whole(100).await.unwrap()
    }

    #[tokio::test]
    async fn the_same_request_in_other_pieces_is_the_same() {
        let whole = request("/a?b", "c", Body::from("d e")).1.whole(9).await;
        assert_eq!(whole, Some(print("/a?b", "c", "d e").await));
    }

    #[tokio::test]
    async fn any_difference_makes_another_request() {
        let first = print("/a?b", "c", "d").await;
        for (path, kind, body) in [
            ("/a?c", "c", "d"),
            ("/ab", "c", "d"),
            ("/a?b", "", "cd"),
            ("/a?b", "c", "e"),
        ] {
            assert_ne!(first, print(path, kind, body).await, "{path} {kind} {body}");
        }
    }

    #[tokio::test]
    async fn a_partly_read_body_has_a_whole_fingerprint() {
        let (body, reading) = request("/", "", Body::from_stream(pieces()));
        let first = body.into_data_stream().next().await;
        assert_eq!(first.unwrap().unwrap(), "one ");
        assert!(reading.fingerprint().get().is_none());
        assert_eq!(
            reading.whole(9).await,
            Some(print("/", "", "one two").await)
        );
    }

    #[tokio::test]
    async fn what_is_too_long_or_breaks_off_is_no_request() {
        let (_, reading) = request("/", "", Body::from_stream(pieces()));
        assert_eq!(reading.whole(5).await, None);
        let broken = [Ok("one "), Err(std::io::Error::other("gone"))];
        let broken = Body::from_stream(futures::stream::iter(broken));
        assert_eq!(request("/", "", broken).1.whole(99).await, None);
    }

    fn pieces() -> impl futures::Stream<Item = Result<&'static str, std::io::Error>> + Send {
        futures::stream::iter([Ok("one "), Ok("two")])
    }
}
