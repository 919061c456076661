//! The client subnet option (ECS, RFC 7871), read strictly.
//!
//! A resolver that gets it wrong would cache one client's answer for another, so whatever the
//! RFC does not allow in a query is malformed: a scope, an unknown family, a prefix longer than
//! the address, octets too few or too many, and bits behind the prefix (sections 6 and 7.1.1).
//!
//! What is done with a subnet, and which scope is right, is not known here.
use std::net::IpAddr;

use super::OPTION_SUBNET;
use crate::dns::query::{Malformed, take_u8, take_u16};

/// The client subnet option of a query (RFC 7871, section 6), checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// 1 for IPv4, 2 for IPv6, 0 for neither (then the prefix is 0 as well).
    pub family: u16,
    /// How many leading bits of the address count: 0 to 32, or to 128.
    pub source_prefix: u8,
    /// Octets of the address that the prefix reaches into: 0 to 16.
    octets: u8,
    address: [u8; 16],
}

impl Subnet {
    /// Reads the option's data: family, source and scope prefix length, address.
    pub(super) fn read(data: &[u8]) -> Result<Self, Malformed> {
        let mut rest = data;
        let family = take_u16(&mut rest)?;
        let source_prefix = take_u8(&mut rest)?;
        let scope_prefix = take_u8(&mut rest)?;
        let longest = match family {
            0 => 0,
            1 => 32,
            2 => 128,
            _ => return Err(Malformed),
        };
        let octets = source_prefix.div_ceil(8);
        let exact = rest.len() == usize::from(octets);
        if scope_prefix != 0 || source_prefix > longest || !exact {
            return Err(Malformed);
        }
        // Only the last octet can have bits behind the prefix.
        let beyond = match source_prefix % 8 {
            0 => 0,
            used => rest.last().map_or(0, |last| last << used),
        };
        if beyond != 0 {
            return Err(Malformed);
        }
        let mut address = [0; 16];
        address[..rest.len()].copy_from_slice(rest);
        Ok(Self {
            family,
            source_prefix,
            octets,
            address,
        })
    }

    /// The address that the client wants the answer for, zero beyond the prefix; `None` if it
    /// wants none of its address to count (RFC 7871, section 7.1.2).
    #[must_use]
    pub fn client(&self) -> Option<IpAddr> {
        match (self.family, self.source_prefix) {
            (_, 0) => None,
            (1, _) => {
                let [a, b, c, d, ..] = self.address;
                Some(IpAddr::from([a, b, c, d]))
            }
            _ => Some(IpAddr::from(self.address)),
        }
    }

    pub(super) fn address_octets(&self) -> &[u8] {
        &self.address[..usize::from(self.octets).min(16)]
    }

    /// The option in a reply, up to the address.
    #[inline]
    pub(super) fn option_head(&self, scope: u8) -> [u8; 8] {
        let [c0, c1] = OPTION_SUBNET.to_be_bytes();
        let length = 4 + self.octets;
        let [f0, f1] = self.family.to_be_bytes();
        [c0, c1, 0, length, f0, f1, self.source_prefix, scope]
    }

    /// Octets of the option's data.
    pub(super) fn data_bytes(&self) -> usize {
        4 + usize::from(self.octets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(data: &[u8]) -> Result<Subnet, Malformed> {
        Subnet::read(data)
    }

    #[test]
    fn well_formed_subnets_are_read() {
        let v4 = subnet(&[0, 1, 24, 0, 192, 0, 2]).unwrap();
        assert_eq!(v4.client(), Some("192.0.2.0".parse().unwrap()));
        let odd = subnet(&[0, 1, 17, 0, 10, 1, 0x80]).unwrap();
        assert_eq!(odd.client(), Some("10.1.128.0".parse().unwrap()));
        let v6 = subnet(&[0, 2, 32, 0, 0x20, 0x01, 0x0D, 0xB8]).unwrap();
        assert_eq!(v6.client(), Some("2001:db8::".parse().unwrap()));
        let whole = subnet(&[0, 1, 32, 0, 1, 2, 3, 4]).unwrap();
        assert_eq!(whole.client(), Some("1.2.3.4".parse().unwrap()));
        let mut host = [0xFF; 20];
        host[..4].copy_from_slice(&[0, 2, 128, 0]);
        assert!(subnet(&host).unwrap().client().is_some());
        for none in [[0, 0, 0, 0], [0, 1, 0, 0], [0, 2, 0, 0]] {
            assert_eq!(subnet(&none).unwrap().client(), None);
        }
    }

    #[test]
    fn malformed_subnets_are_refused() {
        for (why, data) in [
            ("empty", &[][..]),
            ("cut short", &[0, 1, 24]),
            ("unknown family", &[0, 3, 0, 0]),
            ("family 0 with a prefix", &[0, 0, 8, 0, 1]),
            ("IPv4 prefix above 32", &[0, 1, 33, 0, 1, 2, 3, 4, 0x80]),
            ("scope in a query", &[0, 1, 24, 1, 192, 0, 2]),
            ("too few octets", &[0, 1, 24, 0, 192, 0]),
            ("too many octets", &[0, 1, 24, 0, 192, 0, 2, 0]),
            ("octets without a prefix", &[0, 1, 0, 0, 0]),
            ("bits beyond the prefix", &[0, 1, 20, 0, 192, 0, 0x1F]),
            ("bits beyond an IPv6 prefix", &[0, 2, 9, 0, 0x20, 0x40]),
        ] {
            assert_eq!(subnet(data), Err(Malformed), "{why}");
        }
        let mut long = [0; 21];
        long[..4].copy_from_slice(&[0, 2, 129, 0]);
        assert_eq!(subnet(&long), Err(Malformed), "IPv6 prefix above 128");
    }
}
