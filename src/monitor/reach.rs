//! Addresses that no client and no probe can reach, whatever stands behind them.
//!
//! Such an address is a slip of the pen or a machine's own idea of itself, and no answer. A probe of one fails without being
//! sent, for what the kernel makes of the attempt differs from kind to kind and says nothing. What
//! only *some* can reach (a private network, a NAT64 prefix, documentation) is not known here: an internal service has reasons for
//! those.
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why nobody can reach an address, if nobody can.
#[must_use]
pub fn obstacle(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => obstacle_v4(address),
        IpAddr::V6(address) => obstacle_v6(address),
    }
}

fn obstacle_v4(address: Ipv4Addr) -> Option<&'static str> {
    match address.octets() {
        [0, ..] => Some("0.0.0.0/8 means \"this network\" and is no destination (RFC 1122)"),
        [169, 254, ..] => Some("169.254.0.0/16 is link-local: no router passes it on (RFC 3927)"),
        [255, 255, 255, 255] => Some("it is the broadcast address (RFC 919)"),
        [240..=255, ..] => Some("240.0.0.0/4 is reserved and not routed (RFC 1112)"),
        _ => None,
    }
}

fn obstacle_v6(address: Ipv6Addr) -> Option<&'static str> {
    match address.segments() {
        [0xfe80..=0xfebf, ..] => {
            Some("fe80::/10 is link-local: it means nothing without an interface (RFC 4291)")
        }
        [0xfec0..=0xfeff, ..] => Some("fec0::/10 is site-local, and no more in use (RFC 3879)"),
        [0x100, 0, 0, 0, ..] => Some("100::/64 discards what is sent to it (RFC 6666)"),
        [0, 0, 0, 0, 0, 0, 0, 1] => None,
        [0, 0, 0, 0, 0, 0, ..] => Some(
            "::/96 held IPv4 addresses, and is no more in use (RFC 4291): write the IPv4 address",
        ),
        _ => None,
    }
}

/// Why many clients cannot reach an address, if they cannot: tunnels whose relays are gone.
#[must_use]
pub fn doubt(address: IpAddr) -> Option<&'static str> {
    let IpAddr::V6(address) = address else {
        return None;
    };
    match address.segments() {
        [0x2002, ..] => Some("a 6to4 address: its public relays are withdrawn (RFC 7526)"),
        [0x2001, 0, ..] => {
            Some("a Teredo address: its relays are gone, and systems pass it over (RFC 6724)")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_can_reach_and_what_somebody_can() {
        let none = [
            "0.0.0.3",
            "0.255.255.255",
            "169.254.0.1",
            "169.254.255.255",
            "240.0.0.1",
            "254.255.255.255",
            "255.255.255.255",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "feff::1",
            "100::1",
            "::2",
            "::192.0.2.1",
        ];
        for address in none {
            assert!(obstacle(address.parse().unwrap()).is_some(), "{address}");
        }
        let some = [
            "1.0.0.1",
            "10.0.0.1",
            "127.0.0.1",
            "169.253.0.1",
            "169.255.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "223.255.255.255",
            "::1",
            "2001:db8::1",
            "fd00::1",
            "fe00::1",
            "64:ff9b::c000:201",
            "100:0:0:1::1",
            "2002::1",
            "2001::1",
        ];
        for address in some {
            assert_eq!(obstacle(address.parse().unwrap()), None, "{address}");
        }
    }

    #[test]
    fn tunnels_without_relays_are_doubtful() {
        for (address, doubtful) in [
            ("2002:c000:204::1", true),
            ("2001:0:c000:201::1", true),
            ("2001:db8::1", false),
            ("2001:1::1", false),
            ("2003::1", false),
            ("192.0.2.1", false),
        ] {
            assert_eq!(
                doubt(address.parse().unwrap()).is_some(),
                doubtful,
                "{address}"
            );
        }
    }
}
