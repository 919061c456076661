//! EDNS: the OPT record of a query read in place, and the one of the reply (RFC 6891).
//!
//! Three things are taken from a query's options: whether it asks for the server's identity
//! (NSID, RFC 5001), the client subnet (ECS, RFC 7871), and whether the options are well
//! formed. Unknown options are passed over (RFC 6891, section 6.1.2). ECS is read strictly,
//! because a resolver that gets it wrong would cache one client's answer for another.
//!
//! What is done with a subnet, and which scope is right, is not known here.
use std::net::IpAddr;

use super::query::{Malformed, take, take_u8, take_u16};
use crate::base::limits::UDP_REPLY_BYTES_PLAIN;

const OPTION_NSID: u16 = 3;
const OPTION_SUBNET: u16 = 8;
const FLAG_DNSSEC_OK: u16 = 0x8000;
/// Root owner, type, class, TTL and RDLENGTH.
const OPT_BYTES: usize = 11;
const OPTION_HEAD_BYTES: usize = 4;

/// What the OPT record of a query says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edns {
    /// Largest UDP reply that the client takes, octets; at least 512.
    pub payload: u16,
    /// EDNS version; only 0 is known.
    pub version: u8,
    /// Whether the client understands DNSSEC records (RFC 3225).
    pub dnssec_ok: bool,
    /// Whether it asks who the server is.
    pub nsid: bool,
    /// The network it asks for.
    pub subnet: Option<Subnet>,
}

/// The client subnet option of a query (RFC 7871, section 6), checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// 1 for IPv4, 2 for IPv6, 0 for neither (then the prefix is 0 as well).
    pub family: u16,
    /// How many leading bits of the address count: 0 to 32, or to 128.
    pub source_prefix: u8,
    address: [u8; 16],
}

/// What the OPT record of a reply says.
#[derive(Clone, Copy, Debug)]
pub struct Opt<'a> {
    /// Largest UDP query that the server takes, octets.
    pub payload: u16,
    /// Echo of the query's DO bit (RFC 3225, section 3).
    pub dnssec_ok: bool,
    /// The server's identity, if it was asked for and there is one.
    pub nsid: Option<&'a [u8]>,
    /// The subnet of the query.
    pub subnet: Option<&'a Subnet>,
    /// How many bits of it the answer depends on.
    pub scope: u8,
}

impl Edns {
    /// Reads the fixed part: CLASS holds the payload size, TTL version and flags.
    pub(super) fn from_head(class: u16, ttl: [u8; 4]) -> Self {
        let plain = u16::try_from(UDP_REPLY_BYTES_PLAIN).unwrap_or(u16::MAX);
        Self {
            payload: class.max(plain),
            version: ttl[1],
            dnssec_ok: u16::from_be_bytes([ttl[2], ttl[3]]) & FLAG_DNSSEC_OK != 0,
            nsid: false,
            subnet: None,
        }
    }

    /// Reads the options. After an error none of them counts.
    pub(super) fn read_options(&mut self, rdata: &[u8]) -> Result<(), Malformed> {
        let (mut nsid, mut subnet) = (false, None);
        let mut rest = rdata;
        while !rest.is_empty() {
            let code = take_u16(&mut rest)?;
            let length = take_u16(&mut rest)?;
            let data = take(&mut rest, usize::from(length))?;
            match code {
                OPTION_NSID => nsid = true,
                OPTION_SUBNET if subnet.is_some() => return Err(Malformed),
                OPTION_SUBNET => subnet = Some(Subnet::read(data)?),
                _ => {}
            }
        }
        (self.nsid, self.subnet) = (nsid, subnet);
        Ok(())
    }
}

