//! How one question travels, and its reply comes back: UDP, TCP or TLS, with one deadline for all.
//!
//! Over UDP anybody may send something to the port; what is not the reply to the question is passed
//! over until the deadline, as a resolver does.
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::trust::Trust;
use crate::base::limits::MESSAGE_BYTES;
use crate::daemon::Failure;
use crate::dns::ask::{self, Question, Reply};
use crate::io::probe::of_untrusted;

/// What carries a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Transport {
    Udp,
    Tcp,
    Tls,
}

/// How to reach a server.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) server: SocketAddr,
    pub(super) transport: Transport,
    /// How long all of one exchange may take.
    pub(super) patience: Duration,
    /// Whose certificate is taken; there for TLS.
    pub(super) trust: Option<Trust>,
}

/// A reply, and how it came.
#[derive(Clone, Debug)]
pub(super) struct Exchanged {
    pub(super) reply: Reply,
    /// Length of the reply.
    pub(super) octets: usize,
    /// From the first packet to the last octet: connecting counts.
    pub(super) took: Duration,
    pub(super) transport: Transport,
    /// Where the question came from.
    pub(super) local: IpAddr,
    /// What was agreed on for TLS.
    pub(super) secured: Option<String>,
}

impl Transport {
    /// The port that it has by itself (RFC 1035, RFC 7858).
    pub(super) fn port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 53,
            Self::Tls => 853,
        }
    }

    /// As a person calls it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        }
    }
}

impl Way {
    /// The same server by another transport.
    pub(super) fn by(&self, transport: Transport) -> Self {
        Self {
            transport,
            ..self.clone()
        }
    }

    fn failed(&self, error: &io::Error) -> Failure {
        let (server, word) = (self.server, self.transport.word());
        if is_timeout(error) {
            let waited =
                crate::base::Span(u64::try_from(self.patience.as_millis()).unwrap_or(u64::MAX));
            let help = match self.transport {
                Transport::Udp => "; a lost packet, a filter, or nobody there: try --tcp",
                Transport::Tcp | Transport::Tls => "",
            };
            return format!("no reply from {server} over {word} within {waited}{help}");
        }
        let help = match error.kind() == ErrorKind::ConnectionRefused {
            true => "; nothing listens there",
            false => "",
        };
        // The library's names of what is wrong with a certificate are no words for people.
        match of_untrusted(error) {
            Some(cause) => format!("{server} over {word}: {cause}"),
            None => format!("{server} over {word}: {error}{help}"),
        }
    }
}

/// Fills with octets that nobody can guess.
pub(super) fn fill(octets: &mut [u8]) -> Result<(), Failure> {
    let filled = aws_lc_rs::rand::fill(octets);
    filled.map_err(|_| "the system has no random numbers".to_owned())
}

/// Asks once.
pub(super) fn exchange(way: &Way, question: &Question) -> Result<Exchanged, Failure> {
    let mut id = [0; 2];
    fill(&mut id)?;
    let talk = Talk {
        way,
        question,
        id: u16::from_be_bytes(id),
        started: Instant::now(),
    };
    let exchanged = match way.transport {
        Transport::Udp => talk.by_udp(),
        Transport::Tcp => talk.by_tcp(),
        Transport::Tls => talk.by_tls(),
    };
    exchanged.map_err(|error| way.failed(&error))
}

/// One exchange under way.
struct Talk<'a> {
    way: &'a Way,
    question: &'a Question,
    id: u16,
    started: Instant,
}

impl Talk<'_> {
    fn by_udp(&self) -> io::Result<Exchanged> {
        let own: IpAddr = match self.way.server {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((own, 0))?;
        socket.connect(self.way.server)?;
        socket.send(&ask::encode(self.id, self.question))?;
        let mut buffer = vec![0; MESSAGE_BYTES];
        loop {
            socket.set_read_timeout(Some(left(self.until())?))?;
            let octets = socket.recv(&mut buffer)?;
            if let Some(reply) = self.read(&buffer[..octets]) {
                return Ok(self.done(reply, octets, socket.local_addr()?, None));
            }
        }
    }

    fn by_tcp(&self) -> io::Result<Exchanged> {
        let mut stream = self.connect()?;
        let (reply, octets) = self.by_stream(&mut stream)?;
        Ok(self.done(reply, octets, stream.stream.local_addr()?, None))
    }

    fn by_tls(&self) -> io::Result<Exchanged> {
        let trust = self.way.trust.as_ref();
        let session = trust.expect("a way by TLS says whom it trusts").session()?;
        let mut stream = tokio_rustls::rustls::StreamOwned::new(session, self.connect()?);
        let (reply, octets) = self.by_stream(&mut stream)?;
        let secured = super::trust::agreed(&stream.conn);
        Ok(self.done(reply, octets, stream.sock.stream.local_addr()?, secured))
    }

    fn connect(&self) -> io::Result<Patient> {
        let until = self.until();
        let stream = TcpStream::connect_timeout(&self.way.server, left(until)?)?;
        stream.set_nodelay(true)?;
        Ok(Patient { stream, until })
    }

    /// Two octets of length before each message (RFC 1035, section 4.2.2), sent as one.
    fn by_stream(&self, stream: &mut (impl Read + Write)) -> io::Result<(Reply, usize)> {
        let question = ask::encode(self.id, self.question);
        let length = u16::try_from(question.len()).map_err(io::Error::other)?;
        let mut frame = length.to_be_bytes().to_vec();
        frame.extend(question);
        stream.write_all(&frame)?;
        stream.flush()?;
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut message)?;
        let reply = self.read(&message);
        let reply =
            reply.ok_or_else(|| io::Error::other("what came is no reply to the question"))?;
        Ok((reply, message.len()))
    }

    fn read(&self, message: &[u8]) -> Option<Reply> {
        ask::decode(message).filter(|reply| reply.answers(self.id, self.question))
    }

    fn until(&self) -> Instant {
        self.started + self.way.patience
    }

    fn done(
        &self,
        reply: Reply,
        octets: usize,
        local: SocketAddr,
        secured: Option<String>,
    ) -> Exchanged {
        Exchanged {
            reply,
            octets,
            took: self.started.elapsed(),
            transport: self.way.transport,
            local: local.ip(),
            secured,
        }
    }
}

/// A stream that is read and written until a deadline, however slowly the peer drips.
struct Patient {
    stream: TcpStream,
    until: Instant,
}

impl Read for Patient {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(left(self.until)?))?;
        self.stream.read(buffer)
    }
}

impl Write for Patient {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(left(self.until)?))?;
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// How long until then; an error once it is past.
fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    match left.is_zero() {
        true => Err(ErrorKind::TimedOut.into()),
        false => Ok(left),
    }
}

fn is_timeout(error: &io::Error) -> bool {
    [ErrorKind::TimedOut, ErrorKind::WouldBlock].contains(&error.kind())
}
