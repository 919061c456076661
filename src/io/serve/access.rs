//! The one access decision, asked before a query is read, on every transport.
//!
//! It refuses senders that no reply can reach: such packets are mistakes or forgeries, and a
//! reply to them would only trouble a third party. It keeps nothing and knows nothing of DNS;
//! packets that are themselves replies are dropped where they are read (`answer`).
use std::net::{IpAddr, SocketAddr};

/// The decision on a sender: is its query read at all?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// It is.
    Granted,
    /// It is not, and nothing is sent back.
    Refused,
}

/// Decides on a sender.
pub(super) fn decide(source: SocketAddr) -> Access {
    let address = source.ip().to_canonical();
    let unreachable = source.port() == 0
        || address.is_unspecified()
        || address.is_multicast()
        || matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    if unreachable {
        Access::Refused
    } else {
        Access::Granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_that_cannot_be_reached_are_refused() {
        for (source, access) in [
            ("192.0.2.1:53", Access::Granted),
            ("[2001:db8::1]:4000", Access::Granted),
            ("192.0.2.1:0", Access::Refused),
            ("0.0.0.0:53", Access::Refused),
            ("224.0.0.251:5353", Access::Refused),
            ("255.255.255.255:53", Access::Refused),
            ("[::]:53", Access::Refused),
            ("[ff02::1]:53", Access::Refused),
            ("[::ffff:224.0.0.1]:53", Access::Refused),
        ] {
            assert_eq!(decide(source.parse().unwrap()), access, "{source}");
        }
    }
}
