//! How many can serve a client, before and after.
//!
//! Counted are the regions that the class prefers inside of its fence and that have an endpoint of
//! the asked type, with their tiers, endpoints and providers. Each is looked at by itself, as each fails by
//! itself: a provider more does not make up for a region less.
use std::collections::{BTreeMap, BTreeSet};

use crate::base::{ClassId, Family, ServiceId};
use crate::plan::Plan;

use super::cells::Cell;
use super::losses::{LosingClients, Loss, LossKind};

/// How many can serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Depth {
    regions: usize,
    tiers: usize,
    endpoints: usize,
    providers: usize,
}

impl Depth {
    fn of(plan: &Plan, service: ServiceId, family: Family, class: ClassId) -> Self {
        let class = plan.class(service, class);
        let pools = class.preference.iter();
        let own = &plan.services[service.index()].pools[family.index()];
        let pools = pools
            .map(|region| &own[region.index()])
            .filter(|pool| !pool.tiers.is_empty());
        let members = pools.clone().flat_map(|pool| &pool.tiers);
        let members = members.flat_map(|tier| &tier.members);
        let endpoints: BTreeSet<_> = members.map(|member| member.endpoint).collect();
        let providers = endpoints.iter();
        let providers = providers.map(|one| &*plan.endpoints[one.index()].provider);
        Self {
            regions: pools.clone().count(),
            tiers: pools.map(|pool| pool.tiers.len()).sum(),
            providers: providers.collect::<BTreeSet<_>>().len(),
            endpoints: endpoints.len(),
        }
    }

    /// Each count with what it counts.
    fn counts(self) -> [(usize, &'static str); 4] {
        [
            (self.regions, "region"),
            (self.tiers, "tier"),
            (self.endpoints, "endpoint"),
            (self.providers, "provider"),
        ]
    }
}

/// Where fewer can serve: for each type of query, the clients by what they lose.
pub(super) fn losses(
    plans: [&Plan; 2],
    services: [ServiceId; 2],
    name: &str,
    cells: &[Cell],
) -> Vec<Loss> {
    let mut losses = Vec::new();
    for family in Family::ALL {
        let mut known: BTreeMap<[ClassId; 2], [Depth; 2]> = BTreeMap::new();
        let mut lost: BTreeMap<[String; 2], Vec<&Cell>> = BTreeMap::new();
        for cell in cells {
            let depths = known.entry(cell.classes).or_insert_with(|| {
                [0, 1].map(|side: usize| {
                    Depth::of(plans[side], services[side], family, cell.classes[side])
                })
            });
            if let Some(change) = fewer(*depths) {
                lost.entry(change).or_default().push(cell);
            }
        }
        losses.extend(lost.into_iter().map(|(change, cells)| Loss {
            family: Some(family),
            clients: LosingClients::of(&cells),
            ..Loss::new(LossKind::Redundancy, name, change)
        }));
    }
    losses
}

/// The counts that have gone down, before and after.
fn fewer([before, after]: [Depth; 2]) -> Option<[String; 2]> {
    let pairs = before.counts().into_iter().zip(after.counts());
    let fewer: Vec<_> = pairs.filter(|(before, after)| after.0 < before.0).collect();
    let told = |counts: &mut dyn Iterator<Item = (usize, &'static str)>| {
        let words = counts.map(|(number, noun)| crate::audit::text::count(number as u64, noun));
        words.collect::<Vec<_>>().join(", ")
    };
    (!fewer.is_empty()).then(|| {
        [
            told(&mut fewer.iter().map(|(before, _)| *before)),
            told(&mut fewer.iter().map(|(_, after)| *after)),
        ]
    })
}