impl Subnet {
    /// Reads the option's data: family, source and scope prefix length, address.
    fn read(data: &[u8]) -> Result<Self, Malformed> {
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
        let exact = rest.len() == usize::from(source_prefix).div_ceil(8);
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

    fn address_octets(&self) -> &[u8] {
        &self.address[..usize::from(self.source_prefix).div_ceil(8).min(16)]
    }

    fn option_bytes(&self) -> usize {
        OPTION_HEAD_BYTES + 4 + self.address_octets().len()
    }
}

impl Opt<'_> {
    /// Octets of the record.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let nsid = self.nsid.map_or(0, |id| OPTION_HEAD_BYTES + id.len());
        let subnet = self.subnet.map_or(0, Subnet::option_bytes);
        OPT_BYTES + nsid + subnet
    }

    /// Writes the record with the upper eight bits of `rcode` in its TTL; `out` has exactly
    /// [`Opt::bytes`] octets.
    pub(super) fn write(&self, rcode: u16, out: &mut [u8]) {
        let length = small(out.len() - OPT_BYTES);
        let mut rest = out;
        let [t0, t1] = super::rr::rtype::OPT.to_be_bytes();
        let [p0, p1] = self.payload.to_be_bytes();
        let [extended, _] = (rcode << 4).to_be_bytes();
        let dnssec_ok = if self.dnssec_ok { FLAG_DNSSEC_OK } else { 0 };
        let [f0, f1] = dnssec_ok.to_be_bytes();
        let [l0, l1] = length;
        put(&mut rest, &[0, t0, t1, p0, p1, extended, 0, f0, f1, l0, l1]);
        if let Some(identity) = self.nsid {
            put(&mut rest, &OPTION_NSID.to_be_bytes());
            put(&mut rest, &small(identity.len()));
            put(&mut rest, identity);
        }
        if let Some(subnet) = self.subnet {
            let [c0, c1] = OPTION_SUBNET.to_be_bytes();
            let [l0, l1] = small(subnet.option_bytes() - OPTION_HEAD_BYTES);
            let [f0, f1] = subnet.family.to_be_bytes();
            put(
                &mut rest,
                &[c0, c1, l0, l1, f0, f1, subnet.source_prefix, self.scope],
            );
            put(&mut rest, subnet.address_octets());
        }
    }
}

/// Writes to the front of a place that is known to be large enough.
fn put(rest: &mut &mut [u8], octets: &[u8]) {
    if let Some(room) = rest.split_off_mut(..octets.len()) {
        room.copy_from_slice(octets);
    }
}

fn small(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(rdata: &[u8]) -> Result<Edns, Malformed> {
        let mut edns = Edns::from_head(1232, [0, 0, 0x80, 0]);
        edns.read_options(rdata).map(|()| edns)
    }

    fn subnet(data: &[u8]) -> Result<Subnet, Malformed> {
        Subnet::read(data)
    }

    #[test]
    fn a_small_payload_counts_as_512() {
        assert_eq!(Edns::from_head(0, [0; 4]).payload, 512);
        assert_eq!(Edns::from_head(511, [0; 4]).payload, 512);
        assert_eq!(Edns::from_head(4096, [0; 4]).payload, 4096);
        assert!(Edns::from_head(0, [0, 0, 0x80, 0]).dnssec_ok);
        assert!(!Edns::from_head(0, [0, 0, 0x7F, 0xFF]).dnssec_ok);
        assert_eq!(Edns::from_head(0, [9, 3, 0, 0]).version, 3);
    }

    #[test]
    fn unknown_options_are_passed_over_and_lying_lengths_are_not() {
        let good = options(&[0xFF, 0xFE, 0, 2, 1, 2, 0, 3, 0, 0]).unwrap();
        assert!(good.nsid);
        assert_eq!(good.subnet, None);
        for bad in [&[0][..], &[0, 3, 0], &[0, 3, 0, 1], &[0, 10, 0xFF, 0xFF, 1]] {
            assert_eq!(options(bad), Err(Malformed), "{bad:?}");
        }
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

    #[test]
    fn two_subnets_are_one_too_many() {
        let option = [0, 8, 0, 4, 0, 1, 0, 0];
        assert!(options(&option).unwrap().subnet.is_some());
        assert_eq!(options(&[option, option].concat()), Err(Malformed));
    }

    #[test]
    fn the_reply_echoes_what_it_must() {
        let opt = Opt {
            payload: 1232,
            dnssec_ok: true,
            nsid: Some(b"fra1"),
            subnet: Some(&subnet(&[0, 1, 20, 0, 192, 0, 0x10]).unwrap()),
            scope: 16,
        };
        let mut out = vec![0xAA; opt.bytes()];
        opt.write(16, &mut out);
        let expected = [
            &[0, 0, 41, 0x04, 0xD0, 1, 0, 0x80, 0, 0, 19][..],
            &[0, 3, 0, 4, b'f', b'r', b'a', b'1'],
            &[0, 8, 0, 7, 0, 1, 20, 16, 192, 0, 0x10],
        ];
        assert_eq!(out, expected.concat());
    }
}
