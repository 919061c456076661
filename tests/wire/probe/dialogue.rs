//! Monitors that send a few octets and expect a text: against peers that answer, babble, wait and go.
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use waypost::base::limits::PROBE_DIALOGUE_BYTES;
use waypost::base::{Cause, Span};
use waypost::health::ProbeResult;
use waypost::monitor::dialogue::{Dialogue, DialogueStep};
use waypost::monitor::tcp::TcpCheck;
use waypost::plan::Check;

use super::{Watched, fail, probe};

/// What a peer does with a connection.
#[derive(Clone, Debug)]
enum Part {
    /// Sends this.
    Say(Vec<u8>),
    /// Reads a line.
    Hear,
    /// Waits for the end of the other side.
    Wait,
    /// Resets the connection.
    Reset,
}

/// Says a text.
fn say(text: &str) -> Part {
    Part::Say(text.as_bytes().to_vec())
}

/// Takes one connection and plays its part; gives what it heard.
async fn peer(parts: Vec<Part>) -> (SocketAddr, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        play(stream, parts).await
    });
    (address, heard)
}

async fn play(mut stream: TcpStream, parts: Vec<Part>) -> Vec<u8> {
    let mut heard = Vec::new();
    for part in parts {
        match part {
            Part::Say(text) => {
                // A probe that has heard enough may be gone.
                let _ = stream.write_all(&text).await;
            }
            Part::Hear => {
                while !heard.ends_with(b"\n") {
                    match stream.read_u8().await {
                        Ok(octet) => heard.push(octet),
                        Err(_) => return heard,
                    }
                }
            }
            Part::Wait => {
                let _ = stream.read_to_end(&mut heard).await;
            }
            Part::Reset => {
                let socket = socket2::SockRef::from(&stream);
                socket.set_linger(Some(std::time::Duration::ZERO)).unwrap();
            }
        }
    }
    heard
}

fn dialogue(send: Option<&str>, expect: Option<&str>) -> Dialogue {
    steps(&[(send, expect)])
}

fn steps(steps: &[(Option<&str>, Option<&str>)]) -> Dialogue {
    let step = |(send, expect): &(Option<&str>, Option<&str>)| DialogueStep {
        send: send.map(str::to_owned),
        expect: expect.map(str::to_owned),
    };
    Dialogue {
        steps: steps.iter().map(step).collect(),
    }
}

#[tokio::test]
async fn a_dialogue_goes_step_by_step() {
    let greeted = [
        (None, Some("220 ")),
        (Some("EHLO probe\r\n"), Some("250 ")),
        (Some("QUIT\r\n"), None),
    ];
    let server = vec![
        say("220 mail\r\n"),
        Part::Hear,
        say("250 mail\r\n"),
        Part::Wait,
    ];
    let (address, heard) = peer(server).await;
    let report = probe(watched(address, steps(&greeted))).await;
    assert_eq!(report.outcome, ProbeResult::Pass);
    assert_eq!(heard.await.unwrap(), b"EHLO probe\r\nQUIT\r\n");
    // What a step has found, or what came before it, counts for no later one.
    for (said, outcome) in [("220 250 \r\n", Cause::Answer), ("250 220 ", Cause::Reset)] {
        let (address, _) = peer(vec![say(said), Part::Hear]).await;
        let again = [(None, Some("220 ")), (Some("EHLO probe\r\n"), Some("220 "))];
        let report = probe(watched(address, steps(&again))).await;
        assert_eq!(report.outcome, fail(outcome), "{said:?}");
    }
}

fn watched(address: SocketAddr, dialogue: Dialogue) -> Watched {
    Watched {
        check: Check::Tcp(TcpCheck { dialogue }),
        ..Watched::tcp(address)
    }
}

/// Sends `PING`, expects `+PONG`.
fn ping() -> Dialogue {
    dialogue(Some("PING\r\n"), Some("+PONG"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_protocol_is_asked_and_its_answer_found() {
    let (address, heard) = peer(vec![Part::Hear, say("+PONG\r\n"), Part::Wait]).await;
    let report = probe(watched(address, ping())).await;
    assert_eq!(report.outcome, ProbeResult::Pass);
    assert!(report.timing.connect_us > 0 && report.timing.response_us > 0);
    assert_eq!(heard.await.unwrap(), b"PING\r\n", "and nothing after it");

    let banner = dialogue(None, Some("220 "));
    let (address, heard) = peer(vec![say("220 mail.example.org\r\n"), Part::Wait]).await;
    let report = probe(watched(address, banner)).await;
    assert_eq!(report.outcome, ProbeResult::Pass);
    assert_eq!(heard.await.unwrap(), b"");

    let quit = dialogue(Some("QUIT\r\n"), None);
    let (address, heard) = peer(vec![say("220 mail.example.org\r\n"), Part::Wait]).await;
    let report = probe(watched(address, quit)).await;
    assert_eq!(report.outcome, ProbeResult::Pass);
    assert_eq!(heard.await.unwrap(), b"QUIT\r\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_found_across_segments() {
    let pause = std::time::Duration::from_millis(20);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        for octet in b"-LOADING\r\n+PONG\r\n" {
            let _ = stream.write_all(&[*octet]).await;
            tokio::time::sleep(pause).await;
        }
    });
    assert_eq!(
        probe(watched(address, ping())).await.outcome,
        ProbeResult::Pass
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_do_not_hold_the_text_are_told_from_silence() {
    let cases = [
        (vec![Part::Hear, say("-ERR\r\n")], Cause::Answer),
        (vec![Part::Hear, say("-ERR\r\n"), Part::Wait], Cause::Answer),
        (vec![Part::Hear, say("+PON")], Cause::Answer),
        (vec![Part::Hear], Cause::Reset),
        (vec![Part::Hear, Part::Reset], Cause::Reset),
        (vec![Part::Hear, Part::Wait], Cause::ResponseTimeout),
    ];
    for (parts, cause) in cases {
        let waits = parts.iter().any(|part| matches!(part, Part::Wait));
        let (address, _) = peer(parts.clone()).await;
        let mut watched = watched(address, ping());
        if waits {
            watched = watched.within(Span(2000));
        }
        assert_eq!(probe(watched).await.outcome, fail(cause), "{parts:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_read_to_the_bound_only() {
    let reaches = |spare: usize| {
        let mut text = vec![b'x'; PROBE_DIALOGUE_BYTES - "+PONG".len() + spare];
        text.extend(b"+PONG");
        Part::Say(text)
    };
    let (address, _) = peer(vec![Part::Hear, reaches(0), Part::Wait]).await;
    assert_eq!(
        probe(watched(address, ping())).await.outcome,
        ProbeResult::Pass
    );
    let (address, _) = peer(vec![Part::Hear, reaches(1), Part::Wait]).await;
    let report = probe(watched(address, ping())).await;
    assert_eq!(report.outcome, fail(Cause::Answer));
    let endless = vec![Part::Say(vec![b'x'; 4096]); 100_000];
    let (address, _) = peer(endless).await;
    let report = probe(watched(address, ping()).within(Span(20_000))).await;
    assert_eq!(report.outcome, fail(Cause::Answer));
}
