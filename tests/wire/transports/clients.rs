//! Clients of every encrypted transport: the simplest that speak it right.
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::SendRequest;
use hyper::http::response::Parts;
use hyper::{Method, Request, Response, body::Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{Connection, Endpoint};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConnection, StreamOwned};

use crate::identity::{Authority, NAME};
use crate::serving::{self, framed, read_frame_of};

pub(crate) type TlsClient = StreamOwned<ClientConnection, TcpStream>;

/// A connection over TLS, from an address of choice; the handshake is done.
pub(crate) fn tls(
    from: Ipv4Addr,
    server: SocketAddr,
    authority: &Authority,
    protocol: &[u8],
) -> std::io::Result<TlsClient> {
    let name = ServerName::try_from(NAME).unwrap();
    let client = ClientConnection::new(authority.trusted(&[protocol]), name).unwrap();
    let mut stream = StreamOwned::new(client, serving::connect(from, server));
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

/// One query and its reply on a stream that stays.
pub(crate) fn exchange(stream: &mut (impl Read + Write), query: &[u8]) -> Vec<u8> {
    stream.write_all(&framed(query)).unwrap();
    stream.flush().unwrap();
    read_frame_of(stream).unwrap()
}

/// What an HTTP/1.1 request brings: its status, its head in lower case, and its body.
pub(crate) fn request(
    stream: &mut (impl Read + Write),
    head: &str,
    body: &[u8],
) -> (u16, String, Vec<u8>) {
    let text = format!(
        "{head}\r\nhost: {NAME}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(text.as_bytes()).unwrap();
    // A server that refuses the head may close before it has the body.
    let _ = stream.write_all(body);
    let _ = stream.flush();
    let mut octets = Vec::new();
    while !octets.ends_with(b"\r\n\r\n") {
        let mut octet = [0];
        stream.read_exact(&mut octet).unwrap();
        octets.extend(octet);
    }
    let head = String::from_utf8(octets).unwrap().to_ascii_lowercase();
    let field = |name: &str| {
        let line = head.lines().find(|line| line.starts_with(name));
        line.map(|line| line[name.len()..].trim().to_owned())
    };
    let length = field("content-length:").map_or(0, |text| text.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head, body)
}

/// A connection over HTTPS that speaks HTTP/2.
pub(crate) struct Https {
    sender: SendRequest<Full<Bytes>>,
    server: SocketAddr,
}

impl Https {
    pub(crate) async fn connect(server: SocketAddr, authority: &Authority) -> Self {
        Self::connect_from(Ipv4Addr::LOCALHOST, server, authority).await
    }

    /// The same, from an address of choice.
    pub(crate) async fn connect_from(
        from: Ipv4Addr,
        server: SocketAddr,
        authority: &Authority,
    ) -> Self {
        let connector = TlsConnector::from(authority.trusted(&[b"h2"]));
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((from, 0))).unwrap();
        let stream = socket.connect(server).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let name = ServerName::try_from(NAME).unwrap();
        let stream = connector.connect(name, stream).await.unwrap();
        let (sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .unwrap();
        tokio::spawn(connection);
        Self { sender, server }
    }

    /// The response to a query in a POST.
    pub(crate) async fn post(&mut self, query: &[u8]) -> Response<Incoming> {
        let request = Request::post(format!("https://{}/dns-query", self.server))
            .header("content-type", "application/dns-message")
            .body(Full::new(Bytes::copy_from_slice(query)))
            .unwrap();
        self.sender.send_request(request).await.unwrap()
    }

    /// Head and content of the response to a request without content.
    pub(crate) async fn request(&mut self, method: Method, path: &str) -> (Parts, Bytes) {
        let request = Request::builder()
            .method(method)
            .uri(format!("https://{}{path}", self.server))
            .body(Full::default())
            .unwrap();
        let response = self.sender.send_request(request).await.unwrap();
        let (head, content) = response.into_parts();
        (head, content.collect().await.unwrap().to_bytes())
    }

    pub(crate) async fn ask(&mut self, query: &[u8]) -> Vec<u8> {
        let response = self.post(query).await;
        assert_eq!(response.status(), 200);
        response
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .to_vec()
    }
}

/// A connection over QUIC.
pub(crate) async fn quic(server: SocketAddr, authority: &Authority) -> (Endpoint, Connection) {
    quic_from(Ipv4Addr::LOCALHOST, server, authority).await
}

/// The same, from an address of choice.
pub(crate) async fn quic_from(
    from: Ipv4Addr,
    server: SocketAddr,
    authority: &Authority,
) -> (Endpoint, Connection) {
    let endpoint = Endpoint::client(SocketAddr::from((from, 0))).unwrap();
    let settings = QuicClientConfig::try_from(authority.trusted(&[b"doq"])).unwrap();
    let settings = quinn::ClientConfig::new(Arc::new(settings));
    let connecting = endpoint.connect_with(settings, server, NAME).unwrap();
    let connection = connecting.await.unwrap();
    (endpoint, connection)
}

/// What a stream of QUIC brings for what is sent on it.
pub(crate) async fn send_on_quic(connection: &Connection, octets: &[u8]) -> Option<Vec<u8>> {
    let (mut send, mut receive) = connection.open_bi().await.ok()?;
    send.write_all(octets).await.ok()?;
    send.finish().ok()?;
    receive.read_to_end(1 << 17).await.ok()
}

pub(crate) async fn ask_quic(connection: &Connection, query: &[u8]) -> Vec<u8> {
    let framed = send_on_quic(connection, &framed(query)).await.unwrap();
    framed[2..].to_vec()
}
