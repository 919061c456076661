//! Probes of type `icmp`: an echo request and its reply (RFC 792; RFC 4443, section 4).
//!
//! A socket for echoes alone needs no privilege where the system allows it to the process's group (`net.ipv4.ping_group_range`;
//! it holds for IPv6 too); the kernel gives it an identifier of its own and hands it its own replies. Where that is not allowed, a raw
//! socket is tried, which needs CAP_NET_RAW and sees what comes for others as well. Whether one of the two is there is found out
//! when a config is taken, so that nobody has to guess why nothing comes back.
//!
//! A reply counts if it brings back what was sent: a number that nobody can guess comes first in that.
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use super::attempt::{Attempt, Destination, Probe, Resources};
use super::cause;
use crate::base::Cause;
use crate::monitor::icmp::IcmpCheck;
use crate::monitor::reach;

/// Octets of the head of an echo.
const HEAD: usize = 8;
/// Octets by which a reply is known.
const MARK: usize = 16;
/// More than a reply holds, with the head of IPv4 and all its options.
const PACKET: usize = 2048;

/// A monitor of type `icmp`, ready to look.
#[derive(Debug)]
pub(super) struct IcmpProbe {
    size: usize,
}

/// The kind of a socket for echoes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EchoSocket {
    /// For echoes alone.
    Datagrams,
    /// For all of ICMP.
    Raw,
}

impl Probe for IcmpProbe {
    type Check = IcmpCheck;

    fn prepare(check: &IcmpCheck, _: &mut Resources) -> Result<Self, String> {
        match open(Domain::IPV4).or_else(|_| open(Domain::IPV6)) {
            Ok(_) => Ok(Self {
                size: check.size.into(),
            }),
            Err(error) => Err(format!(
                "this process may send no ICMP ({error}): put its group into the range of the system setting \
                 net.ipv4.ping_group_range, or give it CAP_NET_RAW"
            )),
        }
    }

    async fn look(&self, to: &Destination<'_>, attempt: &mut Attempt<'_>) -> Result<(), Cause> {
        // An echo has no port, and the kernel takes one for an identifier.
        let to = SocketAddr::new(to.address.ip(), 0);
        if reach::obstacle(to.ip()).is_some() {
            return Err(Cause::Unreachable);
        }
        let made = self.request(to).zip(open(Domain::for_address(to)).ok());
        let (request, (socket, kind)) = made.ok_or(Cause::Local)?;
        let aimed = attempt.aim(&socket, to);
        aimed.map_err(|error| cause::of_connect(&error))?;
        // Any socket of messages is sent to and heard in the same way.
        let socket = UdpSocket::from_std(socket.into()).map_err(|_| Cause::Local)?;
        attempt.exchange(echo(&socket, (kind, to), &request)).await
    }
}

impl IcmpProbe {
    /// An echo request, with a content that nobody can guess.
    fn request(&self, to: SocketAddr) -> Option<Vec<u8>> {
        let mut drawn = [0; MARK + 2];
        aws_lc_rs::rand::fill(&mut drawn).ok()?;
        let (id, mark) = drawn.split_at(2);
        let kind = if to.is_ipv4() { 8 } else { 128 };
        let head = [kind, 0, 0, 0, id[0], id[1], 0, 1];
        let mut request = [&head[..], mark].concat();
        request.resize(HEAD + self.size.max(MARK), 0x5A);
        if to.is_ipv4() {
            // The kernel makes that of ICMPv6, over addresses that are not known here.
            let sum = checksum(&request);
            request[2..4].copy_from_slice(&sum.to_be_bytes());
        }
        Some(request)
    }
}

/// A socket for echoes, of the kind that is allowed.
fn open(domain: Domain) -> io::Result<(Socket, EchoSocket)> {
    let protocol = if domain == Domain::IPV6 {
        Protocol::ICMPV6
    } else {
        Protocol::ICMPV4
    };
    let make = |kind: Type| Socket::new(domain, kind.nonblocking(), Some(protocol));
    match make(Type::DGRAM) {
        Ok(socket) => Ok((socket, EchoSocket::Datagrams)),
        Err(_) => Ok((make(Type::RAW)?, EchoSocket::Raw)),
    }
}

