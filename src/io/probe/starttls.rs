//! Asking a server to go on by TLS, in the words of its protocol.
//!
//! What the server says in clear behind its consent is no part of what it says encrypted, so such a server fails
//! ([`BoundedStream::into_stream`]). A server that refuses, or does not offer it, fails as a handshake that failed.
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::bounded::BoundedStream;
use super::{ldap, smtp};
use crate::base::{Cause, limits};
use crate::monitor::starttls::StartTls;

/// The message by which PostgreSQL is asked for TLS: its length, and the number that stands for the question.
const POSTGRES_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x2F];

/// Asks for TLS over a connection that stands.
///
/// # Errors
/// Why it is not spoken.
pub(super) async fn request(protocol: StartTls, stream: TcpStream) -> Result<TcpStream, Cause> {
    match protocol {
        StartTls::Smtp => smtp::request_tls(stream, None).await,
        StartTls::Imap => in_lines(stream, &IMAP).await,
        StartTls::Pop3 => in_lines(stream, &POP3).await,
        StartTls::Ldap => ldap::request_tls(stream).await,
        StartTls::Postgres => of_postgres(stream).await,
    }
}

/// A protocol that greets, and takes a line.
struct ByLines {
    /// The beginning of the greeting.
    greeting: &'static [u8],
    /// The line that asks.
    request: &'static [u8],
    /// The beginning of the line that consents.
    consent: &'static [u8],
    /// The beginnings of lines that refuse.
    refusals: &'static [&'static [u8]],
}

/// IMAP: lines without the request's tag say something else.
const IMAP: ByLines = ByLines {
    greeting: b"* OK",
    request: b"a1 STARTTLS\r\n",
    consent: b"a1 OK",
    refusals: &[b"a1 NO", b"a1 BAD"],
};

/// POP3.
const POP3: ByLines = ByLines {
    greeting: b"+OK",
    request: b"STLS\r\n",
    consent: b"+OK",
    refusals: &[b"-ERR"],
};

async fn in_lines<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    protocol: &ByLines,
) -> Result<S, Cause> {
    let mut session = BoundedStream::new(stream);
    let greeting = session.line().await?;
    if !greeting.starts_with(protocol.greeting) {
        return Err(match greeting.as_slice() {
            [b'*', b' ', b'B', b'Y', b'E', ..] | [b'-', b'E', b'R', b'R', ..] => Cause::Refused,
            _ => Cause::Protocol,
        });
    }
    session.send(protocol.request).await?;
    for _ in 0..limits::PROBE_HEADERS {
        let line = session.line().await?;
        if line.starts_with(protocol.consent) {
            return session.into_stream();
        }
        if protocol.refusals.iter().any(|word| line.starts_with(word)) {
            return Err(Cause::Tls);
        }
    }
    Err(Cause::Protocol)
}

/// PostgreSQL answers by one letter.
///
/// # Errors
/// Why it is not spoken.
pub(super) async fn of_postgres<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> Result<S, Cause> {
    let mut session = BoundedStream::new(stream);
    session.send(&POSTGRES_REQUEST).await?;
    match session.exactly(1).await?.as_slice() {
        b"S" => session.into_stream(),
        b"N" => Err(Cause::Tls),
        _ => Err(Cause::Protocol),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncWriteExt, duplex};

    async fn asked(protocol: &ByLines, says: &[u8]) -> Result<(), Cause> {
        let (near, mut far) = duplex(1 << 20);
        far.write_all(says).await.unwrap();
        far.shutdown().await.unwrap();
        in_lines(near, protocol).await.map(drop)
    }

    #[tokio::test]
    async fn servers_consent_or_refuse_in_lines() {
        for (protocol, says, outcome) in [
            (&IMAP, &b"* OK ready\r\na1 OK go\r\n"[..], Ok(())),
            (
                &IMAP,
                b"* OK ready\r\n* CAPABILITY x\r\na1 OK go\r\n",
                Ok(()),
            ),
            (&IMAP, b"* OK ready\r\na1 NO not now\r\n", Err(Cause::Tls)),
            (&IMAP, b"* BYE full\r\n", Err(Cause::Refused)),
            (&IMAP, b"220 mail\r\n", Err(Cause::Protocol)),
            (
                &IMAP,
                b"* OK ready\r\na1 OK go\r\n* forged\r\n",
                Err(Cause::Protocol),
            ),
            (&IMAP, b"* OK ready\r\n", Err(Cause::Reset)),
            (&POP3, b"+OK\r\n+OK begin\r\n", Ok(())),
            (&POP3, b"+OK\r\n-ERR no\r\n", Err(Cause::Tls)),
            (&POP3, b"-ERR down\r\n", Err(Cause::Refused)),
        ] {
            assert_eq!(
                asked(protocol, says).await,
                outcome,
                "{}",
                says.escape_ascii()
            );
        }
    }
}
