//! The keyed hash of a client's network: all that steering knows of who asks.
use std::net::IpAddr;

use super::limits::COHORTS;
use super::{Draws, HashKey};

/// The keyed hash of a client's network (its /24 or /48).
///
/// Its [cohort](Self::cohort) says which of a thousand parts of the clients it is in. Where a thousand are too coarse (a
/// fleet), draws by the whole hash tell the clients of one cohort apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientHash(u64);

impl ClientHash {
    /// The hash of a client's network under a key.
    #[inline]
    #[must_use]
    pub fn of(key: HashKey, client: IpAddr) -> Self {
        let network = match client {
            IpAddr::V4(address) => u64::from(u32::from(address) >> 8),
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(address) => u64::from(u32::from(address) >> 8),
                None => (1 << 63) | (u64::try_from(u128::from(address) >> 80).unwrap_or(0)),
            },
        };
        Self(key.hash_u64(network))
    }

    /// The hash of some client.
    #[must_use]
    pub fn any(draws: &mut Draws) -> Self {
        Self(draws.next_u64())
    }

    /// Its cohort, between 0 and [`COHORTS`].
    #[inline]
    #[must_use]
    pub fn cohort(self) -> u16 {
        u16::try_from(self.0 % u64::from(COHORTS)).unwrap_or(0)
    }

    /// The client's own numbers for one purpose, which `seed` tells from others.
    #[must_use]
    pub fn draws(self, seed: u64) -> Draws {
        Draws::from_seed(self.0 ^ seed)
    }
}

/// One client of a cohort, which stands for it where all of a cohort get the same.
impl From<u16> for ClientHash {
    fn from(cohort: u16) -> Self {
        Self(cohort.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cohort_is_a_thousandth_of_the_hashes() {
        assert_eq!(ClientHash(123_456).cohort(), 456);
        assert_eq!(ClientHash::from(999).cohort(), 999);
    }

    #[test]
    fn all_of_a_network_have_one_hash() {
        let of = |client: &str| ClientHash::of(HashKey(7), client.parse().unwrap());
        assert_eq!(of("192.0.2.1"), of("192.0.2.200"));
        assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.9"));
        assert_ne!(of("192.0.2.1"), of("192.0.3.1"));
        assert_eq!(of("2001:db8:1::1"), of("2001:db8:1:ffff::1"));
        assert_ne!(of("2001:db8:1::1"), of("2001:db8:2::1"));
    }

    #[test]
    fn draws_differ_by_client_and_purpose() {
        let first = |hash, seed| ClientHash(hash).draws(seed).next_u64();
        assert_eq!(first(1, 2), first(1, 2));
        assert_ne!(first(1, 2), first(3, 2));
        assert_ne!(first(1, 2), first(1, 4));
    }
}
