//! Incoming bodies of requests: the memory that they may take over all connections, and the pace at
//! which they must come.

mod memory;
mod pace;

use axum::{
    body::{Body, HttpBody as _},
    http::{HeaderMap, header, request::Parts},
};
use futures::StreamExt as _;

pub(crate) use self::{
    memory::{BodyMemory, Hold, Lane, Reserved, SHORT},
    pace::{Paced, broken},
};
use crate::{App, Error, Result};

/// The bytes of a body that its sender announces.
pub(crate) fn announced(headers: &HeaderMap) -> Option<usize> {
    let length = headers.get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

/// Reserves memory for a body that is processed as it comes in, of which at most `window` bytes are
/// in memory at a time.
pub(crate) async fn reserve_window(app: &App, parts: &Parts, window: usize) -> Result<()> {
    let bytes = announced(&parts.headers).unwrap_or(window).min(window);
    let reserved = app.bodies().reserve(Lane::Caller, bytes).await?;
    if let Some(hold) = parts.extensions.get::<Hold>() {
        hold.keep(reserved);
    }
    Ok(())
}

/// Reads a body of at most `limit` bytes, and reserves memory for it: for its announced length
/// before anything is read, else in two steps as the body grows.
pub(crate) async fn read_whole(
    memory: &BodyMemory,
    lane: Lane,
    body: Body,
    limit: usize,
) -> Result<(Vec<u8>, Reserved)> {
    let least = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if least > limit {
        return Err(Error::TooLarge(limit));
    }
    let mut reserved = memory.reserve(lane, least).await?;
    let mut bytes = Vec::with_capacity(least);
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(broken)?;
        let length = bytes.len() + chunk.len();
        if length > limit {
            return Err(Error::TooLarge(limit));
        }
        if length > reserved.bytes() {
            let next = BodyMemory::step(length, limit);
            // The reservation held meanwhile is of another lane, so that there is no deadlock.
            reserved = memory.reserve(lane, next).await?;
            bytes.reserve_exact(next - bytes.len());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok((bytes, reserved))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn memory() -> BodyMemory {
        BodyMemory::new(1 << 20)
    }

    fn in_pieces(pieces: usize) -> Body {
        let pieces = (0..pieces).map(|_| Ok::<_, Infallible>(vec![b'x'; 1_000]));
        Body::from_stream(futures::stream::iter(pieces))
    }

    #[tokio::test]
    async fn a_body_is_read_whether_it_announces_its_length_or_not() {
        for body in [in_pieces(100), Body::from(vec![b'x'; 100_000])] {
            let read = read_whole(&memory(), Lane::Caller, body, 200_000).await;
            let (bytes, reserved) = read.unwrap();
            assert_eq!(bytes.len(), 100_000);
            assert!(reserved.bytes() >= 100_000);
        }
    }

    #[tokio::test]
    async fn what_is_longer_than_the_limit_is_refused() {
        for body in [in_pieces(100), Body::from(vec![b'x'; 100_000])] {
            let read = read_whole(&memory(), Lane::Anonymous, body, 65_536).await;
            assert_eq!(read.err(), Some(Error::TooLarge(65_536)));
        }
    }
}
