//! What HTTP adds: addresses, methods, types, and how long a reply may be kept.
use waypost::answer::Transport;

use hyper::Method;
use hyper::http::response::Parts;

use super::clients::{Https, TlsClient, request, tls};
use crate::sample::Ask;
use crate::stage::{HERE, Stage};

const POST: &str = "POST /dns-query HTTP/1.1\r\ncontent-type: application/dns-message";

fn connect(stage: &Stage) -> TlsClient {
    let at = stage.at(Transport::Https);
    tls(HERE, at, &stage.authority, b"http/1.1").unwrap()
}

/// Base64 for addresses, by another way than the server's: bit by bit.
fn encode(octets: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits: Vec<u8> = octets
        .iter()
        .flat_map(|octet| (0..8).rev().map(move |bit| octet >> bit & 1))
        .collect();
    let sextets = bits.chunks(6).map(|chunk| {
        let value = chunk
            .iter()
            .fold(0, |value, bit| value << 1 | usize::from(*bit));
        char::from(LETTERS[value << (6 - chunk.len())])
    });
    sextets.collect()
}

#[test]
fn a_query_comes_by_get_and_by_post_on_one_connection() {
    let stage = Stage::open();
    let mut stream = connect(&stage);
    for question in [
        "api.example.org A",
        "mail.example.org A",
        "nowhere.example.org AAAA",
    ] {
        let query = Ask::new(question).packet();
        let (status, head, posted) = request(&mut stream, POST, &query);
        assert_eq!(status, 200, "{head}");
        assert!(
            head.contains("content-type: application/dns-message"),
            "{head}"
        );
        let get = format!("GET /dns-query?ct=x&dns={} HTTP/1.1", encode(&query));
        let (status, _, got) = request(&mut stream, &get, b"");
        assert_eq!((status, got), (200, posted));
    }
}

#[test]
fn a_reply_says_how_long_it_may_be_kept_and_by_whom() {
    let stage = Stage::open();
    let mut stream = connect(&stage);
    for (question, kept) in [
        ("mail.example.org A", "cache-control: max-age="),
        ("nowhere.example.org A", "cache-control: max-age="),
        ("api.example.org A", "cache-control: private, max-age="),
        ("www.example.com A", "cache-control: no-store"),
    ] {
        let (_, head, _) = request(&mut stream, POST, &Ask::new(question).packet());
        assert!(head.contains(kept), "{question}: {head}");
    }
}

/// The rest of what is said on a connection that the peer closes.
fn rest_of(stream: &mut TlsClient) -> String {
    let mut octets = Vec::new();
    let _ = std::io::Read::read_to_end(stream, &mut octets);
    String::from_utf8_lossy(&octets).to_ascii_lowercase()
}

#[test]
fn head_brings_the_head_and_nothing_else() {
    let stage = Stage::open();
    let query = encode(&Ask::new("mail.example.org A").packet());
    for (address, expected) in [
        (format!("/dns-query?dns={query}"), 200),
        ("/dns-query".to_owned(), 400),
        ("/elsewhere".to_owned(), 404),
    ] {
        let mut stream = connect(&stage);
        let (status, got, content) = request(&mut stream, &format!("GET {address} HTTP/1.1"), b"");
        assert_eq!(status, expected, "{address}");
        assert!(!content.is_empty());
        let head = format!("HEAD {address} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        std::io::Write::write_all(&mut stream, head.as_bytes()).unwrap();
        let only = rest_of(&mut stream);
        assert!(only.ends_with("\r\n\r\n"), "content: {only}");
        let fields = |text: &str| -> std::collections::BTreeSet<String> {
            let lines = text.lines().filter(|line| !line.is_empty());
            let kept =
                lines.filter(|line| !line.starts_with("date:") && !line.starts_with("connection:"));
            kept.map(str::to_owned).collect()
        };
        assert_eq!(fields(&only), fields(&got), "{address}");
    }
}

/// The client gives a stream up on which content follows the head of a response to HEAD.
#[test]
fn head_over_http_2_is_no_error() {
    let stage = Stage::open();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(ask_for_heads(&stage));
}

async fn ask_for_heads(stage: &Stage) {
    let query = encode(&Ask::new("mail.example.org A").packet());
    let mut client = Https::connect(stage.at(Transport::Https), &stage.authority).await;
    for (path, expected) in [
        (&*format!("/dns-query?dns={query}"), 200),
        ("/dns-query", 400),
        ("/elsewhere", 404),
    ] {
        let (got, content) = client.request(Method::GET, path).await;
        assert_eq!(got.status, expected, "{path}");
        let (head, none) = client.request(Method::HEAD, path).await;
        assert_eq!(head.status, expected, "{path}");
        assert!(none.is_empty() && !content.is_empty(), "{path}");
        let length = content.len().to_string();
        assert_eq!(head.headers["content-length"], *length, "{path}");
        assert_eq!(head.headers["content-type"], got.headers["content-type"]);
        let kept = |parts: &Parts| parts.headers.get("cache-control").cloned();
        assert_eq!(kept(&head), kept(&got), "{path}");
    }
}

#[test]
fn what_is_no_query_is_told_why() {
    let stage = Stage::open();
    let query = Ask::new("mail.example.org A").packet();
    let mut reply = query.clone();
    reply[2] |= 0x80;
    let long = vec![0; 5000];
    let address = format!("GET /dns-query?dns={} HTTP/1.1", "A".repeat(6000));
    let text = "POST /dns-query HTTP/1.1\r\ncontent-type: text/plain";
    for (head, body, expected) in [
        ("GET / HTTP/1.1", &b""[..], 404),
        ("PUT /dns-query HTTP/1.1", &query, 405),
        ("DELETE /dns-query HTTP/1.1", b"", 405),
        ("POST /dns-query HTTP/1.1", &query, 415),
        (text, &query, 415),
        (POST, &long, 413),
        (&address, b"", 414),
        ("GET /dns-query HTTP/1.1", b"", 400),
        ("GET /dns-query?dns=AAA%3D HTTP/1.1", b"", 400),
        ("GET /dns-query?dns=AAAA HTTP/1.1", b"", 400),
        (POST, b"short", 400),
        (POST, &reply, 400),
    ] {
        let (status, answer, _) = request(&mut connect(&stage), head, body);
        assert_eq!(status, expected, "{head}");
        assert_eq!(
            answer.contains("allow: get, head, post"),
            expected == 405,
            "{answer}"
        );
    }
    // A length is not said by chunks: what they bring is counted.
    let mut stream = connect(&stage);
    let chunks = format!("{POST}\r\ntransfer-encoding: chunked");
    let body = [&b"1388\r\n"[..], &long, b"\r\n0\r\n\r\n"].concat();
    assert_eq!(chunked(&mut stream, &chunks, &body), 413);
    let body = [
        format!("{:x}\r\n", query.len()).as_bytes(),
        &query,
        b"\r\n0\r\n\r\n",
    ]
    .concat();
    assert_eq!(chunked(&mut connect(&stage), &chunks, &body), 200);
}

/// The status of the response to a request in chunks.
fn chunked(stream: &mut TlsClient, head: &str, body: &[u8]) -> u16 {
    use std::io::{Read, Write};
    let head = format!("{head}\r\nhost: x\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let _ = stream.write_all(body);
    let mut room = [0; 12];
    stream.read_exact(&mut room).unwrap();
    std::str::from_utf8(&room[9..]).unwrap().parse().unwrap()
}
