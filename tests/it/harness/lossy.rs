//! A proxy that loses responses.

use std::{
    collections::HashSet,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A proxy in front of a server that drops the first response to each distinct request.
#[derive(Debug)]
pub struct Lossy {
    pub address: SocketAddr,
    brought: Arc<AtomicUsize>,
}

impl Lossy {
    /// Starts a proxy in front of the server at this URL.
    pub async fn before(url: &str) -> Self {
        let url: reqwest::Url = url.parse().unwrap();
        let server = (url.host_str().unwrap().to_owned(), url.port().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let brought = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&brought);
        tokio::spawn(async move {
            let known = Arc::<Mutex<HashSet<String>>>::default();
            while let Ok((stream, _)) = listener.accept().await {
                let (server, known) = (server.clone(), Arc::clone(&known));
                let counter = Arc::clone(&counter);
                tokio::spawn(async move { carry(stream, server, &known, &counter).await });
            }
        });
        Self { address, brought }
    }

    /// The number of requests that the server has answered.
    pub fn brought(&self) -> usize {
        self.brought.load(Ordering::SeqCst)
    }
}

/// Forwards one request, which has no body.
async fn carry(
    mut client: TcpStream,
    server: (String, u16),
    known: &Mutex<HashSet<String>>,
    counter: &AtomicUsize,
) -> Option<()> {
    let request = head(&mut client).await?;
    let line = request.lines().next()?.to_owned();
    let mut server = TcpStream::connect(server).await.ok()?;
    server.write_all(request.as_bytes()).await.ok()?;
    let answer = head(&mut server).await?;
    let is_new = known.lock().ok()?.insert(line);
    counter.fetch_add(1, Ordering::SeqCst);
    if !is_new {
        let status = answer.lines().next()?;
        let bare = format!("{status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        client.write_all(bare.as_bytes()).await.ok()?;
    }
    Some(())
}

async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}
