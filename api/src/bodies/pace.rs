//! The pace of bodies: a body that comes too slowly ends as if it were broken off.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::Error;

/// The longest wait for a body, and the most time that can be saved up.
const GRACE: Duration = Duration::from_secs(20);
/// Bytes that earn a second of waiting.
const BYTES_PER_SECOND: f64 = 4096.0;

/// A body that must come at 4 KiB a second or faster. Only the time in which the server
/// waits for it counts, and at most twenty seconds can be saved up.
pub(crate) struct Paced {
    body: Body,
    /// The waiting time that is left.
    left: Duration,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

/// The error at the end of a body that came too slowly.
#[derive(Debug)]
struct TooSlow;

impl Paced {
    /// Enforces the pace of a body, unless it is empty.
    pub fn wrap(body: Body) -> Body {
        if body.is_end_stream() {
            return body;
        }
        Body::new(Self {
            body,
            left: GRACE,
            waiting: None,
        })
    }

    fn came(&mut self, bytes: usize) {
        if let Some((since, _)) = self.waiting.take() {
            self.left = self.left.saturating_sub(since.elapsed());
        }
        let earned = Duration::from_secs_f64(bytes as f64 / BYTES_PER_SECOND);
        self.left = self.left.saturating_add(earned).min(GRACE);
    }
}

impl HttpBody for Paced {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            let data = frame.as_ref().and_then(|it| it.as_ref().ok()?.data_ref());
            this.came(data.map_or(0, Bytes::len));
            return Poll::Ready(frame.map(|it| it.map_err(Into::into)));
        }
        let (_, until) = this.waiting.get_or_insert_with(|| {
            let now = Instant::now();
            (now, Box::pin(sleep_until(now + this.left)))
        });
        ready!(until.as_mut().poll(cx));
        Poll::Ready(Some(Err(TooSlow.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl fmt::Display for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body came too slowly")
    }
}

impl std::error::Error for TooSlow {}

/// The error for a body that did not come whole.
pub(crate) fn broken(error: axum::Error) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(error) = cause {
        if error.is::<TooSlow>() {
            return Error::invalid("body", "came too slowly");
        }
        cause = error.source();
    }
    Error::invalid("body", "ended early")
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt as _, stream};

    use super::*;

    /// A body of pieces of `bytes` bytes, one every `seconds` seconds.
    fn dripping(bytes: usize, seconds: u64) -> Body {
        let pieces = stream::unfold((), move |()| async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            Some((Ok::<_, std::convert::Infallible>(vec![0; bytes]), ()))
        });
        Paced::wrap(Body::from_stream(pieces))
    }

    async fn read(body: Body, most: usize) -> Result<usize, Error> {
        let mut pieces = body.into_data_stream();
        let mut read = 0;
        while read < most {
            let piece = pieces.next().await.unwrap();
            read += piece.map_err(broken)?.len();
        }
        Ok(read)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_comes_fast_enough_may_be_long() {
        let read = read(dripping(60_000, 10), 10_000_000).await;
        assert!(read.unwrap() >= 10_000_000);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_comes_too_slowly_ends() {
        let started = Instant::now();
        let slow = Error::invalid("body", "came too slowly");
        assert_eq!(read(dripping(100, 5), 10_000_000).await, Err(slow));
        assert!(started.elapsed() <= Duration::from_secs(25));
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_the_server_does_not_read_is_not_counted() {
        let mut pieces = dripping(100, 1).into_data_stream();
        for _ in 0..10 {
            assert!(pieces.next().await.unwrap().is_ok());
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
    }
}
