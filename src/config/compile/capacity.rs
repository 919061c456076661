//! Demands with their regions resolved, and what capacities and demands say together.
//!
//! All of them are in one unit, which the operator chooses and nothing here knows. What states no
//! capacity is unlimited. What can be told from the text is told: figures that have no effect,
//! that contradict each other, or that cannot be met even while everything is healthy. Nothing of
//! it is an error, because whoever plans for growth or for an emergency may well mean it.
use std::collections::BTreeSet;
use std::ops::Range;

use super::places::Places;
use super::services::Draft;
use crate::base::{EndpointId, RegionId};
use crate::config::diagnostic::{Diagnostics, Gap};
use crate::config::spec::{DemandSpec, RegionSpec, ServiceSpec, Spec};
use crate::plan::{Demand, Endpoint};

/// How many times its part by capacity an endpoint's part by weight may be.
const CONTRADICTION: u64 = 2;

/// What the clients of a service ask for. A region where it has no endpoint is nobody's first,
/// so a demand that is stated there would be lost.
pub(super) fn demand(
    spec: &ServiceSpec,
    regions: &[RegionId],
    places: &Places<'_>,
    found: &mut Diagnostics,
) -> Demand {
    let Some(demand) = &spec.demand else {
        return Demand::Unstated;
    };
    let stated = match &demand.value {
        DemandSpec::Whole(amount) => return Demand::Whole(*amount),
        DemandSpec::Observed => return Demand::Observed,
        DemandSpec::ByRegion(stated) => stated,
    };
    if stated.is_empty() {
        found
            .error(&demand.at, "`demand` names no region")
            .help("write `demand = { eu-frankfurt = 800 }`, a number, or \"observed\"")
            .inferred();
    }
    let mut list = Vec::new();
    for (name, amount) in stated {
        let Some(place) = places.region_names.find(name, found) else {
            continue;
        };
        let region = RegionId::from_index(place);
        if !regions.contains(&region) && !regions.is_empty() {
            let service = &spec.name.value;
            let message = format!("service `{service}` has no endpoint in `{}`", name.value);
            found
                .error(&name.at, message)
                .help("demand is stated by the region that clients prefer first; nobody prefers this one")
                .inferred();
        }
        list.push((region, amount.value));
    }
    list.sort();
    Demand::ByRegion(list)
}

/// Warns of figures that have no effect or contradict each other.
pub(super) fn check(
    spec: &Spec,
    drafts: &[Draft<'_>],
    places: &Places<'_>,
    found: &mut Diagnostics,
) {
    for (place, region) in spec.regions.iter().enumerate() {
        check_region(RegionId::from_index(place), region, places, found);
    }
    let mut told = BTreeSet::new();
    for draft in drafts {
        for region in &draft.regions {
            for tier in tiers(draft, *region, places) {
                if told.insert(tier.iter().map(|one| &*one.name).collect::<Vec<_>>()) {
                    check_tier(&tier, *region, places, found);
                }
            }
        }
    }
    for draft in drafts {
        check_service(draft, places, found);
    }
    let silent = drafts.iter().filter(|draft| draft.spec.demand.is_none());
    let silent: Vec<String> = silent
        .map(|one| format!("`{}`", one.spec.name.value))
        .collect();
    let is_demanded = silent.len() < drafts.len();
    if let (true, false, Some(first)) = (is_demanded, silent.is_empty(), first_capacity(spec)) {
        let message = format!(
            "capacity is planned without what {} ask for",
            silent.join(", ")
        );
        found
            .warn(&first, message)
            .help("write `demand = 1200` or `demand = \"observed\"` in each service")
            .rests_on(Gap::Content("services"));
    }
    if let (false, Some(first)) = (is_demanded, first_capacity(spec)) {
        found
            .warn(&first, "capacities have no effect without a demand")
            .label(format!("none is stated by {}", silent.join(", ")))
            .help("write `demand = 1200` or `demand = \"observed\"` in a service")
            .rests_on(Gap::Content("regions"))
            .rests_on(Gap::Content("services"));
    }
}

/// A region can carry no more than its endpoints can, whosever they are.
fn check_region(id: RegionId, region: &RegionSpec, places: &Places<'_>, found: &mut Diagnostics) {
    let inside = places.endpoints.iter().filter(|one| one.region == id);
    let (Some(own), Some(sum)) = (&region.capacity, sum(inside)) else {
        return;
    };
    if u64::from(own.value) > sum {
        let name = &region.name.value;
        let message = format!(
            "`{name}` cannot carry {}: its endpoints carry {sum}",
            own.value
        );
        found.warn(&own.at, message).help(
            "state the region's capacity only where it is less than that of all its endpoints",
        );
    }
}

/// What all of some endpoints carry, if there are any and all of them say.
fn sum<'p>(endpoints: impl Iterator<Item = &'p Endpoint>) -> Option<u64> {
    let mut stated = endpoints.map(|one| one.capacity.map(u64::from)).peekable();
    stated.peek()?;
    stated.sum()
}

/// The endpoints of a service in a region by tier.
fn tiers<'p>(
    draft: &Draft<'_>,
    region: RegionId,
    places: &'p Places<'_>,
) -> Vec<Vec<&'p Endpoint>> {
    let mut endpoints: Vec<&Endpoint> = draft.endpoints_in(region, places).collect();
    endpoints.sort_by_key(|one| one.tier);
    endpoints
        .chunk_by(|one, other| one.tier == other.tier)
        .map(<[_]>::to_vec)
        .collect()
}

