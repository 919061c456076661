//! The words of a NATS server, read from a stream that need not be trusted.
//!
//! A line has 64 kB at most, or the connection ends. A payload that is longer than a bundle is read past and never held. What is read in a second
//! is bounded too: then the server waits, and drops this node if it must.
use std::collections::HashMap;
use std::io;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, sleep_until};

use crate::base::limits::{CLUSTER_BUNDLE_BYTES, CLUSTER_NATS, CLUSTER_NATS_LINE};
use crate::io::carry::troubles::ToldTrouble;
use crate::io::metrics::PeerTrouble;

/// Octets that are read at once.
const CHUNK: usize = 16 * 1024;
const END: &[u8] = b"\r\n";
/// Characters of what a server says is wrong that are shown.
const SHOWN: usize = 200;

/// A word of a server.
#[derive(Debug, PartialEq)]
pub(super) enum NatsWord {
    /// Its own settings.
    Info(NatsInfo),
    /// A message, on its subject.
    Message(String, Vec<u8>),
    /// A message that is too long, on its subject.
    Oversize(String),
    /// It wants to know whether this node lives.
    Ping,
    /// An answer to the same, or to nothing.
    Well,
    /// Something that it would not have.
    Refusal(String),
}

/// The settings of a server, as far as they matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct NatsInfo {
    pub(super) max_payload: u64,
    pub(super) tls_required: bool,
    pub(super) tls_available: bool,
    pub(super) nonce: Option<String>,
}

/// A stream of words. Whoever gives up waiting for one loses nothing.
#[derive(Debug)]
pub(super) struct NatsReader<R> {
    from: R,
    held: BytesMut,
    /// Octets of a payload that are read past.
    past: u64,
    /// The moment from which more is read.
    free: Instant,
}

impl<R: AsyncRead + Unpin> NatsReader<R> {
    pub(super) fn new(from: R) -> Self {
        Self {
            from,
            held: BytesMut::new(),
            past: 0,
            free: Instant::now(),
        }
    }

    /// The stream, if nothing has come that was not looked at: what was said in the clear counts for nothing under TLS.
    pub(super) fn into_stream(self) -> Result<R, ToldTrouble> {
        match self.held.is_empty() {
            true => Ok(self.from),
            false => Err(garbled("it speaks before TLS begins")),
        }
    }

    /// The next word.
    pub(super) async fn next(&mut self) -> Result<NatsWord, ToldTrouble> {
        loop {
            let passed = usize::try_from(self.past).unwrap_or(usize::MAX);
            let passed = passed.min(self.held.len());
            self.held.advance(passed);
            self.past -= passed as u64;
            if self.past == 0
                && let Some(word) = self.word()?
            {
                return Ok(word);
            }
            sleep_until(self.free).await;
            self.held.reserve(CHUNK);
            let mut limited = (&mut self.from).take(CHUNK as u64);
            let read = limited.read_buf(&mut self.held).await;
            let broken = |error: io::Error| (PeerTrouble::Broken, error.to_string());
            match read.map_err(broken)? {
                0 => return Err((PeerTrouble::Broken, "it ended the connection".to_owned())),
                read => self.has_read(read),
            }
        }
    }

    /// Lets the stream wait where it is faster than the bound.
    fn has_read(&mut self, octets: usize) {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let took = second.mul_f64(octets as f64 / CLUSTER_NATS.2 as f64);
        let before = now.checked_sub(second).unwrap_or(now);
        self.free = self.free.max(before) + took;
    }

