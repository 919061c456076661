//! Where a preference of some length can lead, whatever the health of its pools.
//!
//! # Why this covers every combination
//!
//! [`crate::steer::route`] sees health through one hole only: for a pool that it asks, how many
//! cohorts the pool takes ([`Extent`]) and the largest share of its members. Every combination of
//! down endpoints, tiers, drains and ramp steps, however many there are, is one of three extents
//! and a share for each pool. So instead of combinations of endpoints, the answers through that
//! hole are gone through, as a tree: a pool is given each extent only once it is asked, and what is
//! never asked is known not to matter, because a question behind the end of an assignment is
//! seen. Shares are only compared with each other and with none, so each pool in turn has the largest,
//! then all have the same. Regions are only names to it, hence one tree stands for
//! every preference of its length.
//!
//! A preference of more than [`WHOLE_TREE`] pools would have too large a tree; for such a one all
//! assignments are taken in which at most two pools, or all, take some cohorts before the end:
//! the decision carries nothing from pool to pool but the list of those that it has asked and the largest
//! share so far, which two pools suffice to set and to replace.
//!
//! Where capacity is planned, cohorts are moved along the preference by a plan of their own. It can
//! choose no region but those that the preference holds and that are up; each of these is
//! reached here as well, by the assignment in which all before it take nobody.
use std::cell::Cell;

use crate::base::{Permille, RegionId};
use crate::plan::AllDown;
use crate::steer::{Ending, Extent, PoolState, Route, route};

/// Longest preference whose tree is gone through whole.
const WHOLE_TREE: usize = 12;

/// What going through a tree has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tree {
    /// How many assignments were tried.
    pub(super) cases: u64,
    /// By place in the preference: whether some assignment leads a client there.
    pub(super) reached: Vec<bool>,
    /// The first assignment whose route was not what it may be: the assignment, and why.
    pub(super) fault: Option<(String, &'static str)>,
}

/// Goes through all that a preference of `pools` pools can lead to.
pub(super) fn tree(pools: usize, all_down: AllDown) -> Tree {
    let mut tree = Tree {
        cases: 0,
        reached: vec![false; pools],
        fault: None,
    };
    for extents in assignments(pools) {
        // The last turn has no favourite: all shares are the same.
        for favourite in 0..=extents.len() {
            tree.try_one(&extents, favourite, all_down);
        }
    }
    tree
}

impl Tree {
    fn try_one(&mut self, extents: &[Extent], favourite: usize, all_down: AllDown) {
        self.cases += 1;
        let preference: Vec<RegionId> = (0..self.reached.len()).map(RegionId::from_index).collect();
        let beyond = Cell::new(false);
        let found = route(&preference, all_down, |region| {
            let Some(extent) = extents.get(region.index()) else {
                beyond.set(true);
                return None;
            };
            Some(state(*extent, region.index() == favourite))
        });
        let judged = match &found {
            _ if beyond.get() => Err("a pool is asked behind one that takes everyone"),
            None => Err("there is no route"),
            Some(found) => judge(extents, found, all_down),
        };
        match judged {
            Ok(places) => places
                .into_iter()
                .for_each(|place| self.reached[place] = true),
            Err(why) if self.fault.is_none() => self.fault = Some((format!("{extents:?}"), why)),
            Err(_) => {}
        }
    }
}

fn state(extent: Extent, is_favourite: bool) -> PoolState {
    let largest = match (extent, is_favourite) {
        (Extent::Nobody, _) => Permille::NONE,
        (Extent::Some, true) => Permille(500),
        (Extent::Some, false) => Permille(50),
        (Extent::Everyone, _) => Permille::FULL,
    };
    PoolState { extent, largest }
}

