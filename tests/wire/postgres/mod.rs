//! Servers that are none, or mean ill.
mod bent;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use waypost::base::{Cause, Span};
use waypost::health::ProbeResult;

use crate::probing::{PATIENCE, check, fail, probe, probe_within};

/// A message: tag, length, body.
fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[tag], &length.to_be_bytes()[..], body].concat()
}

/// A request of the login: its number, and what belongs to it.
fn login(number: u32, data: &[u8]) -> Vec<u8> {
    message(b'R', &[&number.to_be_bytes(), data].concat())
}

fn error(code: &str) -> Vec<u8> {
    message(b'E', format!("SFATAL\0C{code}\0Mno\0\0").as_bytes())
}

/// Listens, and sends the replies in turn: one after each time that the peer has spoken. Then it
/// reads to the end. Gives its address, and what the peer said.
async fn server(replies: Vec<Vec<u8>>) -> (SocketAddr, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = Vec::new();
        for reply in replies {
            heard.extend(hear(&mut stream).await);
            let _ = stream.write_all(&reply).await;
        }
        let _ = stream.read_to_end(&mut heard).await;
        heard
    });
    (address, heard)
}

async fn hear(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    let length = stream.read(&mut bytes).await.unwrap_or(0);
    bytes.truncate(length);
    bytes
}

/// What a probe concludes of a server, and what the server heard.
async fn judge(replies: Vec<Vec<u8>>) -> (ProbeResult, Vec<u8>) {
    let (address, heard) = server(replies).await;
    let outcome = probe(address, check()).await;
    let heard = tokio::time::timeout(PATIENCE, heard).await;
    let heard = heard.expect("the probe leaves");
    (outcome, heard.unwrap())
}

/// A row of text values.
fn row(values: &[Option<&str>]) -> Vec<u8> {
    let mut body = u16::try_from(values.len()).unwrap().to_be_bytes().to_vec();
    for value in values {
        let length = value.map_or(-1, |text| i32::try_from(text.len()).unwrap());
        body.extend(length.to_be_bytes());
        body.extend(value.unwrap_or_default().as_bytes());
    }
    message(b'D', &body)
}

fn ready() -> Vec<u8> {
    message(b'Z', b"I")
}

fn welcome() -> Vec<u8> {
    [
        login(0, b""),
        message(b'S', b"server_version\x0018\0"),
        ready(),
    ]
    .concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fake_that_answers_well_passes_and_is_taken_leave_of() {
    let answer = [
        message(b'N', b"SNOTICE\0\0"),
        row(&[Some("f"), None, None, Some("f"), None]),
        message(b'C', b"SELECT 1\0"),
        ready(),
    ];
    let (outcome, heard) = judge(vec![welcome(), answer.concat()]).await;
    assert_eq!(outcome, ProbeResult::Pass);
    assert!(heard.ends_with(b"X\0\0\0\x04"), "it says that it leaves");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_answer_is_a_breach_of_the_protocol() {
    let huge = [&b"R"[..], &u32::MAX.to_be_bytes()].concat();
    let short = [&b"R"[..], &3_u32.to_be_bytes()].concat();
    let endless = message(b'N', &[b'x'; 1000]).repeat(100);
    for replies in [
        vec![b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()],
        vec![huge],
        vec![short],
        vec![endless],
        vec![message(b'R', b"\0")],
        vec![login(5, b"salt!")],
        vec![[login(0, b""), message(b'T', b"")].concat()],
        vec![welcome(), ready()],
        vec![welcome(), [row(&[Some("f")]), ready()].concat()],
        vec![welcome(), message(b'D', b"\0\x01\xff\xff\xff\xf0")],
        vec![welcome(), message(b'D', b"\0\x01\0\0\0\x09short")],
        vec![welcome(), error("42883")],
    ] {
        let shown: Vec<_> = replies
            .iter()
            .map(|reply| reply.escape_ascii().to_string())
            .collect();
        let (outcome, _) = judge(replies).await;
        assert_eq!(outcome, fail(Cause::Protocol), "{shown:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_told_apart_by_their_codes() {
    for (code, cause) in [
        ("28P01", Cause::Login),
        ("28000", Cause::Login),
        ("3D000", Cause::Login),
        ("57P03", Cause::Refused),
        ("53300", Cause::Refused),
        ("XX000", Cause::Protocol),
    ] {
        assert_eq!(judge(vec![error(code)]).await.0, fail(cause), "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_password_is_shown_to_whoever_asks() {
    // In clear, by Kerberos, or by a mechanism that nobody knows.
    for replies in [
        vec![login(3, b"")],
        vec![login(2, b"")],
        vec![login(10, b"SCRAM-SHA-1\0\0")],
    ] {
        let (outcome, heard) = judge(replies).await;
        assert_eq!(outcome, fail(Cause::Login));
        let shown = heard.windows(5).any(|word| word == b"right");
        assert!(!shown && !heard.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_and_an_early_end_are_told_apart() {
    let (address, _heard) = server(Vec::new()).await;
    let report = probe_within(Span(300), address, check()).await;
    assert_eq!(report.outcome, fail(Cause::ResponseTimeout));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        hear(&mut stream).await;
    });
    assert_eq!(probe(address, check()).await, fail(Cause::Reset));
}

/// Plays the server's half of SCRAM without the password, by a count of rounds of its own.
async fn impostor(rounds: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        hear(&mut stream).await;
        let _ = stream.write_all(&login(10, b"SCRAM-SHA-256\0\0")).await;
        let first = String::from_utf8(hear(&mut stream).await).unwrap();
        let nonce = first.split("r=").nth(1).unwrap();
        let challenge = format!("r={nonce}more,s=c2FsdA==,i={rounds}");
        let _ = stream.write_all(&login(11, challenge.as_bytes())).await;
        hear(&mut stream).await;
        let end = [login(12, b"v=bm8gaWRlYQ=="), welcome()].concat();
        let _ = stream.write_all(&end).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_know_the_password_is_not_believed() {
    let address = impostor("4096").await;
    assert_eq!(probe(address, check()).await, fail(Cause::Login));
    let address = impostor("4294967295").await;
    assert_eq!(
        probe(address, check()).await,
        fail(Cause::Protocol),
        "too much work"
    );
}
