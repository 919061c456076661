//! Responses over HTTP/1.1 as probes read them: whole or in parts they mean the same, and no more is held than a head.
use waypost::base::{Draws, limits};
use waypost::io::probe::response::{
    MalformedResponse, RequestMethod, ResponseHead, ResponsePiece, ResponseReader,
};

use crate::bend::{Bender, rounds, survive};

const RESPONSES: u64 = 200_000;
const WORDS: &[&str] = &[
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "content-length: 5\r\n",
    "content-length: 4, 4\r\n",
    "transfer-encoding: chunked\r\n",
    "Transfer-Encoding: gzip\r\n",
    "connection: close\r\n",
    "content-encoding: gzip\r\n",
    "\r\n\r\n",
    "\n\n",
    "0\r\n\r\n",
    "ffffffffffffffff\r\n",
    "5;x=y\r\nhello\r\n",
    " folded\r\n",
];

fn seeds() -> Vec<Vec<u8>> {
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(100));
    let texts = [
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nserver: x\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nx: y\r\n\r\n",
        "HTTP/1.0 503 No\r\nconnection: close\r\n\r\nto the end",
        "HTTP/1.1 103 Early\r\nlink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 200 OK\ncontent-encoding: gzip\ncontent-length: 3\n\nabcHTTP/1.1 200 OK\r\n",
        &many,
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// All that is read of a response: its head, its body, and the octets that follow, or that it is none.
#[derive(Debug, PartialEq, Eq)]
struct Read {
    head: Option<ResponseHead>,
    body: Vec<u8>,
    end: Result<usize, MalformedResponse>,
}

/// Reads octets that come in parts of a size.
fn read(method: RequestMethod, octets: &[u8], size: usize) -> Read {
    let mut reader = ResponseReader::new(method);
    let (mut head, mut body) = (None, Vec::new());
    let mut left = octets.len();
    for part in octets.chunks(size) {
        let mut rest = part;
        left -= part.len();
        loop {
            let before = rest.len();
            let end = match reader.next(&mut rest) {
                Ok(ResponsePiece::Nothing) => {
                    assert!(rest.is_empty(), "it awaits more and has some");
                    break;
                }
                Ok(ResponsePiece::Head(found)) => {
                    assert_eq!(head.replace(found), None, "a second head");
                    assert!(found.status == 101 || found.status >= 200);
                    continue;
                }
                Ok(ResponsePiece::Data(data)) => {
                    assert!(head.is_some() && !data.is_empty() && rest.len() < before);
                    body.extend_from_slice(data);
                    continue;
                }
                Ok(ResponsePiece::End) => Ok(left + rest.len()),
                Err(malformed) => Err(malformed),
            };
            return Read { head, body, end };
        }
    }
    let end = reader.close().map(|()| 0);
    Read { head, body, end }
}

#[test]
fn bent_responses_mean_the_same_however_they_come() {
    let seeds = seeds();
    let mut bender = Bender {
        seeds: &seeds,
        words: WORDS,
        draws: Draws::from_seed(0x11),
    };
    let mut sizes = Draws::from_seed(0x12);
    let (mut whole_ones, mut refused, mut persistent) = (0, 0, 0);
    let inputs = (0..rounds(RESPONSES)).map(|_| bender.bent());
    survive("responses", inputs, |octets| {
        for method in [RequestMethod::Get, RequestMethod::Head] {
            let whole = read(method, octets, usize::MAX);
            let size = usize::try_from(1 + sizes.below(40)).unwrap();
            assert_eq!(read(method, octets, size), whole, "in parts of {size}");
            assert!(whole.body.len() <= octets.len());
            match whole.end {
                Ok(_) => whole_ones += 1,
                Err(MalformedResponse) => refused += 1,
            }
            persistent += u64::from(whole.head.is_some_and(|head| head.is_persistent));
        }
    });
    let least = rounds(RESPONSES) / 10;
    for (what, count) in [
        ("read", whole_ones),
        ("refused", refused),
        ("persistent", persistent),
    ] {
        assert!(count > least, "{count} of them are {what}");
    }
}

#[test]
fn no_head_is_awaited_for_ever() {
    for octets in [
        &b"HTTP/1.1 200 OK\r\nx: "[..],
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ] {
        let mut reader = ResponseReader::new(RequestMethod::Get);
        let mut taken = 0;
        let mut next = |part: &[u8]| {
            taken += part.len();
            assert!(
                taken < 2 * limits::PROBE_HEAD_BYTES,
                "{taken} octets of a head"
            );
            reader.next(&mut &*part).is_ok()
        };
        let mut goes_on = next(octets);
        while goes_on {
            goes_on = next(if octets.ends_with(b"\r\n\r\n") {
                octets
            } else {
                b"y"
            });
        }
    }
}
