//! An address with a prefix length, as operators write it.
//!
//! Decides what counts as a network in a config: CIDR notation, or a lone address, which stands
//! for itself. Host bits that are set are refused rather than cleared, since `198.51.100.7/24`
//! is more often a slip than a wish. An IPv4-mapped network (`::ffff:198.51.100.0/120`) becomes
//! the IPv4 network that it means, because clients in that form count as IPv4 too.
//!
//! It does not know what a network is for.
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::steps::Key;

/// Networks that are not routed on the Internet.
const INTERNAL: [&str; 9] = [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "fc00::/7",
    "fe80::/10",
    "::1/128",
];

/// A network in CIDR notation; host bits are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    /// Its first address.
    pub address: IpAddr,
    /// Prefix length: 0 to 32, or to 128.
    pub prefix: u8,
}

impl Network {
    /// Reads `198.51.100.0/24`, `2001:db8::/32` or a lone address; `None` for anything else,
    /// a prefix length out of range and host bits that are set included. IPv4-mapped networks
    /// become IPv4 ones.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address.parse().ok()?, parse_prefix(prefix)?),
            None => {
                let address = text.parse().ok()?;
                (address, width(address))
            }
        };
        let written = Self { address, prefix };
        (prefix <= width(address) && Self::around(address, prefix) == written)
            .then(|| written.unmapped())
    }

    /// The network of this prefix length around an address. A length beyond the family's
    /// counts as the longest.
    #[must_use]
    pub fn around(address: IpAddr, prefix: u8) -> Self {
        let prefix = prefix.min(width(address));
        let address = match address {
            IpAddr::V4(v4) => IpAddr::V4(v4.to_bits().first_of(prefix).into()),
            IpAddr::V6(v6) => IpAddr::V6(v6.to_bits().first_of(prefix).into()),
        };
        Self { address, prefix }
    }

    /// Whether an address of the same family lies inside.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        Self::around(address, self.prefix) == self
    }

    /// Tells whether it lies inside of a network that is not routed on the Internet: private (RFC 1918, RFC 4193), shared
    /// with a carrier (RFC 6598), of one link (RFC 3927, RFC 4291) or of the machine itself.
    #[must_use]
    pub fn is_internal(self) -> bool {
        let outer = INTERNAL.iter().filter_map(|text| Self::parse(text));
        let mut outer = outer.filter(|outer| outer.address.is_ipv4() == self.address.is_ipv4());
        outer.any(|outer| outer.prefix <= self.prefix && outer.contains(self.address))
    }

    fn unmapped(self) -> Self {
        match (self.address.to_canonical(), self.prefix.checked_sub(96)) {
            (address @ IpAddr::V4(_), Some(prefix)) if self.address.is_ipv6() => {
                Self { address, prefix }
            }
            _ => self,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.address, self.prefix)
    }
}

/// What is wrong with a text that is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a network in CIDR notation with its host bits zero")]
pub struct NotANetwork;

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        Self::parse(text).ok_or(NotANetwork)
    }
}

/// Digits only: `u8::from_str` would take a plus sign.
fn parse_prefix(text: &str) -> Option<u8> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn width(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => u32::WIDTH,
        IpAddr::V6(_) => u128::WIDTH,
    }
}

#[cfg(test)]
mod tests {
    use super::{INTERNAL, Network};

    #[test]
    fn internal_is_what_no_router_of_the_internet_knows() {
        let is_internal = |text: &str| Network::parse(text).unwrap().is_internal();
        for text in INTERNAL {
            assert!(is_internal(text), "{text}");
        }
        for text in [
            "10.10.4.0/24",
            "100.127.0.0/16",
            "fd12:3456::/48",
            "::ffff:10.0.0.0/104",
        ] {
            assert!(is_internal(text), "{text}");
        }
        for text in [
            "8.0.0.0/7",
            "172.32.0.0/16",
            "100.0.0.0/9",
            "192.0.2.0/24",
            "2001:db8::/32",
            "::/0",
        ] {
            assert!(!is_internal(text), "{text}");
        }
    }

    #[test]
    fn networks_read_and_write_alike() {
        for text in [
            "0.0.0.0/0",
            "198.51.100.0/24",
            "198.51.100.7/32",
            "::/0",
            "2001:db8::/32",
            "2001:db8::1/128",
        ] {
            assert_eq!(Network::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn lone_addresses_stand_for_themselves() {
        assert_eq!(Network::parse("192.0.2.1").unwrap().prefix, 32);
        assert_eq!(Network::parse("2001:db8::1").unwrap().prefix, 128);
    }

    #[test]
    fn mapped_networks_are_ipv4() {
        let read = |text: &str| Network::parse(text).unwrap().to_string();
        assert_eq!(read("::ffff:198.51.100.0/120"), "198.51.100.0/24");
        assert_eq!(read("::ffff:192.0.2.1"), "192.0.2.1/32");
        assert_eq!(read("::ffff:0:0/96"), "0.0.0.0/0");
    }

    #[test]
    fn slips_are_refused() {
        for text in [
            "",
            "/",
            "198.51.100.7/24",
            "2001:db8::1/32",
            "198.51.100.0/33",
            "2001:db8::/129",
            "198.51.100.0/",
            "198.51.100.0/+8",
            "198.51.100/24",
            "198.51.100.0/24 ",
            "198.51.100.0/256",
            "DE",
        ] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_network_contains_its_own_family_only() {
        let network = Network::parse("128.0.0.0/1").unwrap();
        assert!(network.contains("200.0.0.1".parse().unwrap()));
        assert!(!network.contains("100.0.0.1".parse().unwrap()));
        assert!(!network.contains("8000::1".parse().unwrap()));
    }
}
