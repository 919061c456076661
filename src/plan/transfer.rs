//! Who gets a zone from here, and where a zone comes from.
use std::net::{IpAddr, SocketAddr};

use crate::base::{JurisdictionId, Span};
use crate::geo::Network;

/// Who gets a zone, and as what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Who may have it: whoever fits one of these.
    pub to: Vec<Allowed>,
    /// Who is told of changes.
    pub notify: Vec<SocketAddr>,
    /// The key (index in [`super::Zoning::tsig`]) that signs what is told, and that every transfer
    /// must be signed with.
    pub key: Option<usize>,
    /// The client whose answers steered names are rendered as.
    pub render_for: IpAddr,
    /// The jurisdiction whose clients secondaries answer; absent = anybody, and hostnames of strict services are left
    /// out of what they are given.
    pub render_strict: Option<JurisdictionId>,
    /// Least time between two versions.
    pub min_interval: Span,
    /// Where notifications leave from.
    pub sources: Sources,
}

/// One who may have a zone: both must fit, where both are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// Where the request comes from.
    pub network: Option<Network>,
    /// The key (index in [`super::Zoning::tsig`]) that it is signed with.
    pub key: Option<usize>,
}

/// What became of a request for a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// It is granted.
    Granted,
    /// It is not.
    Refused,
}

/// Where a zone comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// Primaries, in the order in which they are asked.
    pub primaries: Vec<SocketAddr>,
    /// The key (index in [`super::Zoning::tsig`]) that requests and replies are signed with.
    pub key: Option<usize>,
    /// Octets that one transfer may have, as they come; one that has more is given up.
    pub max_size: u64,
    /// Where requests leave from.
    pub sources: Sources,
}

/// The addresses that this server's own requests to other servers may leave from: those of the config's `source`, otherwise
/// those that it listens on. Whoever is asked knows us by them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources(pub Vec<IpAddr>);

impl Sources {
    /// The address to leave from towards a target; `None` = as the system's routes have it.
    ///
    /// It is of the target's family. A loopback address reaches nothing but this machine, so that
    /// one is no source for anything else, and on this machine it comes before others. Where
    /// several are as good, none is.
    #[must_use]
    pub fn towards(&self, target: IpAddr) -> Option<IpAddr> {
        let target = target.to_canonical();
        let only = |is_loopback: bool| {
            let mut fit = self.0.iter().filter(|one| {
                one.is_ipv4() == target.is_ipv4() && one.is_loopback() == is_loopback
            });
            let one = fit.next().copied()?;
            fit.all(|other| *other == one).then_some(one)
        };
        let near = target.is_loopback().then(|| only(true)).flatten();
        near.or_else(|| only(false))
            .filter(|source| !source.is_unspecified())
    }
}

impl Incoming {
    /// Tells that an address is a primary's.
    #[must_use]
    pub fn is_primary(&self, source: IpAddr) -> bool {
        let source = source.to_canonical();
        self.primaries.iter().any(|one| one.ip() == source)
    }

    /// Tells that whoever is at an address, signing with that key if any, may say that the zone has changed.
    #[must_use]
    pub fn may_tell(&self, source: IpAddr, key: Option<usize>) -> bool {
        self.is_primary(source) && (self.key.is_none() || self.key == key)
    }
}

impl Outgoing {
    /// Whether a client there, signing with that key if any, may have the zone.
    #[must_use]
    pub fn rule(&self, source: IpAddr, key: Option<usize>) -> Rule {
        let source = source.to_canonical();
        let fits = |allowed: &Allowed| {
            allowed
                .network
                .is_none_or(|network| network.contains(source))
                && (allowed.key.is_none() || allowed.key == key)
        };
        let is_signed = self.key.is_none() || self.key == key;
        match is_signed && self.to.iter().any(fits) {
            true => Rule::Granted,
            false => Rule::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing(key: Option<usize>, to: &[(Option<&str>, Option<usize>)]) -> Outgoing {
        let allowed = to.iter().map(|(network, key)| Allowed {
            network: network.and_then(Network::parse),
            key: *key,
        });
        Outgoing {
            to: allowed.collect(),
            notify: Vec::new(),
            key,
            render_for: IpAddr::from([0, 0, 0, 0]),
            render_strict: None,
            min_interval: Span::ZERO,
            sources: Sources::default(),
        }
    }

    #[test]
    fn one_entry_must_fit_wholly() {
        let rules = outgoing(
            None,
            &[
                (Some("192.0.2.0/24"), None),
                (None, Some(0)),
                (Some("2001:db8::/32"), Some(1)),
            ],
        );
        for (source, key, rule) in [
            ("192.0.2.9", None, Rule::Granted),
            ("::ffff:192.0.2.9", None, Rule::Granted),
            ("192.0.2.9", Some(2), Rule::Granted),
            ("198.51.100.1", None, Rule::Refused),
            ("198.51.100.1", Some(0), Rule::Granted),
            ("198.51.100.1", Some(1), Rule::Refused),
            ("2001:db8::1", Some(1), Rule::Granted),
            ("2001:db8::1", None, Rule::Refused),
        ] {
            let found = rules.rule(source.parse().unwrap(), key);
            assert_eq!(found, rule, "{source} {key:?}");
        }
    }

    #[test]
    fn a_key_for_all_is_needed_by_all() {
        let rules = outgoing(Some(0), &[(Some("0.0.0.0/0"), None)]);
        let source = "192.0.2.1".parse().unwrap();
        assert_eq!(rules.rule(source, None), Rule::Refused);
        assert_eq!(rules.rule(source, Some(1)), Rule::Refused);
        assert_eq!(rules.rule(source, Some(0)), Rule::Granted);
    }

    #[test]
    fn what_leaves_has_the_one_address_that_fits() {
        for (sources, target, expected) in [
            ("", "192.0.2.9", None),
            ("192.0.2.1 2001:db8::1", "192.0.2.9", Some("192.0.2.1")),
            ("192.0.2.1 2001:db8::1", "2001:db8::9", Some("2001:db8::1")),
            (
                "192.0.2.1 2001:db8::1",
                "::ffff:192.0.2.9",
                Some("192.0.2.1"),
            ),
            ("192.0.2.1", "2001:db8::9", None),
            ("192.0.2.1", "127.0.0.9", Some("192.0.2.1")),
            ("192.0.2.1 192.0.2.1", "192.0.2.9", Some("192.0.2.1")),
            ("192.0.2.1 192.0.2.2", "192.0.2.9", None),
            ("127.0.0.1", "192.0.2.9", None),
            ("127.0.0.1 192.0.2.1", "192.0.2.9", Some("192.0.2.1")),
            ("127.0.0.1 192.0.2.1", "127.0.0.9", Some("127.0.0.1")),
            ("::1", "::1", Some("::1")),
            ("0.0.0.0", "192.0.2.9", None),
        ] {
            let addresses = sources.split(' ').filter(|text| !text.is_empty());
            let found = Sources(addresses.map(|text| text.parse().unwrap()).collect());
            let expected: Option<IpAddr> = expected.map(|text| text.parse().unwrap());
            assert_eq!(
                found.towards(target.parse().unwrap()),
                expected,
                "{sources} to {target}"
            );
        }
    }
}
