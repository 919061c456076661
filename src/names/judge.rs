//! The part of an answer that is taken: a pure function of the answer and the rules.
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::fault::NameFault;
use super::{NAME_ADDRESSES, PrivateAddresses};
use crate::base::Span;
use crate::dns::Name;

/// Answers to a question for both families.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// By family.
    pub families: [Result<NameAnswer, LookupFailure>; 2],
}

/// An answer for one family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameAnswer {
    /// The names that its aliases led to, in order.
    pub chain: Vec<Name>,
    /// Addresses; none where the name has no such type.
    pub addresses: Vec<IpAddr>,
    /// The least TTL of all records of the answer.
    pub ttl: Span,
}

/// A reason why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookupFailure {
    /// There is no such name.
    Vanished,
    /// Its aliases lead in a circle.
    Loop,
    /// Another reason, for a person.
    Failed(String),
}

impl From<LookupFailure> for NameFault {
    fn from(failure: LookupFailure) -> Self {
        match failure {
            LookupFailure::Vanished => Self::Vanished,
            LookupFailure::Loop => Self::Loop,
            LookupFailure::Failed(why) => Self::Failed(why),
        }
    }
}

/// Takes of an answer what may be served, `before` first where there is too much of it; and the first thing that may not.
///
/// # Errors
/// The fault, if nothing of it may be taken.
pub(super) fn taken(
    found: &NameAnswer,
    (steered, private): (&BTreeSet<Name>, PrivateAddresses),
    before: &[IpAddr],
) -> Result<(Vec<IpAddr>, Option<NameFault>), NameFault> {
    if let Some(own) = found.chain.iter().find(|name| steered.contains(name)) {
        return Err(NameFault::Steered(own.clone()));
    }
    let (refused, mut addresses): (Vec<IpAddr>, Vec<IpAddr>) = found
        .addresses
        .iter()
        .partition(|address| is_unfit_address(**address, private));
    let fault = refused.first().copied().map(NameFault::Private);
    if let Some(fault) = fault.clone().filter(|_| addresses.is_empty()) {
        return Err(fault);
    }
    addresses.sort_unstable();
    addresses.dedup();
    // Of a name with many, those stay that are served already.
    addresses.sort_by_key(|address| !before.contains(address));
    addresses.truncate(NAME_ADDRESSES);
    addresses.sort_unstable();
    Ok((addresses, fault))
}

/// Tells that nobody may be sent to an address: it is no machine's, or of a private network where those are refused.
#[must_use]
pub fn is_unfit_address(address: IpAddr, private: PrivateAddresses) -> bool {
    let (nobody, inner) = match address.to_canonical() {
        IpAddr::V4(own) => (is_nobody_v4(own), is_inner_v4(own)),
        IpAddr::V6(own) => (is_nobody_v6(own), is_inner_v6(own)),
    };
    nobody || inner && private == PrivateAddresses::Refuse
}

fn is_nobody_v4(own: Ipv4Addr) -> bool {
    own.octets()[0] == 0 || own.is_multicast() || own.octets()[0] >= 240
}

fn is_nobody_v6(own: Ipv6Addr) -> bool {
    own.is_unspecified() || own.is_multicast()
}

/// Private networks (RFC 1918), shared ones (RFC 6598), link-local ones and loopback.
fn is_inner_v4(own: Ipv4Addr) -> bool {
    let [a, b, ..] = own.octets();
    let is_shared = a == 100 && b & 0xC0 == 64;
    own.is_private() || own.is_loopback() || own.is_link_local() || is_shared
}

/// Unique local addresses (RFC 4193), link-local ones and loopback.
fn is_inner_v6(own: Ipv6Addr) -> bool {
    own.is_loopback() || own.is_unique_local() || own.is_unicast_link_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(addresses: &[&str]) -> NameAnswer {
        NameAnswer {
            addresses: addresses.iter().map(|one| one.parse().unwrap()).collect(),
            ..NameAnswer::default()
        }
    }

    fn take(addresses: &[&str], private: PrivateAddresses) -> Result<Vec<String>, NameFault> {
        let taken = taken(&found(addresses), (&BTreeSet::new(), private), &[]);
        taken.map(|(own, _)| own.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn private_addresses_are_left_out_unless_they_are_wanted() {
        for address in [
            "10.1.2.3",
            "127.0.0.1",
            "169.254.1.1",
            "100.64.0.1",
            "192.168.0.1",
            "172.16.0.1",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
        ] {
            let fault = NameFault::Private(address.parse().unwrap());
            assert_eq!(
                take(&[address], PrivateAddresses::Refuse),
                Err(fault),
                "{address}"
            );
            assert_eq!(take(&[address], PrivateAddresses::Serve).unwrap().len(), 1);
            let rest = take(&[address, "192.0.2.1"], PrivateAddresses::Refuse);
            assert_eq!(rest.unwrap(), ["192.0.2.1"], "{address}");
        }
        for address in ["0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "ff02::1"] {
            assert!(
                take(&[address], PrivateAddresses::Serve).is_err(),
                "{address}"
            );
        }
        for address in ["192.0.2.1", "100.128.0.1", "172.32.0.1", "2001:db8::1"] {
            assert!(
                take(&[address], PrivateAddresses::Refuse).is_ok(),
                "{address}"
            );
        }
    }

    #[test]
    fn of_many_addresses_those_stay_that_are_served() {
        let all: Vec<String> = (1..=20).map(|last| format!("192.0.2.{last}")).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let before: Vec<IpAddr> = vec!["192.0.2.19".parse().unwrap()];
        let rules = (&BTreeSet::new(), PrivateAddresses::Refuse);
        let (taken, fault) = taken(&found(&all), rules, &before).unwrap();
        assert_eq!((taken.len(), fault), (NAME_ADDRESSES, None));
        assert!(taken.contains(&before[0]));
    }

    #[test]
    fn a_chain_through_a_steered_name_is_refused() {
        let own = Name::parse("www.example.org").unwrap();
        let steered = BTreeSet::from([own.clone()]);
        let found = NameAnswer {
            chain: vec![Name::parse("x.test").unwrap(), own.clone()],
            ..found(&["192.0.2.1"])
        };
        let taken = taken(&found, (&steered, PrivateAddresses::Refuse), &[]);
        assert_eq!(taken, Err(NameFault::Steered(own)));
    }
}