/// The places to which a route leads a client, if it leads every client somewhere, and only to pools
/// that take it.
fn judge(extents: &[Extent], found: &Route, all_down: AllDown) -> Result<Vec<usize>, &'static str> {
    let mut places = Vec::new();
    for step in &found.steps {
        let place = step.region.index();
        if extents.get(place) != Some(&step.extent) {
            return Err("a step takes other cohorts than its pool");
        }
        if step.extent != Extent::Nobody {
            places.push(place);
        }
    }
    let is_whole = found
        .steps
        .last()
        .is_some_and(|step| step.extent == Extent::Everyone);
    let is_dead = places.is_empty();
    match found.ending {
        Ending::Whole if is_whole => {}
        Ending::Overflow(region) if !is_whole && places.contains(&region.index()) => {}
        Ending::FailOpen(region) if is_dead && region.index() < extents.len() => {
            places.push(region.index());
        }
        Ending::AllDown if is_dead && all_down != AllDown::FailOpen => {}
        Ending::Whole | Ending::Overflow(_) | Ending::FailOpen(_) | Ending::AllDown => {
            return Err("cohorts are left over, or are led to a pool that takes nobody");
        }
    }
    Ok(places)
}

/// What pools may answer, one list for each way to ask: it ends with the first that takes everyone, or
/// with the last.
fn assignments(pools: usize) -> Vec<Vec<Extent>> {
    let mut all = Vec::new();
    for place in 0..pools {
        for mut before in befores(place) {
            before.push(Extent::Everyone);
            all.push(before);
        }
    }
    all.extend(befores(pools));
    all
}

/// What `count` pools may answer that do not take everyone.
fn befores(count: usize) -> Vec<Vec<Extent>> {
    let with_some = |is_some: &dyn Fn(usize) -> bool| -> Vec<Extent> {
        let extent = |place| match is_some(place) {
            true => Extent::Some,
            false => Extent::Nobody,
        };
        (0..count).map(extent).collect()
    };
    if count <= WHOLE_TREE {
        let numbers = 0..1_u32 << count;
        return numbers
            .map(|bits| with_some(&|place| bits >> place & 1 == 1))
            .collect();
    }
    let pairs = (0..count).flat_map(|one| (0..=one).map(move |two| (one, two)));
    let pairs = pairs.map(|(one, two)| with_some(&|place| place == one || place == two));
    let ends = [with_some(&|_| false), with_some(&|_| true)];
    pairs.chain(ends).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODES: [AllDown; 3] = [AllDown::FailOpen, AllDown::Servfail, AllDown::Nodata];

    #[test]
    fn every_place_is_reached_and_every_client_led_somewhere() {
        for pools in [1, 2, 5, 9, 14] {
            for mode in MODES {
                let tree = tree(pools, mode);
                assert_eq!(tree.fault, None, "{pools} pools");
                assert_eq!(tree.reached, vec![true; pools]);
            }
        }
    }

    #[test]
    fn the_tree_has_a_branch_for_each_answer_that_is_asked_for() {
        // 1, 01, 11 and the four without an everyone; each with a turn for each and one for all.
        assert_eq!(assignments(2).len(), 1 + 2 + 4);
        assert_eq!(tree(2, AllDown::FailOpen).cases, 2 + 2 * 3 + 4 * 3);
        // One or two pools out of 13, or none, or all.
        assert_eq!(befores(13).len(), 13 * 14 / 2 + 2);
    }

    #[test]
    fn a_wrong_route_is_refused() {
        let right = |extents: &[Extent]| {
            let regions: Vec<RegionId> = (0..extents.len()).map(RegionId::from_index).collect();
            let pool_of = |region: RegionId| Some(state(extents[region.index()], false));
            route(&regions, AllDown::FailOpen, pool_of).unwrap()
        };
        let extents = [Extent::Nobody, Extent::Some];
        let judged = |found: &Route| judge(&extents, found, AllDown::FailOpen);
        let found = right(&extents);
        assert_eq!(judged(&found), Ok(vec![1]));
        for ending in [
            Ending::Whole,
            Ending::AllDown,
            Ending::FailOpen(RegionId(0)),
            Ending::Overflow(RegionId(0)),
        ] {
            let wrong = Route {
                ending,
                ..found.clone()
            };
            assert!(judged(&wrong).is_err(), "{ending:?}");
        }
        let mut wrong = found;
        wrong.steps[0].extent = Extent::Some;
        assert!(judged(&wrong).is_err());
    }
}