fn check_tier(tier: &[&Endpoint], region: RegionId, places: &Places<'_>, found: &mut Diagnostics) {
    let (stated, unstated): (Vec<&Endpoint>, Vec<&Endpoint>) =
        tier.iter().partition(|one| one.capacity.is_some());
    match (stated.is_empty(), unstated.first()) {
        (true, _) => {}
        (false, Some(first)) => {
            let number = first.tier;
            let region = &places.regions[region.index()].name;
            let message =
                format!("only some endpoints of tier {number} of `{region}` state a capacity");
            let names: Vec<&str> = unstated.iter().map(|one| &*one.name).collect();
            let Some(written) = places.written_of(&first.name) else {
                return;
            };
            found
                .warn(&written.name.at, message)
                .label(format!("without it: {}", names.join(", ")))
                .help("what states no capacity is unlimited, so this tier is never full")
                .rests_on(Gap::Content("regions"))
                .rests_on(Gap::Content("services"));
        }
        (false, None) => check_weights(tier, places, found),
    }
}

/// By weight an endpoint gets its part of the tier's clients, whatever it can carry.
fn check_weights(tier: &[&Endpoint], places: &Places<'_>, found: &mut Diagnostics) {
    let capacity = |one: &Endpoint| one.capacity.map_or(0, u64::from);
    let weights: u64 = tier.iter().map(|one| u64::from(one.weight)).sum();
    let capacities: u64 = tier.iter().map(|one| capacity(one)).sum();
    for one in tier {
        let written = places.written_of(&one.name);
        let Some(own) = written.and_then(|written| written.capacity.as_ref()) else {
            continue;
        };
        let by_weight = u64::from(one.weight) * capacities;
        let by_capacity = u64::from(own.value) * weights;
        if by_weight <= by_capacity.saturating_mul(CONTRADICTION) {
            continue;
        }
        let percent = |part: u64, whole: u64| part * 100 / whole.max(1);
        let message = format!(
            "`{}` gets {}% of its tier's clients by weight, and has {}% of its capacity",
            one.name,
            percent(u64::from(one.weight), weights),
            percent(u64::from(own.value), capacities),
        );
        found
            .warn(&own.at, message)
            .help("it is full long before the others: let weights follow capacities")
            .rests_on(Gap::Content("regions"))
            .rests_on(Gap::Content("services"));
    }
}

fn check_service(draft: &Draft<'_>, places: &Places<'_>, found: &mut Diagnostics) {
    let written = draft.spec;
    let name = &written.name.value;
    if let (Some(overload), None) = (&written.overload, &written.demand) {
        found
            .warn(&overload.at, "`overload` has no effect without `demand`")
            .help(format!(
                "write how much the clients of `{name}` ask for: `demand = 1200` or `demand = \"observed\"`"
            ))
            .rests_on(Gap::Content("regions"))
            .rests_on(Gap::Content("services"));
    }
    let Some(demand) = &written.demand else {
        return;
    };
    if draft.regions.is_empty() {
        return;
    }
    let states = |id: &EndpointId| places.endpoints[id.index()].capacity.is_some();
    let is_bounded = |region: &RegionId| places.regions[region.index()].capacity.is_some();
    if !draft.endpoints.iter().any(states) && !draft.regions.iter().any(is_bounded) {
        let message = format!("nothing that `{name}` can use states a capacity");
        found
            .warn(&demand.at, message)
            .label("so this has no effect")
            .help("write `capacity = 5000` in regions or endpoints, in the unit of the demand")
            .rests_on(Gap::Content("regions"))
            .rests_on(Gap::Content("services"));
    }
    warn_of_excess(draft, places, found);
}

/// More is asked for than all regions together carry.
fn warn_of_excess(draft: &Draft<'_>, places: &Places<'_>, found: &mut Diagnostics) {
    let Some(at) = draft.spec.demand.as_ref().map(|demand| &demand.at) else {
        return;
    };
    let asked = match &draft.demand {
        Demand::Unstated | Demand::Observed => return,
        Demand::Whole(amount) => u64::from(*amount),
        Demand::ByRegion(list) => list.iter().map(|(_, amount)| u64::from(*amount)).sum(),
    };
    let regions = draft.regions.iter();
    let carried = regions.map(|region| carries(draft, *region, places));
    let Some(carried) = carried.sum::<Option<u64>>() else {
        return;
    };
    if asked > carried {
        let name = &draft.spec.name.value;
        let all = places.regions.len() == draft.regions.len();
        let whose = if all {
            "all regions"
        } else {
            "all its regions"
        };
        let message = format!("`{name}` is asked for {asked}, and {whose} carry {carried}");
        found.warn(at, message).help(
            "`overload` says who serves what fits nowhere; state more capacity or less demand",
        );
    }
}

/// What a service's endpoints in a region carry, if they are limited.
fn carries(draft: &Draft<'_>, region: RegionId, places: &Places<'_>) -> Option<u64> {
    let own = places.regions[region.index()].capacity.map(u64::from);
    match (own, sum(draft.endpoints_in(region, places))) {
        (Some(own), Some(sum)) => Some(own.min(sum)),
        (own, sum) => own.or(sum),
    }
}

/// Where the first capacity stands.
fn first_capacity(spec: &Spec) -> Option<Range<usize>> {
    let of_regions = spec.regions.iter().filter_map(|one| one.capacity.as_ref());
    let of_endpoints = spec.endpoints().filter_map(|one| one.capacity.as_ref());
    of_regions
        .chain(of_endpoints)
        .map(|given| given.at.clone())
        .min_by_key(|at| at.start)
}
