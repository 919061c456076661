//! Address records as a reply gives them, made once for many replies.
//!
//! Records of one family, one after the other, all of one length: owner (a pointer to the
//! question), type, class, TTL (zero) and address. A reply copies them as they are and sets what
//! depends on it: the TTL, and the owner where that is not the question.
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::rr::{class, rtype};
use super::rrset::{HEAD_BYTES, TO_QUESTION};
use crate::base::Family;

/// Appends the record of one address.
pub fn put(address: IpAddr, records: &mut Vec<u8>) {
    let kind = match address {
        IpAddr::V4(_) => rtype::A,
        IpAddr::V6(_) => rtype::AAAA,
    };
    records.extend_from_slice(&TO_QUESTION);
    records.extend_from_slice(&kind.to_be_bytes());
    records.extend_from_slice(&class::IN.to_be_bytes());
    records.extend_from_slice(&[0; 4]);
    match address {
        IpAddr::V4(address) => {
            records.extend_from_slice(&[0, 4]);
            records.extend_from_slice(&address.octets());
        }
        IpAddr::V6(address) => {
            records.extend_from_slice(&[0, 16]);
            records.extend_from_slice(&address.octets());
        }
    }
}

/// Octets of one record.
#[must_use]
pub const fn record_bytes(family: Family) -> usize {
    match family {
        Family::V4 => HEAD_BYTES + 4,
        Family::V6 => HEAD_BYTES + 16,
    }
}

/// The addresses in records that [`put`] has made, all of one family, in their order.
pub fn read(family: Family, records: &[u8]) -> impl Iterator<Item = IpAddr> {
    records
        .chunks_exact(record_bytes(family))
        .map(move |record| match family {
            Family::V4 => IpAddr::V4(Ipv4Addr::from(last(record))),
            Family::V6 => IpAddr::V6(Ipv6Addr::from(last(record))),
        })
}

fn last<const N: usize>(record: &[u8]) -> [u8; N] {
    record.last_chunk().copied().unwrap_or([0; N])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_read() {
        let v4: Vec<IpAddr> = vec!["192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap()];
        let v6: Vec<IpAddr> = vec!["2001:db8::1".parse().unwrap()];
        for (family, addresses) in [(Family::V4, v4), (Family::V6, v6)] {
            let mut records = Vec::new();
            for &address in &addresses {
                put(address, &mut records);
            }
            assert_eq!(records.len(), addresses.len() * record_bytes(family));
            assert_eq!(read(family, &records).collect::<Vec<_>>(), addresses);
        }
        let mut one = Vec::new();
        put("192.0.2.9".parse().unwrap(), &mut one);
        assert_eq!(
            one,
            b"\xC0\x0C\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04\xC0\x00\x02\x09"
        );
    }
}