    /// The first word that is held whole.
    fn word(&mut self) -> Result<Option<NatsWord>, ToldTrouble> {
        let looked = &self.held[..self.held.len().min(CLUSTER_NATS_LINE.0)];
        let Some(end) = looked.windows(2).position(|two| two == END) else {
            if looked.len() == CLUSTER_NATS_LINE.0 {
                return Err(garbled("it sends a line without end"));
            }
            return Ok(None);
        };
        let line = String::from_utf8_lossy(&self.held[..end]).into_owned();
        let (first, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let word = match first {
            "MSG" => return self.message(end, rest),
            "INFO" => {
                let info = serde_json::from_str(rest);
                NatsWord::Info(info.map_err(|_| garbled("its INFO cannot be read"))?)
            }
            "PING" => NatsWord::Ping,
            "PONG" | "+OK" => NatsWord::Well,
            "-ERR" => NatsWord::Refusal(rest.chars().take(SHOWN).collect()),
            _ => return Err(garbled("it does not speak NATS")),
        };
        self.held.advance(end + END.len());
        Ok(Some(word))
    }

    /// A message with this head, if it is held whole or too long.
    fn message(&mut self, end: usize, head: &str) -> Result<Option<NatsWord>, ToldTrouble> {
        let words: Vec<&str> = head.split_ascii_whitespace().collect();
        let (subject, length) = match words[..] {
            [subject, _, length] | [subject, _, _, length] => (subject, length),
            _ => return Err(garbled("it sends a message of another form")),
        };
        let wrong = |_| garbled("it sends a message of another form");
        let length: u64 = length.parse().map_err(wrong)?;
        let begin = end + END.len();
        let fits = usize::try_from(length).ok();
        let Some(length) = fits.filter(|length| *length <= CLUSTER_BUNDLE_BYTES) else {
            self.held.advance(begin);
            self.past = length.saturating_add(END.len() as u64);
            return Ok(Some(NatsWord::Oversize(subject.to_owned())));
        };
        if self.held.len() < begin + length + END.len() {
            return Ok(None);
        }
        self.held.advance(begin);
        let payload = self.held.split_to(length).to_vec();
        if !self.held.starts_with(END) {
            return Err(garbled("a message of it has another length than it says"));
        }
        self.held.advance(END.len());
        Ok(Some(NatsWord::Message(subject.to_owned(), payload)))
    }
}

/// The first words of this node: who it is, what it hears, and that it wants to know whether it is let in.
pub(super) fn greeting(
    (node, is_encrypted): (&str, bool),
    key: Option<(String, String)>,
    heard: &[String],
) -> String {
    let mut own: HashMap<&str, serde_json::Value> = HashMap::from([
        ("verbose", false.into()),
        ("pedantic", false.into()),
        ("headers", false.into()),
        ("no_responders", false.into()),
        ("echo", false.into()),
        ("protocol", 1.into()),
        ("lang", "rust".into()),
        ("version", env!("CARGO_PKG_VERSION").into()),
        ("name", format!("waypost {node}").into()),
        ("tls_required", is_encrypted.into()),
    ]);
    if let Some((name, signature)) = key {
        own.insert("nkey", name.into());
        own.insert("sig", signature.into());
    }
    let own = serde_json::to_string(&own).expect("texts and numbers are JSON");
    let mut text = format!("CONNECT {own}\r\n");
    for (subject, number) in heard.iter().zip(1..) {
        text += &format!("SUB {subject} {number}\r\n");
    }
    text + "PING\r\n"
}

/// A message as it is published.
pub(super) fn published(subject: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("PUB {subject} {}\r\n", payload.len());
    [head.as_bytes(), payload, END].concat()
}

fn garbled(why: &str) -> ToldTrouble {
    (PeerTrouble::Garbled, why.to_owned())
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    /// All that is read of octets that come in pieces of a length; and how the stream ends.
    fn words(octets: &[u8], piece: usize) -> (Vec<NatsWord>, ToldTrouble) {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        runtime.block_on(async {
            let (near, mut far) = tokio::io::duplex(piece);
            let octets = octets.to_vec();
            // Whoever reads may have gone.
            tokio::spawn(async move { drop(far.write_all(&octets).await) });
            let mut reader = NatsReader::new(near);
            let mut words = Vec::new();
            loop {
                match reader.next().await {
                    Ok(word) => words.push(word),
                    Err(told) => {
                        let most = 3 * (CLUSTER_BUNDLE_BYTES + CLUSTER_NATS_LINE.0);
                        assert!(reader.held.capacity() < most);
                        return (words, told);
                    }
                }
            }
        })
    }

    #[test]
    fn words_are_read_however_they_come() {
        let text = b"INFO {\"nonce\":\"n\",\"max_payload\":9,\"other\":[1]}\r\nPING\r\nPONG\r\n+OK\r\n-ERR 'no'\r\n\
                     MSG a.b 1 3\r\nx\r\n\r\nMSG a 1 reply 0\r\n\r\n";
        for piece in [1, 2, 7, 4096] {
            let (words, (trouble, _)) = words(text, piece);
            assert_eq!(trouble, PeerTrouble::Broken);
            let info = NatsInfo {
                max_payload: 9,
                nonce: Some("n".to_owned()),
                ..NatsInfo::default()
            };
            assert_eq!(
                words,
                [
                    NatsWord::Info(info),
                    NatsWord::Ping,
                    NatsWord::Well,
                    NatsWord::Well,
                    NatsWord::Refusal("'no'".to_owned()),
                    NatsWord::Message("a.b".to_owned(), b"x\r\n".to_vec()),
                    NatsWord::Message("a".to_owned(), Vec::new()),
                ]
            );
        }
    }

    #[test]
    fn what_is_too_long_is_read_past_and_never_held() {
        let long = CLUSTER_BUNDLE_BYTES + 1;
        let mut text = format!("MSG a 1 {long}\r\n").into_bytes();
        text.extend(vec![b'M'; long]);
        text.extend(b"\r\nMSG b 1 1\r\nx\r\n");
        let (read, _) = words(&text, 4096);
        let whole = NatsWord::Message("b".to_owned(), b"x".to_vec());
        assert_eq!(read, [NatsWord::Oversize("a".to_owned()), whole]);
        let mut endless = b"MSG a 1 18446744073709551615\r\n".to_vec();
        endless.extend(vec![0; 4 * CLUSTER_BUNDLE_BYTES]);
        let (read, (trouble, _)) = words(&endless, 65_536);
        assert_eq!((read.len(), trouble), (1, PeerTrouble::Broken));
    }

    #[test]
    fn garbage_ends_the_connection() {
        let line = vec![b'x'; CLUSTER_NATS_LINE.0 + 9];
        for text in [
            &line[..],
            b"HTTP/1.1 400 Bad Request\r\n",
            b"MSG a\r\n",
            b"MSG a 1 -1\r\n\r\n",
            b"MSG a 1 1\r\nxyz\r\n",
            b"INFO {\r\n",
            b"\r\n",
        ] {
            let (read, (trouble, _)) = words(text, 4096);
            assert_eq!((read, trouble), (Vec::new(), PeerTrouble::Garbled));
        }
    }
}