/// Sends a request, and waits until its reply comes.
async fn echo(
    socket: &UdpSocket,
    (kind, to): (EchoSocket, SocketAddr),
    request: &[u8],
) -> Result<(), Cause> {
    let sent = socket.send(request).await;
    sent.map_err(|error| of_echo(&error))?;
    let mut packet = [0; PACKET];
    loop {
        let length = socket.recv(&mut packet).await;
        let length = length.map_err(|error| of_echo(&error))?;
        let is_raw_v4 = kind == EchoSocket::Raw && to.is_ipv4();
        let message = if is_raw_v4 {
            behind_head(&packet[..length])
        } else {
            Some(&packet[..length])
        };
        if message.is_some_and(|message| is_reply(message, request)) {
            return Ok(());
        }
    }
}

/// The content of a packet of IPv4: a raw socket shows its head as well (RFC 791, section 3.1).
fn behind_head(packet: &[u8]) -> Option<&[u8]> {
    let words = packet.first()? & 0x0F;
    packet.get(4 * usize::from(words)..)
}

/// Tells whether a message is the reply to a request: of the kernel's identifier nothing is known here, and what was sent comes
/// back.
fn is_reply(message: &[u8], request: &[u8]) -> bool {
    let wanted = if request[0] == 8 { 0 } else { 129 };
    message.len() == request.len()
        && message.starts_with(&[wanted, 0])
        && message[HEAD..] == request[HEAD..]
}

/// The checksum of a message whose own is 0 (RFC 1071).
fn checksum(message: &[u8]) -> u16 {
    let words = message.chunks(2).map(|pair| match *pair {
        [high, low] => u32::from(u16::from_be_bytes([high, low])),
        [high] => u32::from(high) << 8,
        _ => 0,
    });
    let mut sum: u32 = words.sum();
    while sum > u32::from(u16::MAX) {
        sum = (sum >> 16) + (sum & u32::from(u16::MAX));
    }
    !u16::try_from(sum).expect("it has been folded")
}

/// The cause that an error of the socket stands for: of a connected one, errors that routers have told are among them.
fn of_echo(error: &io::Error) -> Cause {
    if error.kind() == ErrorKind::ConnectionRefused {
        Cause::Unreachable
    } else {
        cause::of_connect(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_the_sum_that_its_receiver_finds() {
        let to = "127.0.0.1:0".parse().unwrap();
        for size in [16, 17, 56, 1232] {
            let request = IcmpProbe { size }.request(to).unwrap();
            assert_eq!(request.len(), HEAD + size);
            assert_eq!(checksum(&request), 0, "the sum of a whole message is none");
        }
        // RFC 1071, section 3.
        assert_eq!(
            !checksum(&[0x00, 0x01, 0xF2, 0x03, 0xF4, 0xF5, 0xF6, 0xF7]),
            0xDDF2
        );
    }

    #[test]
    fn only_what_was_sent_is_a_reply() {
        for (to, reply) in [("127.0.0.1:0", 0), ("[::1]:0", 129)] {
            let request = IcmpProbe { size: 56 }.request(to.parse().unwrap()).unwrap();
            let mut came = request.clone();
            assert!(
                !is_reply(&came, &request),
                "the request itself is heard on loopback"
            );
            came[0] = reply;
            // The kernel has put an identifier and sums of its own.
            came[2..6].fill(0x77);
            assert!(is_reply(&came, &request));
            for end in 0..came.len() {
                assert!(!is_reply(&came[..end], &request));
            }
            let other = IcmpProbe { size: 56 }.request(to.parse().unwrap()).unwrap();
            assert!(!is_reply(&came, &other));
        }
    }

    #[test]
    fn heads_of_any_length_are_passed_over() {
        let packet: Vec<u8> = (0..64)
            .map(|number| if number == 0 { 0x46 } else { number })
            .collect();
        assert_eq!(behind_head(&packet).map(|message| message[0]), Some(24));
        assert_eq!(behind_head(&[0x4F, 0, 0]), None);
        assert_eq!(behind_head(&[]), None);
    }
}
