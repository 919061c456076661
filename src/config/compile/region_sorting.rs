//! Finds what a policy of `[services.NAME.steering]` sorts regions by, with names resolved, and the keys that it does not look at.
//!
//! It does not know who is claimed by whom, nor where anybody is: that is `steering`'s.
use std::ops::Range;

use super::places::Places;
use crate::base::RegionId;
use crate::base::limits::WEIGHTED_REGIONS;
use crate::config::diagnostic::{Diagnostics, Gap};
use crate::config::steering::SteeringSpec;
use crate::plan::SteeringPolicy::{self, Latency, Nearest, Order, Place, Weight};

/// The way in which regions are sorted.
#[derive(Debug)]
pub(super) enum RegionSorting {
    /// Claims, fallback, and distance.
    Place,
    /// Distance.
    Nearest,
    /// A list.
    Order(Vec<RegionId>),
    /// A draw of each client: weights by region.
    Weight(Vec<u16>),
    /// Measured times; regions that are equal by them as by place.
    Latency,
}

impl RegionSorting {
    /// The regions that it names for all clients.
    pub(super) fn named(&self) -> Vec<RegionId> {
        match self {
            Self::Place | Self::Nearest | Self::Latency => Vec::new(),
            Self::Order(order) => order.clone(),
            Self::Weight(weights) => {
                let all = (0..weights.len()).map(RegionId::from_index);
                all.filter(|one| weights[one.index()] > 0).collect()
            }
        }
    }

    /// Finds the way in which a service wants its regions sorted.
    pub(super) fn of(written: &SteeringSpec, places: &Places<'_>, found: &mut Diagnostics) -> Self {
        match (written.policy.value, &written.order) {
            (Place, _) => Self::Place,
            (Nearest, _) => Self::Nearest,
            (Weight, _) => weighted(written, places, found),
            (Latency, _) => {
                if written.measured.is_none() {
                    found
                        .error(&written.policy.at, "policy \"latency\" has no table")
                        .help("write `measured = \"latency.csv\"`, with lines such as `DE,eu-frankfurt,12.5`");
                }
                Self::Latency
            }
            (Order, Some(order)) if !order.value.is_empty() => {
                Self::Order(places.region_ids(&order.value, found))
            }
            (Order, _) => {
                found
                    .error(&written.policy.at, "policy \"order\" has no order")
                    .help("write `order = [\"eu-frankfurt\", \"na-toronto\"]`");
                Self::Place
            }
        }
    }
}

fn weighted(written: &SteeringSpec, places: &Places<'_>, found: &mut Diagnostics) -> RegionSorting {
    let mut weights = vec![0; places.regions.len()];
    for (region, weight) in &written.weights {
        if let Some(place) = places.region_names.find(region, found) {
            weights[place] = weight.value;
        }
    }
    let drawn = weights.iter().filter(|weight| **weight > 0).count();
    if written.weights.iter().all(|(_, weight)| weight.value == 0) {
        found
            .error(&written.policy.at, "policy \"weight\" has no weights")
            .help("write `weights = { eu-frankfurt = 80, na-toronto = 20 }`");
    } else if drawn > WEIGHTED_REGIONS {
        let message = format!("{drawn} regions have a weight");
        found.error(&written.policy.at, message).help(format!(
            "{WEIGHTED_REGIONS} is the most: leave out regions that only serve when all others are down"
        ));
    }
    RegionSorting::Weight(weights)
}

/// A key, where it stands first, and the policies that look at it.
type Looked<'w> = (
    &'static str,
    Option<&'w Range<usize>>,
    &'static [SteeringPolicy],
);

/// Tells of keys that the policy does not look at.
pub(super) fn tell_needless(written: &SteeringSpec, found: &mut Diagnostics) {
    let claims = written.serves.iter().flatten();
    let keys: [Looked<'_>; 10] = [
        (
            "order",
            written.order.as_ref().map(|one| &one.at),
            &[Order, Place, Latency],
        ),
        (
            "weights",
            first(written.weights.iter().map(|(name, _)| &name.at)),
            &[Weight],
        ),
        (
            "serves",
            first(claims.map(|(name, _)| &name.at)),
            &[Place, Latency],
        ),
        (
            "fallback",
            first(written.fallback.iter().map(|(name, _)| &name.at)),
            &[Place, Latency],
        ),
        (
            "places",
            first(written.places.iter().map(|(place, _)| &place.at)),
            &[Place, Latency],
        ),
        (
            "bias",
            first(written.bias.iter().map(|(name, _)| &name.at)),
            &[Place, Nearest, Latency],
        ),
        (
            "region_trickle",
            written.region_trickle.as_ref().map(|one| &one.at),
            &[Place, Nearest, Order, Latency],
        ),
        (
            "measured",
            written.measured.as_ref().map(|one| &one.at),
            &[Latency],
        ),
        (
            "tolerance",
            written.tolerance.as_ref().map(|one| &one.at),
            &[Latency],
        ),
        (
            "hysteresis",
            written.hysteresis.as_ref().map(|one| &one.at),
            &[Latency],
        ),
    ];
    for (key, at, policies) in keys {
        let Some(at) = at.filter(|_| !policies.contains(&written.policy.value)) else {
            continue;
        };
        let words = policies.iter().map(|own| format!("{:?}", own.word()));
        let words: Vec<String> = words.collect();
        found
            .warn(at, format!("`{key}` has no effect under this policy"))
            .help(format!("it belongs to the policy {}", words.join(" or ")))
            .rests_on(Gap::Content("services"));
    }
}

fn first<'w>(mut keys: impl Iterator<Item = &'w Range<usize>>) -> Option<&'w Range<usize>> {
    keys.next()
}
