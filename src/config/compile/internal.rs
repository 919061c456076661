//! Regions for internal networks alone, to which the public is not sent.
//!
//! Whoever claims nothing but private networks (an office, a data centre's inside) has addresses there that the public cannot
//! reach, or must not. So such a region takes no failover unless the config says `takes_failover = true`, or names it in the
//! list or the weights that are for all clients. A service without another region keeps it all the same: it always
//! has an answer. For a strict service that is a matter of each jurisdiction.
use super::places::{Places, network};
use super::region_sorting::RegionSorting;
use crate::base::RegionId;
use crate::config::diagnostic::{Diagnostics, Gap};
use crate::config::spec::{Serves, Spec};
use crate::geo::Network;
use crate::plan::Residency;

/// Tells whether claims are of internal networks and of nothing else.
pub(super) fn are_internal(claims: &[Serves]) -> bool {
    let networks = claims.iter().map(network);
    !claims.is_empty()
        && networks
            .into_iter()
            .all(|one| one.is_some_and(Network::is_internal))
}

/// The regions of a service that the public is not sent to, though nobody says so.
pub(super) fn closed(
    (regions, residency): (&[RegionId], Residency),
    (claims, sorting): (&[Vec<Serves>], &RegionSorting),
    places: &Places<'_>,
) -> Vec<RegionId> {
    let is_named = |region: &RegionId| match sorting {
        RegionSorting::Order(order) => order.contains(region),
        RegionSorting::Weight(weights) => weights[region.index()] > 0,
        RegionSorting::Place | RegionSorting::Nearest => false,
    };
    let is_internal = |region: &RegionId| {
        let said = places.said_failover[region.index()];
        said.is_none() && are_internal(&claims[region.index()]) && !is_named(region)
    };
    let is_open = |region: &RegionId| {
        let said = places.said_failover[region.index()];
        said != Some(false) && !is_internal(region)
    };
    let law_of = |region: &RegionId| places.regions[region.index()].jurisdiction;
    let has_other = |region: &RegionId| {
        let open = regions.iter().filter(|other| is_open(other));
        let mut others = open.map(law_of);
        match residency {
            Residency::Any | Residency::Prefer => others.next().is_some(),
            Residency::Strict => others.any(|law| law == law_of(region)),
        }
    };
    let regions = regions
        .iter()
        .filter(|one| is_internal(one) && has_other(one));
    regions.copied().collect()
}

/// Warns of fallback to a region where nobody but internal networks is sent.
pub(super) fn check(spec: &Spec, places: &Places<'_>, found: &mut Diagnostics) {
    let lists = spec.regions.iter().flat_map(|region| &region.fallback);
    for named in lists {
        let mut regions = places.regions.iter();
        let Some(place) = regions.position(|region| region.name == named.value) else {
            continue;
        };
        if places.said_failover[place].is_none() && are_internal(&places.claims[place]) {
            found
                .warn(&named.at, format!("`{}` takes no failover", named.value))
                .label("it claims internal networks alone")
                .help("say `takes_failover = true` there if others may be sent to it")
                .rests_on(Gap::Content("regions"));
        }
    }
}
