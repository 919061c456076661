//! Probes of type `ldap` (RFC 4511): a bind, perhaps a look at one entry, and the unbind that ends a session politely.
//!
//! ```text
//! [extended: StartTLS --> handshake] --> bind --> [search of the base object --> entry, done] --> unbind
//! ```
//!
//! The few messages are written and read here by hand, in the encoding rules that LDAP allows (BER with definite lengths,
//! section 5.1).
//!
//! # What fails how
//! - a bind that is refused, or an entry that may not be seen: [`Cause::Login`];
//! - a server that is busy or unavailable: [`Cause::Refused`];
//! - an entry that is not there, and every other result than success: [`Cause::Answer`].
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::attempt::{Attempt, Destination, Left, Probe, Resources};
use super::bounded::BoundedStream;
use super::encrypted::Dialling;
use crate::base::{Cause, limits};
use crate::monitor::ldap::LdapCheck;

/// Tags of operations: 0x60 and the number of its application tag; one without parts has 0x40.
mod tag {
    pub(super) const INTEGER: u8 = 0x02;
    pub(super) const BOOLEAN: u8 = 0x01;
    pub(super) const OCTETS: u8 = 0x04;
    pub(super) const ENUMERATED: u8 = 0x0A;
    pub(super) const SEQUENCE: u8 = 0x30;
    pub(super) const BIND: u8 = 0x60;
    pub(super) const BIND_RESPONSE: u8 = 0x61;
    pub(super) const UNBIND: u8 = 0x42;
    pub(super) const SEARCH: u8 = 0x63;
    pub(super) const SEARCH_ENTRY: u8 = 0x64;
    pub(super) const SEARCH_DONE: u8 = 0x65;
    pub(super) const SEARCH_REFERENCE: u8 = 0x73;
    pub(super) const EXTENDED: u8 = 0x77;
    pub(super) const EXTENDED_RESPONSE: u8 = 0x78;
    /// The first of the fields that a context gives a number.
    pub(super) const FIELD_0: u8 = 0x80;
    pub(super) const FIELD_7: u8 = 0x87;
}

/// The name of the operation that begins TLS (section 4.14).
const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";
/// The attribute that stands for none (section 4.5.1.8).
const NO_ATTRIBUTES: &[u8] = b"1.1";

/// A monitor of type `ldap`, ready to look.
#[derive(Debug)]
pub(super) struct LdapProbe {
    check: LdapCheck,
    dialling: Dialling,
}

impl Probe for LdapProbe {
    type Check = LdapCheck;

    fn prepare(check: &LdapCheck, resources: &mut Resources) -> Result<Self, String> {
        Ok(Self {
            check: check.clone(),
            dialling: Dialling::prepare(&check.login.encryption, resources, &[])?,
        })
    }

    async fn look(&self, to: &Destination<'_>, attempt: &mut Attempt<'_>) -> Result<(), Cause> {
        let stream = self.dialling.dial(to, attempt, request_tls).await?;
        let mut session = BoundedStream::new(stream);
        attempt.exchange(self.inspect(&mut session)).await?;
        let farewell = message(4, &part(tag::UNBIND, &[]));
        attempt.leave(Left::Session(session.into_closing(), farewell));
        Ok(())
    }
}

impl LdapProbe {
    async fn inspect<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        session: &mut BoundedStream<S>,
    ) -> Result<(), Cause> {
        session.send(&message(2, &self.bind())).await?;
        match receive(session, 2).await? {
            (tag::BIND_RESPONSE, result) => judge(&result)?,
            _ => return Err(Cause::Protocol),
        }
        let Some(base) = &self.check.base else {
            return Ok(());
        };
        session.send(&message(3, &search(base))).await?;
        let mut is_there = false;
        for _ in 0..limits::PROBE_HEADERS {
            match receive(session, 3).await? {
                (tag::SEARCH_ENTRY, _) => is_there = true,
                (tag::SEARCH_REFERENCE, _) => {}
                (tag::SEARCH_DONE, result) => {
                    judge(&result)?;
                    return if is_there { Ok(()) } else { Err(Cause::Answer) };
                }
                _ => return Err(Cause::Protocol),
            }
        }
        Err(Cause::Protocol)
    }

    /// A simple bind (section 4.2), anonymous without a name.
    fn bind(&self) -> Vec<u8> {
        let name = self.check.bind_dn.as_deref().unwrap_or_default();
        let password = self.check.login.password.as_ref();
        let password = password.map_or(&[][..], |password| password.0.as_bytes());
        let parts = [
            part(tag::INTEGER, &[3]),
            part(tag::OCTETS, name.as_bytes()),
            part(tag::FIELD_0, password),
        ];
        part(tag::BIND, &parts.concat())
    }
}

/// Asks a server over a connection that stands to go on by TLS.
///
/// # Errors
/// Why it does not.
pub(super) async fn request_tls(stream: TcpStream) -> Result<TcpStream, Cause> {
    let mut session = BoundedStream::new(stream);
    let operation = part(tag::EXTENDED, &part(tag::FIELD_0, START_TLS));
    session.send(&message(1, &operation)).await?;
    match receive(&mut session, 1).await? {
        (tag::EXTENDED_RESPONSE, result) if code(&result)? == 0 => session.into_stream(),
        (tag::EXTENDED_RESPONSE, _) => Err(Cause::Tls),
        _ => Err(Cause::Protocol),
    }
}

