//! Probes of type `smtp`: the beginning of a session, and its end (RFC 5321; STARTTLS, RFC 3207).
//!
//! ```text
//! 220 <-- EHLO --> 250 --STARTTLS--> 220, handshake, EHLO --> 250 --QUIT-->
//! ```
//!
//! A code that is not the expected one fails by that code; a server that offers no STARTTLS where it is asked for fails as a
//! handshake that failed.
use std::net::IpAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::attempt::{Attempt, Destination, Left, Probe, Resources};
use super::bounded::BoundedStream;
use super::encrypted::Dialling;
use crate::base::{Cause, limits};
use crate::monitor::encryption::EncryptionStart;
use crate::monitor::smtp::SmtpCheck;

/// A server that is ready, at the beginning and for TLS.
const READY: u16 = 220;
/// A server that has done what was asked.
const DONE: u16 = 250;

/// A monitor of type `smtp`, ready to look.
#[derive(Debug)]
pub(super) struct SmtpProbe {
    hello: Option<String>,
    start: EncryptionStart,
    dialling: Dialling,
}

impl Probe for SmtpProbe {
    type Check = SmtpCheck;

    fn prepare(check: &SmtpCheck, resources: &mut Resources) -> Result<Self, String> {
        Ok(Self {
            hello: check.hello.clone(),
            start: check.encryption.begins,
            dialling: Dialling::prepare(&check.encryption, resources, &[])?,
        })
    }

    async fn look(&self, to: &Destination<'_>, attempt: &mut Attempt<'_>) -> Result<(), Cause> {
        let hello = self.hello.as_deref();
        let request = async |stream| request_tls(stream, hello).await;
        let stream = self.dialling.dial(to, attempt, request).await?;
        let name = name(hello, stream.local());
        let mut session = BoundedStream::new(stream);
        let exchange = async {
            if self.start != EncryptionStart::OnRequest {
                expect(&mut session, READY).await?;
            }
            greet(&mut session, &name).await
        };
        attempt.exchange(exchange).await?;
        let farewell = b"QUIT\r\n".to_vec();
        attempt.leave(Left::Session(session.into_closing(), farewell));
        Ok(())
    }
}

/// Asks a server over a connection that stands to go on by TLS.
///
/// # Errors
/// Why it does not.
pub(super) async fn request_tls(
    stream: TcpStream,
    hello: Option<&str>,
) -> Result<TcpStream, Cause> {
    let name = name(hello, stream.local_addr().ok().map(|address| address.ip()));
    let mut session = BoundedStream::new(stream);
    expect(&mut session, READY).await?;
    let offered = greet(&mut session, &name).await?;
    let is_offered = |line: &Vec<u8>| line.eq_ignore_ascii_case(b"STARTTLS");
    if !offered.iter().any(is_offered) {
        return Err(Cause::Tls);
    }
    session.send(b"STARTTLS\r\n").await?;
    expect(&mut session, READY).await?;
    session.into_stream()
}

/// The name of the client: its own, or its address as a literal (RFC 5321, section 4.1.3).
fn name(hello: Option<&str>, from: Option<IpAddr>) -> String {
    match (hello, from) {
        (Some(hello), _) => hello.to_owned(),
        (None, Some(IpAddr::V4(v4))) => format!("[{v4}]"),
        (None, Some(IpAddr::V6(v6))) => format!("[IPv6:{v6}]"),
        (None, None) => "[127.0.0.1]".to_owned(),
    }
}

/// Says hello; what the server offers.
async fn greet<S: AsyncRead + AsyncWrite + Unpin>(
    session: &mut BoundedStream<S>,
    name: &str,
) -> Result<Vec<Vec<u8>>, Cause> {
    session.send(format!("EHLO {name}\r\n").as_bytes()).await?;
    expect(session, DONE).await
}

/// Waits for a reply of one code; its lines, without the code.
async fn expect<S: AsyncRead + AsyncWrite + Unpin>(
    session: &mut BoundedStream<S>,
    expected: u16,
) -> Result<Vec<Vec<u8>>, Cause> {
    let mut lines = Vec::new();
    loop {
        let line = session.line().await?;
        let (code, is_last, text) = read(&line).ok_or(Cause::Protocol)?;
        if code != expected {
            return Err(Cause::Status(code));
        }
        lines.push(text.to_vec());
        if is_last {
            return Ok(lines);
        }
        if lines.len() > limits::PROBE_HEADERS {
            return Err(Cause::Protocol);
        }
    }
}

/// A line of a reply: its code, whether it is the last one, and its text (RFC 5321, section 4.2).
fn read(line: &[u8]) -> Option<(u16, bool, &[u8])> {
    let (code, rest) = line.split_first_chunk::<3>()?;
    let code = std::str::from_utf8(code).ok()?;
    let code: u16 = code.parse().ok().filter(|code| (200..600).contains(code))?;
    match rest.split_first() {
        None => Some((code, true, rest)),
        Some((b' ', text)) => Some((code, true, text)),
        Some((b'-', text)) => Some((code, false, text)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_replies_have_a_code_and_say_whether_more_follow() {
        for (line, found) in [
            (
                &b"220 mail.example.org"[..],
                Some((220, true, &b"mail.example.org"[..])),
            ),
            (b"250-STARTTLS", Some((250, false, b"STARTTLS"))),
            (b"250", Some((250, true, b""))),
            (b"250 ", Some((250, true, b""))),
            (b"25", None),
            (b"", None),
            (b"250x", None),
            (b"+50 x", None),
            (b"199 x", None),
            (b"999 x", None),
            (b"\xff\xff\xff x", None),
            (b"HTTP/1.1 400", None),
        ] {
            assert_eq!(read(line), found, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn a_client_without_a_name_gives_its_address() {
        for (hello, from, shown) in [
            (
                Some("ns1.example.org"),
                Some("192.0.2.1"),
                "ns1.example.org",
            ),
            (None, Some("192.0.2.1"), "[192.0.2.1]"),
            (None, Some("2001:db8::1"), "[IPv6:2001:db8::1]"),
        ] {
            assert_eq!(
                name(hello, from.map(|text: &str| text.parse().unwrap())),
                shown
            );
        }
    }
}
