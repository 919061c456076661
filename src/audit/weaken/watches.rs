//! Monitors of a service and of its endpoints that ask for less than they did.
//!
//! A list that has lost a monitor asks for less. Of combinations one asks for less than another if there is any case, of
//! monitors that hold and that do not, in which it holds and the other did not: all cases are gone through, which
//! [`COMBINED_MONITORS`] bounds. Endpoints that are new, or gone, are compared with nothing. What a
//! monitor itself asks for is not judged here.
use std::collections::{BTreeMap, BTreeSet};

use crate::audit::compare::LossKind;
use crate::base::limits::COMBINED_MONITORS;
use crate::base::{Family, MonitorId, ServiceId, TargetId};
use crate::plan::{Combination, Plan, Service};

use super::found::Findings;

/// A service in its plan.
#[derive(Clone, Copy)]
pub(super) struct Side<'p> {
    pub(super) plan: &'p Plan,
    pub(super) service: &'p Service,
}

impl Side<'_> {
    /// The name of a monitor.
    pub(super) fn monitor(&self, id: MonitorId) -> &str {
        &self.plan.monitors[id.index()].name
    }

    /// Tells whether it has endpoints of its own.
    pub(super) fn has_own(&self) -> bool {
        let mut services = self.plan.services.iter();
        let place = services.position(|one| one.name == self.service.name);
        let mut endpoints = self.plan.endpoints.iter();
        endpoints.any(|one| one.service.map(ServiceId::index) == place && place.is_some())
    }

    /// Tells whether it has an endpoint of a family in a region of this name.
    pub(super) fn is_in(&self, family: Family, region: &str) -> bool {
        let regions = self.plan.regions.iter();
        let pools = regions.zip(&self.service.pools[family.index()]);
        pools
            .filter(|(own, _)| own.name == region)
            .any(|(_, pool)| !pool.tiers.is_empty())
    }
}

/// The monitors of a service or a target, and how they are combined.
#[derive(Clone)]
struct AskedMonitors {
    monitors: Vec<MonitorId>,
    /// Absent = all must hold.
    combination: Option<Combination<MonitorId>>,
}

/// Tells what a service that stays, and those of its endpoints that stay, need hold no more.
pub(super) fn judge(sides: [Side<'_>; 2], found: &mut Findings) {
    let mut changes = BTreeSet::new();
    changes.extend(loss(sides, &sides.map(of_service)));
    let [before, after] = sides.map(targets);
    for (key, own) in &before {
        if let Some(next) = after.get(key) {
            let watches = [
                of_target(sides[0].plan, *own),
                of_target(sides[1].plan, *next),
            ];
            changes.extend(loss(sides, &watches));
        }
    }
    for change in changes {
        found.tell(LossKind::Guard, &sides[0].service.name, change);
    }
}

fn of_service(side: Side<'_>) -> AskedMonitors {
    AskedMonitors {
        monitors: side.service.monitors.clone(),
        combination: side.service.combination.clone(),
    }
}

/// The targets of a service by endpoint and family.
fn targets(side: Side<'_>) -> BTreeMap<(&str, Family), TargetId> {
    let mut targets = BTreeMap::new();
    for family in Family::ALL {
        let pools = side.service.pools[family.index()].iter();
        let tiers = pools.flat_map(|pool| &pool.tiers);
        for member in tiers.flat_map(|tier| &tier.members) {
            let endpoint = &side.plan.endpoints[member.endpoint.index()];
            targets.insert((&*endpoint.name, family), member.target);
        }
    }
    targets
}

fn of_target(plan: &Plan, id: TargetId) -> AskedMonitors {
    let target = &plan.targets[id.index()];
    let slots = target.slots.iter().map(|slot| &plan.slots[slot.index()]);
    let first = slots.clone().next().map(|slot| slot.address);
    let of_first = slots.filter(|slot| Some(slot.address.ip()) == first.map(|first| first.ip()));
    let monitors: Vec<MonitorId> = of_first.map(|slot| slot.monitor).collect();
    let combination = target.combination.as_ref();
    AskedMonitors {
        combination: combination.map(|own| own.map(&mut |place| monitors[*place])),
        monitors,
    }
}

/// The loss, in words, where the second asks for less than the first.
fn loss(sides: [Side<'_>; 2], watches: &[AskedMonitors; 2]) -> Option<[String; 2]> {
    let [before, after] = watches;
    if before.combination.is_none() && after.combination.is_none() {
        let lost = lost_monitors(sides, [&before.monitors, &after.monitors]);
        let monitored = format!("monitored by {}", lost.join(", "));
        return (!lost.is_empty()).then(|| [monitored, "not any more".to_owned()]);
    }
    let words = |side: usize| {
        let name = |id: &MonitorId| sides[side].monitor(*id).to_owned();
        watches[side].whole().map(&mut |id| name(id)).to_string()
    };
    asks_less(sides, watches).then(|| [words(0), words(1)])
}

/// Tells that there is a case in which the second holds and the first does not.
fn asks_less(sides: [Side<'_>; 2], [before, after]: &[AskedMonitors; 2]) -> bool {
    let own = before.monitors.len();
    let mut count = own;
    let places: BTreeMap<MonitorId, usize> = after
        .monitors
        .iter()
        .map(|id| {
            let mut same = before.monitors.iter();
            let place = same.position(|other| is_same(sides, [*other, *id]));
            let place = place.unwrap_or_else(|| {
                count += 1;
                count - 1
            });
            (*id, place)
        })
        .collect();
    let place = |id: &MonitorId| before.monitors.iter().position(|other| other == id);
    let first = before.whole().map(&mut |id| place(id).unwrap_or_default());
    let second = after
        .whole()
        .map(&mut |id| places.get(id).copied().unwrap_or_default());
    if count > 2 * COMBINED_MONITORS.min(8) {
        return first != second;
    }
    (0..1_u32 << count).any(|case| {
        let holds = |place: &usize| Some(case >> place & 1 == 1);
        second.judge(&holds) == Some(true) && first.judge(&holds) == Some(false)
    })
}

impl AskedMonitors {
    /// The combination, also where it is a list.
    fn whole(&self) -> Combination<MonitorId> {
        let all = || Combination::Need {
            least: self.monitors.len(),
            of: self
                .monitors
                .iter()
                .copied()
                .map(Combination::Monitor)
                .collect(),
        };
        self.combination.clone().unwrap_or_else(all)
    }
}

/// Monitors of the one list that the other has not, neither by name nor by what they do.
pub(super) fn lost_monitors(sides: [Side<'_>; 2], lists: [&[MonitorId]; 2]) -> Vec<String> {
    let [own, other] = lists;
    let is_kept = |id: &&MonitorId| other.iter().any(|other| is_same(sides, [**id, *other]));
    let lost = own.iter().filter(|id| !is_kept(id));
    lost.map(|id| sides[0].monitor(*id).to_owned()).collect()
}

/// Tells that two monitors have the same name, or do the same.
fn is_same(sides: [Side<'_>; 2], ids: [MonitorId; 2]) -> bool {
    let [own, other] = [0, 1].map(|side: usize| &sides[side].plan.monitors[ids[side].index()]);
    let is_alike = other.check == own.check && other.port == own.port;
    other.name == own.name || is_alike
}
