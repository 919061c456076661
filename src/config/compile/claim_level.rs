//! Ranks of claims: of two regions that claim a client, the one that names its place more specifically serves it.
use crate::config::spec::Serves;
use crate::geo::{City, Place};

/// The level of a claim by network.
pub(super) const BY_NETWORK: u8 = 6;

/// Ranks how specifically a claim that is no network names a place.
pub(super) fn level(claim: &Serves, place: &Place) -> u8 {
    match claim {
        Serves::Asn(asn) if place.asn == Some(*asn) => 5,
        Serves::City(own) if own.has(place) => 4,
        Serves::Subdivision(own) if place.subdivision == Some(*own) => 3,
        Serves::Countries(list) if place.country.is_some_and(|one| list.contains(&one)) => 2,
        Serves::Continent(continent) if place.continent == Some(*continent) => 1,
        Serves::Network(_)
        | Serves::Asn(_)
        | Serves::Subdivision(_)
        | Serves::City(_)
        | Serves::Countries(_)
        | Serves::Continent(_) => 0,
    }
}

/// The city of a claim for one.
pub(super) fn city_of(claim: &Serves) -> Option<City> {
    match claim {
        Serves::City(own) => Some(own.city()),
        Serves::Network(_)
        | Serves::Asn(_)
        | Serves::Subdivision(_)
        | Serves::Countries(_)
        | Serves::Continent(_) => None,
    }
}
