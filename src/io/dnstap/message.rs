//! A sample on the wire: `dnstap.proto` in the encoding of Protocol Buffers.
//!
//! Nine fields of two messages are written and none is read, so they are put down by hand: a crate would bring its compiler.
use std::net::IpAddr;

use crate::answer::Transport;
use crate::base::limits::{COHORT_PREFIX_V4, COHORT_PREFIX_V6};

/// `Message.Type.AUTH_RESPONSE`.
const AUTH_RESPONSE: u64 = 2;
/// `Dnstap.Type.MESSAGE`.
const MESSAGE: u64 = 1;

/// One answer.
#[derive(Debug)]
pub struct TapSample {
    /// The address of who asked.
    pub client: IpAddr,
    /// The transport by which it was asked.
    pub transport: Transport,
    /// The whole reply.
    pub reply: Vec<u8>,
}

/// The octets of a `Dnstap` message.
pub(super) fn encode(sample: &TapSample, at_ms: u64, node: &str) -> Vec<u8> {
    let (family, address) = network(sample.client);
    let nanoseconds = u32::try_from(at_ms % 1000).unwrap_or(0) * 1_000_000;
    let mut message = Vec::with_capacity(sample.reply.len() + 64);
    number(&mut message, 1, AUTH_RESPONSE);
    number(&mut message, 2, family);
    number(&mut message, 3, protocol(sample.transport));
    octets(&mut message, 4, &address);
    number(&mut message, 12, at_ms / 1000);
    fixed(&mut message, 13, nanoseconds);
    octets(&mut message, 14, &sample.reply);
    let mut whole = Vec::with_capacity(message.len() + 64);
    octets(&mut whole, 1, node.as_bytes());
    let version = concat!("waypost ", env!("CARGO_PKG_VERSION"));
    octets(&mut whole, 2, version.as_bytes());
    octets(&mut whole, 14, &message);
    number(&mut whole, 15, MESSAGE);
    whole
}

/// `SocketFamily`, and the octets of the client's network.
fn network(client: IpAddr) -> (u64, Vec<u8>) {
    let (family, mut octets, prefix) = match client {
        IpAddr::V4(address) => (1, address.octets().to_vec(), COHORT_PREFIX_V4),
        IpAddr::V6(address) => (2, address.octets().to_vec(), COHORT_PREFIX_V6),
    };
    octets[usize::from(prefix / 8)..].fill(0);
    (family, octets)
}

/// `SocketProtocol`.
fn protocol(transport: Transport) -> u64 {
    match transport {
        Transport::Udp => 1,
        Transport::Tcp => 2,
        Transport::Tls => 3,
        Transport::Https => 4,
        Transport::Quic => 7,
    }
}

/// A field of the wire type `VARINT`.
fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    varint(out, field << 3);
    varint(out, value);
}

/// A field of the wire type `LEN`.
fn octets(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    varint(out, field << 3 | 2);
    varint(out, value.len() as u64);
    out.extend(value);
}

/// A field of the wire type `I32`.
fn fixed(out: &mut Vec<u8>, field: u64, value: u32) {
    varint(out, field << 3 | 5);
    out.extend(value.to_le_bytes());
}

/// Seven bits to an octet, the lowest first.
fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_the_network_of_its_client_and_no_more() {
        let sample = |client: &str| TapSample {
            client: client.parse().unwrap(),
            transport: Transport::Udp,
            reply: vec![7; 200],
        };
        let encoded = encode(&sample("198.51.100.77"), 1_790_000_000_123, "ns1");
        let message = [
            &[8, 2, 16, 1, 24, 1, 34, 4, 198, 51, 100, 0, 96][..],
            &[128, 247, 196, 213, 6, 109],
            &123_000_000_u32.to_le_bytes(),
            &[114, 200, 1],
            &[7; 200],
        ]
        .concat();
        let version = format!("waypost {}", env!("CARGO_PKG_VERSION"));
        let length = u8::try_from(version.len()).unwrap();
        let whole = [
            b"\x0A\x03ns1\x12",
            &[length][..],
            version.as_bytes(),
            &[114, 226, 1],
            &message,
            &[120, 1],
        ]
        .concat();
        assert_eq!(encoded, whole);
        let network = [0x20, 1, 0xD, 0xB8, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let wide = encode(&sample("2001:db8:102:304:5::6"), 0, "ns1");
        assert!(
            wide.windows(18)
                .any(|part| part == [&[34, 16][..], &network].concat())
        );
    }
}
