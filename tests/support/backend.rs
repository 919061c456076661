//! A small backend on loopback that behaves as a test tells it, over TCP or TLS.
//!
//! It reads one request head per connection, remembers it, acts in the [`Manner`] of the moment,
//! and closes. It knows nothing of probes. Everything it started ends when it is dropped.
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// What a backend does once it has read a request.
#[derive(Clone, Debug)]
pub(crate) enum Manner {
    /// Sends this text.
    Send(String),
    /// Sends this text after a while.
    SendAfter(Duration, String),
    /// Sends the first text, then the second again and again, with a pause before each.
    Repeat(String, String, Duration),
    /// Says nothing and keeps the connection.
    Silent,
    /// Ends the connection with a reset.
    Reset,
}

/// One request that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Everything up to the empty line, as it came.
    pub(crate) head: String,
    /// The server name of the TLS handshake.
    pub(crate) sni: Option<String>,
}

/// What a test and its backend share.
#[derive(Debug)]
struct Shared {
    manner: Manner,
    seen: Vec<Seen>,
    busy: usize,
    peak: usize,
}

/// A running backend.
#[derive(Debug)]
pub(crate) struct Backend {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    task: JoinHandle<()>,
}

impl Manner {
    /// A whole HTTP response.
    pub(crate) fn respond(status: &str, body: &str) -> Self {
        let length = body.len();
        Self::Send(format!(
            "HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
    }
}

impl Backend {
    /// Listens on a free port of `address`; over TLS if settings are given.
    pub(crate) async fn start(
        address: &str,
        tls: Option<Arc<ServerConfig>>,
        manner: Manner,
    ) -> Self {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Mutex::new(Shared {
            manner,
            seen: Vec::new(),
            busy: 0,
            peak: 0,
        }));
        let task = tokio::spawn(accept(listener, tls, Arc::clone(&shared)));
        Self {
            address,
            shared,
            task,
        }
    }

    /// Behaves otherwise from the next request on.
    pub(crate) fn set(&self, manner: Manner) {
        self.shared.lock().unwrap().manner = manner;
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.lock().unwrap().seen.clone()
    }

    /// The most requests that waited for their answer at once.
    pub(crate) fn peak(&self) -> usize {
        self.shared.lock().unwrap().peak
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, tls: Option<Arc<ServerConfig>>, shared: Arc<Mutex<Shared>>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(welcome(stream, tls.clone(), Arc::clone(&shared)));
        while connections.try_join_next().is_some() {}
    }
}

async fn welcome(stream: TcpStream, tls: Option<Arc<ServerConfig>>, shared: Arc<Mutex<Shared>>) {
    if matches!(shared.lock().unwrap().manner, Manner::Reset) {
        let socket = socket2::SockRef::from(&stream);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    }
    let Some(config) = tls else {
        return serve(stream, None, &shared).await;
    };
    // A client that does not like the certificate goes away here.
    if let Ok(stream) = TlsAcceptor::from(config).accept(stream).await {
        let sni = stream.get_ref().1.server_name().map(str::to_owned);
        serve(stream, sni, &shared).await;
    }
}

async fn serve<S>(mut stream: S, sni: Option<String>, shared: &Mutex<Shared>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Some(head) = read_head(&mut stream).await else {
        return;
    };
    let manner = arrive(shared, Seen { head, sni });
    // The peer may be gone already; that is its own affair.
    let _ = match manner {
        Manner::Send(text) => send(&mut stream, &text, shared).await,
        Manner::SendAfter(pause, text) => {
            tokio::time::sleep(pause).await;
            send(&mut stream, &text, shared).await
        }
        Manner::Repeat(first, again, pause) => repeat(&mut stream, &first, &again, pause).await,
        Manner::Silent => std::future::pending().await,
        Manner::Reset => Ok(()),
    };
}

fn arrive(shared: &Mutex<Shared>, seen: Seen) -> Manner {
    let mut shared = shared.lock().unwrap();
    shared.seen.push(seen);
    shared.busy += 1;
    shared.peak = shared.peak.max(shared.busy);
    shared.manner.clone()
}

/// `None` when the peer goes away without a request.
async fn read_head<S: AsyncRead + Unpin>(stream: &mut S) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

async fn send<S>(stream: &mut S, text: &str, shared: &Mutex<Shared>) -> std::io::Result<()>
where
    S: AsyncWrite + Unpin,
{
    shared.lock().unwrap().busy -= 1;
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}

async fn repeat<S>(stream: &mut S, first: &str, again: &str, pause: Duration) -> std::io::Result<()>
where
    S: AsyncWrite + Unpin,
{
    stream.write_all(first.as_bytes()).await?;
    loop {
        tokio::time::sleep(pause).await;
        stream.write_all(again.as_bytes()).await?;
        stream.flush().await?;
    }
}
