//! The other side of a query: what a client sends, and what it reads in the reply.
//!
//! For the demo and other tools that ask; slow and thorough, by `hickory-proto`. The
//! server's own path is in [`super::query`] and [`super::reply`], and shares nothing with this.
use std::net::IpAddr;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query};
use hickory_proto::rr::rdata::opt::{ClientSubnet, EdnsCode, EdnsOption};
use hickory_proto::rr::{RData, RecordType};

use super::name::Name;

/// What a client asks.
#[derive(Clone, Debug)]
pub struct Question {
    /// The name.
    pub name: Name,
    /// The type, as its number.
    pub rtype: u16,
    /// The client network to tell (RFC 7871): an address and a prefix length.
    pub subnet: Option<(IpAddr, u8)>,
}

/// What a client reads in a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Message id.
    pub id: u16,
    /// Response code, extended ones included.
    pub rcode: u16,
    /// Addresses of the answer section, in order.
    pub addresses: Vec<IpAddr>,
    /// TTL of the first record of the answer section.
    pub ttl: Option<u32>,
    /// Scope of the client subnet option, if there was one.
    pub scope: Option<u8>,
}

/// Encodes a question; `None` if the name cannot be encoded.
#[must_use]
pub fn encode(id: u16, question: &Question) -> Option<Vec<u8>> {
    let name = hickory_proto::rr::Name::from_labels(question.name.labels()).ok()?;
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(name, RecordType::from(question.rtype)));
    let mut edns = Edns::new();
    edns.set_max_payload(1232);
    if let Some((address, prefix)) = question.subnet {
        let subnet = ClientSubnet::new(address, prefix, 0);
        edns.options_mut().insert(EdnsOption::Subnet(subnet));
    }
    message.set_edns(edns);
    message.to_vec().ok()
}

/// Reads a reply; `None` if the bytes are none.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<Reply> {
    let message = Message::from_vec(bytes).ok()?;
    let scope = message
        .edns
        .as_ref()
        .and_then(|edns| match edns.option(EdnsCode::Subnet) {
            Some(EdnsOption::Subnet(subnet)) => Some(subnet.scope_prefix()),
            _ => None,
        });
    Some(Reply {
        id: message.metadata.id,
        rcode: u16::from(message.metadata.response_code),
        addresses: message
            .answers
            .iter()
            .filter_map(|record| address(&record.data))
            .collect(),
        ttl: message.answers.first().map(|record| record.ttl),
        scope,
    })
}

fn address(data: &RData) -> Option<IpAddr> {
    data.ip_addr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_carries_name_type_and_subnet() {
        let question = Question {
            name: Name::parse("api.example.org").unwrap(),
            rtype: 1,
            subnet: Some(("198.51.100.0".parse().unwrap(), 24)),
        };
        let bytes = encode(7, &question).unwrap();
        assert_eq!(bytes[..2], [0, 7]);
        assert_eq!(&bytes[12..29], b"\x03api\x07example\x03org\0");
        // Option 8, 7 octets: family 1, source 24, scope 0, three octets of address.
        assert!(
            bytes.ends_with(&[0, 8, 0, 7, 0, 1, 24, 0, 198, 51, 100]),
            "{bytes:?}"
        );
    }

    #[test]
    fn noise_is_no_reply() {
        assert_eq!(decode(b"noise"), None);
    }
}
