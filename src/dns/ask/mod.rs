//! The other side of a query: what a client sends, and what it reads in the reply.
//!
//! For the demo, `waypost query` and other tools that ask; slow and thorough. The server's own
//! path is in [`super::query`] and [`super::reply`], and shares nothing with this: what one of
//! them gets wrong, the other does not get wrong in the same way.
//!
//! How a question travels, and how long to wait for its reply, is not known here.
use std::net::IpAddr;

use super::name::Name;
use super::rr::{class, rtype};

mod options;
mod reply;

pub use options::{Told, hexadecimal};
pub use reply::{Edns, Record, Reply, decode};

/// Largest reply over UDP that is asked for (DNS flag day 2020).
const PAYLOAD: u16 = 1232;
const DNSSEC_OK: u16 = 0x8000;
/// Octets to whose multiple a padded question is filled up (RFC 8467, section 4.1).
const BLOCK_BYTES: usize = 128;
/// Code and length of an option.
const OPTION_HEAD_BYTES: usize = 4;

/// What a client asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The name.
    pub name: Name,
    /// The type, as its number.
    pub rtype: u16,
    /// What else it wants of the server.
    pub wants: Vec<Want>,
}

/// What a client wants beside the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// The answer for this network: an address, zero beyond the prefix length, and that
    /// (RFC 7871).
    Subnet(IpAddr, u8),
    /// Signatures and proofs too (RFC 3225).
    Dnssec,
    /// To know who the server is (RFC 5001).
    Identity,
    /// To prove by a cookie that it is where it says (RFC 7873): 8 octets of its own, then
    /// what the server gave it.
    Cookie(Vec<u8>),
    /// To hide how long the question is (RFC 7830).
    Padding,
}

/// Encodes a question. It asks for no recursion: a server that is authoritative needs none to be
/// asked for.
#[must_use]
pub fn encode(id: u16, question: &Question) -> Vec<u8> {
    let mut message = Vec::new();
    for word in [id, 0, 1, 0, 0, 1] {
        message.extend(u16::to_be_bytes(word));
    }
    message.extend(question.name.as_wire());
    message.extend(question.rtype.to_be_bytes());
    message.extend(class::IN.to_be_bytes());
    let flags = match question.wants.contains(&Want::Dnssec) {
        true => DNSSEC_OK,
        false => 0,
    };
    // The root, then type, payload, extended code and version, flags (RFC 6891, section 6.1.2).
    message.push(0);
    for word in [rtype::OPT, PAYLOAD, 0, flags] {
        message.extend(word.to_be_bytes());
    }
    let options = options(question, message.len() + size_of::<u16>());
    message.extend(length(&options).to_be_bytes());
    message.extend(options);
    message
}

/// The options of a question that is `before` octets long without them.
fn options(question: &Question, before: usize) -> Vec<u8> {
    let mut options = Vec::new();
    for want in &question.wants {
        match want {
            Want::Subnet(address, prefix) => {
                put(&mut options, options::SUBNET, &subnet(*address, *prefix));
            }
            Want::Identity => put(&mut options, options::NSID, &[]),
            Want::Cookie(octets) => put(&mut options, options::COOKIE, octets),
            Want::Dnssec | Want::Padding => {}
        }
    }
    if question.wants.contains(&Want::Padding) {
        let so_far = before + options.len() + OPTION_HEAD_BYTES;
        let filling = so_far.next_multiple_of(BLOCK_BYTES) - so_far;
        put(&mut options, options::PADDING, &vec![0; filling]);
    }
    options
}

fn put(options: &mut Vec<u8>, code: u16, data: &[u8]) {
    options.extend(code.to_be_bytes());
    options.extend(length(data).to_be_bytes());
    options.extend(data);
}

fn length(data: &[u8]) -> u16 {
    u16::try_from(data.len()).expect("options of a question are short")
}

/// Family, prefix lengths, and as many octets of the address as the prefix touches (RFC 7871,
/// section 6).
fn subnet(address: IpAddr, prefix: u8) -> Vec<u8> {
    let (family, octets) = match address {
        IpAddr::V4(v4) => (1, v4.octets().to_vec()),
        IpAddr::V6(v6) => (2, v6.octets().to_vec()),
    };
    let mut data = vec![0, family, prefix, 0];
    data.extend(octets.iter().take(usize::from(prefix).div_ceil(8)));
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(wants: Vec<Want>) -> Question {
        Question {
            name: Name::parse("api.example.org").unwrap(),
            rtype: 1,
            wants,
        }
    }

    #[test]
    fn a_question_carries_name_type_and_subnet() {
        let subnet = Want::Subnet("198.51.100.0".parse().unwrap(), 24);
        let bytes = encode(7, &question(vec![subnet]));
        assert_eq!(bytes[..2], [0, 7]);
        assert_eq!(&bytes[12..29], b"\x03api\x07example\x03org\0");
        // Option 8, 7 octets: family 1, source 24, scope 0, three octets of address.
        assert!(
            bytes.ends_with(&[0, 8, 0, 7, 0, 1, 24, 0, 198, 51, 100]),
            "{bytes:?}"
        );
    }

    #[test]
    fn the_server_reads_what_a_question_wants() {
        let wants = vec![
            Want::Dnssec,
            Want::Identity,
            Want::Cookie(vec![7; 8]),
            Want::Subnet("2001:db8::".parse().unwrap(), 33),
            Want::Padding,
        ];
        let bytes = encode(0xABCD, &question(wants));
        assert_eq!(bytes.len() % BLOCK_BYTES, 0);
        let read = crate::dns::query::read(&bytes).unwrap();
        assert_eq!((read.header.id, read.fault), (0xABCD, None));
        let edns = read.edns.unwrap();
        assert_eq!(
            (edns.payload, edns.dnssec_ok, edns.nsid),
            (1232, true, true)
        );
        let subnet = edns.subnet.unwrap();
        assert_eq!((subnet.family, subnet.source_prefix), (2, 33));
        let plain = encode(1, &question(Vec::new()));
        let edns = crate::dns::query::read(&plain).unwrap().edns.unwrap();
        assert_eq!(
            (edns.dnssec_ok, edns.nsid, edns.subnet),
            (false, false, None)
        );
    }
}
