//! What is compared: hostnames that one service steers before, and one after.
//!
//! Clients ask for hostnames, so a service that has been renamed is the same subject, and a hostname
//! that has been given to another service is a subject of its own. A client weighs what its service's
//! `demand` says, or, where that is not stated or only observed, as much as its part of the
//! addresses whose place is known.
//!
//! It does not know what anyone is given.
use std::collections::BTreeMap;

use crate::base::ServiceId;
use crate::plan::{Demand, Plan, Service};

use super::cells::Cell;

/// Hostnames that are steered alike before and alike after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::audit) struct Subject {
    /// By what, before and after; never neither.
    pub(in crate::audit) services: [Option<ServiceId>; 2],
    /// Their names.
    pub(in crate::audit) hostnames: Vec<String>,
}

impl Subject {
    /// What it is called: the service after, or before if there is none after.
    pub(in crate::audit) fn name(&self, plans: [&Plan; 2]) -> String {
        let names = [1, 0].map(|side| {
            let id = self.services[side]?;
            Some(plans[side].services[id.index()].name.clone())
        });
        names.into_iter().flatten().next().unwrap_or_default()
    }

    /// Both services, if it is steered before and after.
    pub(in crate::audit) fn kept(&self) -> Option<[ServiceId; 2]> {
        let [before, after] = self.services;
        Some([before?, after?])
    }
}

/// All subjects: those of the current plan in its order, then what is new.
pub(in crate::audit) fn all(plans: [&Plan; 2]) -> Vec<Subject> {
    let owners = plans.map(owners);
    let hostnames = owners.iter().flat_map(BTreeMap::keys);
    let mut groups: BTreeMap<(u32, [Option<ServiceId>; 2]), Vec<String>> = BTreeMap::new();
    let hostnames: std::collections::BTreeSet<&String> = hostnames.collect();
    for hostname in hostnames {
        let services = [0, 1].map(|side: usize| owners[side].get(hostname).copied());
        let place = services[0].map_or(u32::MAX, |id| u32::from(id.0));
        let group = groups.entry((place, services)).or_default();
        group.push(hostname.clone());
    }
    let subjects = groups
        .into_iter()
        .map(|((_, services), hostnames)| Subject {
            services,
            hostnames,
        });
    subjects.collect()
}

fn owners(plan: &Plan) -> BTreeMap<String, ServiceId> {
    let services = plan.services.iter().enumerate();
    let owners = services.flat_map(|(index, service)| {
        let hostnames = service.hostnames.iter();
        let views = hostnames.flat_map(|name| service.views.iter().map(move |view| (name, view)));
        views.map(move |(name, view)| {
            let name = match view {
                None => name.to_string(),
                Some(_) => format!("{name} in view {}", plan.views.name(*view)),
            };
            (name, ServiceId::from_index(index))
        })
    });
    owners.collect()
}

/// What the clients of each cell ask for, in thousandths of the operator's unit; `None` if nobody
/// states it. The current plan's word goes before the new one's, for it is of clients that are
/// there.
pub(super) fn demands(subject: &Subject, plans: [&Plan; 2], cells: &[Cell]) -> Option<Vec<u128>> {
    [0, 1].into_iter().find_map(|side: usize| {
        let service = &plans[side].services[subject.services[side]?.index()];
        let parts = match &service.demand {
            Demand::Unstated | Demand::Observed => return None,
            Demand::Whole(whole) => share_out(*whole, cells, |_| true),
            Demand::ByRegion(stated) => {
                let mut sums = vec![0; cells.len()];
                for (region, amount) in stated {
                    let is_own = |cell: &Cell| {
                        first_region(plans[side], service, cell, side) == Some(*region)
                    };
                    let parts = share_out(*amount, cells, is_own);
                    sums.iter_mut()
                        .zip(parts)
                        .for_each(|(sum, part)| *sum += part);
                }
                sums
            }
        };
        let (own, all) = (subject.hostnames.len(), service.hostnames.len().max(1));
        let own = parts.iter().map(|part| part * own as u128 / all as u128);
        Some(own.collect())
    })
}

/// Shares an amount out by size among the cells that it belongs to.
fn share_out(amount: u32, cells: &[Cell], is_own: impl Fn(&Cell) -> bool) -> Vec<u128> {
    let sizes = cells.iter().map(|cell| match is_own(cell) {
        true => u128::from(cell.size),
        false => 0,
    });
    let sizes: Vec<u128> = sizes.collect();
    let whole = sizes.iter().sum::<u128>().max(1);
    let amount = u128::from(amount) * 1000;
    sizes.iter().map(|size| amount * size / whole).collect()
}

fn first_region(
    plan: &Plan,
    service: &Service,
    cell: &Cell,
    side: usize,
) -> Option<crate::base::RegionId> {
    let class = &plan.maps[service.map.index()].classes[cell.classes[side].index()];
    let has = |region: &&crate::base::RegionId| {
        let mut pools = service.pools.iter();
        pools.any(|pools| !pools[region.index()].tiers.is_empty())
    };
    class.preference.iter().find(has).copied()
}