/// A search for one entry itself, without its attributes (section 4.5.1).
fn search(base: &str) -> Vec<u8> {
    let parts = [
        part(tag::OCTETS, base.as_bytes()),
        // Scope: the base object. Aliases: never followed. One entry, no limit of time, attributes with their values.
        part(tag::ENUMERATED, &[0]),
        part(tag::ENUMERATED, &[0]),
        part(tag::INTEGER, &[1]),
        part(tag::INTEGER, &[0]),
        part(tag::BOOLEAN, &[0]),
        // Whatever has a class, which is everything.
        part(tag::FIELD_7, b"objectClass"),
        part(tag::SEQUENCE, &part(tag::OCTETS, NO_ATTRIBUTES)),
    ];
    part(tag::SEARCH, &parts.concat())
}

/// A whole message (section 4.1.1).
fn message(id: u8, operation: &[u8]) -> Vec<u8> {
    let id = part(tag::INTEGER, &[id]);
    part(tag::SEQUENCE, &[&id, operation].concat())
}

/// A tag, the length of what follows, and that.
fn part(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut octets = vec![tag];
    let length = u16::try_from(content.len()).expect("a config bounds what is sent");
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => octets.push(short),
        Ok(_) | Err(_) => {
            octets.push(0x82);
            octets.extend(length.to_be_bytes());
        }
    }
    octets.extend_from_slice(content);
    octets
}

/// The next message, which must bear an id: the tag of its operation, and what that says.
async fn receive<S: AsyncRead + AsyncWrite + Unpin>(
    session: &mut BoundedStream<S>,
    id: u8,
) -> Result<(u8, Vec<u8>), Cause> {
    let head = session.exactly(2).await?;
    if head[0] != tag::SEQUENCE {
        return Err(Cause::Protocol);
    }
    let length = match head[1] {
        short @ ..=0x7F => usize::from(short),
        // How many octets the length has; none would mean that the end is marked, which LDAP does not allow.
        long @ 0x81..=0x84 => {
            let octets = session.exactly(usize::from(long & 0x7F)).await?;
            octets
                .iter()
                .fold(0, |length, octet| length << 8 | usize::from(*octet))
        }
        _ => return Err(Cause::Protocol),
    };
    let content = session.exactly(length).await?;
    operation(&content, id).ok_or(Cause::Protocol)
}

/// The operation of a message, if it bears this id. An id of 0 is the server's own: it says that it ends the session.
fn operation(content: &[u8], id: u8) -> Option<(u8, Vec<u8>)> {
    let (tag::INTEGER, number, rest) = take(content)? else {
        return None;
    };
    let (kind, operation, _) = take(rest)?;
    let significant = number.iter().skip_while(|octet| **octet == 0);
    significant.eq([&id]).then(|| (kind, operation.to_vec()))
}

/// Takes a tag and what belongs to it off the front.
fn take(octets: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = octets.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0x00..=0x7F => (usize::from(*first), rest),
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
            let folded = length
                .iter()
                .fold(0, |sum, octet| sum << 8 | usize::from(*octet));
            (folded, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// The code of a result (section 4.1.9).
fn code(result: &[u8]) -> Result<u8, Cause> {
    match take(result) {
        Some((tag::ENUMERATED, [code], _)) => Ok(*code),
        Some(_) | None => Err(Cause::Protocol),
    }
}

fn judge(result: &[u8]) -> Result<(), Cause> {
    match code(result)? {
        0 => Ok(()),
        // Authentication of another kind or a stronger one, confidentiality, no such access, no such password.
        7 | 8 | 13 | 48 | 49 | 50 => Err(Cause::Login),
        // Busy, unavailable, unwilling.
        51..=53 => Err(Cause::Refused),
        _ => Err(Cause::Answer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_as_the_standard_has_them() {
        // RFC 4511, appendix of tools: an anonymous bind as every client sends it.
        let bind = part(
            tag::BIND,
            &[
                part(tag::INTEGER, &[3]),
                part(tag::OCTETS, b""),
                part(tag::FIELD_0, b""),
            ]
            .concat(),
        );
        assert_eq!(
            message(1, &bind),
            b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00"
        );
        assert_eq!(part(tag::OCTETS, &[0; 127])[..2], [4, 127]);
        assert_eq!(part(tag::OCTETS, &[0; 128])[..4], [4, 0x82, 0, 128]);
        assert_eq!(
            message(4, &part(tag::UNBIND, &[])),
            b"\x30\x05\x02\x01\x04\x42\x00"
        );
    }

    #[test]
    fn results_are_what_they_mean_for_the_endpoint() {
        for (number, outcome) in [
            (0, Ok(())),
            (49, Err(Cause::Login)),
            (50, Err(Cause::Login)),
            (51, Err(Cause::Refused)),
            (32, Err(Cause::Answer)),
            (2, Err(Cause::Answer)),
        ] {
            let result = [
                part(tag::ENUMERATED, &[number]),
                part(tag::OCTETS, b""),
                part(tag::OCTETS, b""),
            ];
            let came = [
                part(tag::INTEGER, &[0, 2]),
                part(tag::BIND_RESPONSE, &result.concat()),
            ]
            .concat();
            let (kind, content) = operation(&came, 2).unwrap();
            assert_eq!((kind, judge(&content)), (tag::BIND_RESPONSE, outcome));
            assert_eq!(operation(&came, 3), None, "of another message");
        }
    }

    #[test]
    fn whatever_comes_is_read_or_refused() {
        let result = [part(tag::ENUMERATED, &[0]), part(tag::OCTETS, &[7; 200])].concat();
        let sound = [part(tag::INTEGER, &[2]), part(tag::BIND_RESPONSE, &result)].concat();
        for place in 0..sound.len().min(16) {
            for octet in 0..=255 {
                let mut bent = sound.clone();
                bent[place] = octet;
                if let Some((_, content)) = operation(&bent, 2) {
                    let _ = judge(&content);
                }
            }
        }
        for end in 0..sound.len() {
            assert_eq!(operation(&sound[..end], 2), None, "{end}");
        }
    }
}
