//! The transport of SMTP sessions: TCP, TLS, and a bound on the server's answers.

use std::{
    io,
    net::{SocketAddr, TcpStream as StdStream},
    pin::Pin,
    task::{Context, Poll},
};

use futures::io::{AsyncRead as _, AsyncWrite as _};
#[allow(deprecated)] // The only way to have both TCP_NODELAY and TLS from the first byte.
use lettre::transport::smtp::client::AsyncNetworkStream;
use lettre::transport::smtp::client::{AsyncTokioStream, TlsParameters};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::config::SmtpConfig;

/// A connection to the server, and a second handle on it that can be asked whether the
/// server has closed it.
pub(super) async fn open(config: &SmtpConfig) -> io::Result<(TcpStream, StdStream)> {
    let stream = config.networks.connect(&config.host, config.port).await?;
    let stream = stream.into_std()?;
    let watch = stream.try_clone()?;
    Ok((TcpStream::from_std(stream)?, watch))
}

/// Makes the TLS handshake on `stream` before the first byte of SMTP (implicit TLS).
pub(super) async fn encrypted(
    stream: TcpStream,
    tls: TlsParameters,
) -> Result<Encrypted, lettre::transport::smtp::Error> {
    #[allow(deprecated)]
    let mut inner = AsyncNetworkStream::use_existing_tokio1(Box::new(stream));
    inner.upgrade_tls(tls).await?;
    Ok(Encrypted(inner))
}

/// lettre's TLS stream as a transport for lettre's connection.
#[derive(Debug)]
pub(super) struct Encrypted(#[allow(deprecated)] AsyncNetworkStream);

impl AsyncTokioStream for Encrypted {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.0).poll_read(cx, buffer.initialize_unfilled());
        read.map_ok(|count| buffer.advance(count))
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

/// A stream that fails when the server sends more than [`MOST`] bytes between two writes:
/// lettre checks the length of a line only when it is complete.
#[derive(Debug)]
pub(super) struct Bounded<S> {
    stream: S,
    heard: usize,
}

/// The most bytes between two writes: enough for any answer, and for the certificates of a
/// TLS handshake.
const MOST: usize = 256 << 10;

impl<S> Bounded<S> {
    pub fn new(stream: S) -> Self {
        Self { stream, heard: 0 }
    }
}

impl<S: AsyncTokioStream> AsyncTokioStream for Bounded<S> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        std::task::ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.heard = self.heard.saturating_add(buffer.filled().len() - before);
        if self.heard > MOST {
            Poll::Ready(Err(io::Error::other("the server says too much")))
        } else {
            Poll::Ready(Ok(()))
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.heard = 0;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_server_that_does_not_stop_talking_is_left() {
        let (ours, mut theirs) = tokio::io::duplex(1 << 16);
        tokio::spawn(async move { while theirs.write_all(&[b'x'; 1 << 12]).await.is_ok() {} });
        let mut stream = Bounded::new(ours);
        let mut heard = vec![0; MOST];
        stream.read_exact(&mut heard).await.unwrap();
        assert!(stream.read(&mut heard).await.is_err());
        // After another write the server may send as much again.
        stream.write_all(b"QUIT\r\n").await.unwrap();
        assert!(stream.read(&mut heard).await.is_ok());
    }
}
