//! In which order a class consults its pools, and what is left when they end.
//!
//! The pools of the preference are consulted until one takes every cohort. Cohorts that are left
//! over then go to the largest share there is ([`Ending::Overflow`]); if there is none at all, to
//! the configured endpoints of the first region ([`Ending::FailOpen`]), unless the service would
//! rather say nothing ([`Ending::AllDown`]).
//!
//! The fence is not known here and need not be: the preference holds only regions inside it, and
//! nothing but the preference is consulted. So no health can lead outside.
use crate::base::{Permille, RegionId};
use crate::plan::AllDown;

/// The number of cohorts that a pool takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// None.
    Nobody,
    /// Some, not all.
    Some,
    /// All.
    Everyone,
}

/// What a route must know of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolState {
    /// The number of cohorts that it takes by share.
    pub extent: Extent,
    /// The largest share of its members.
    pub largest: Permille,
}

/// One pool that a class consults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its region.
    pub region: RegionId,
    /// The number of cohorts that it takes.
    pub extent: Extent,
}

/// What becomes of cohorts that no pool takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// There are none: the last pool takes every cohort.
    Whole,
    /// The largest share, in this region, takes them.
    Overflow(RegionId),
    /// The configured endpoints of this region take them, though nothing is healthy.
    FailOpen(RegionId),
    /// They get nothing, because the service asks for that.
    AllDown,
}

/// The pools that a class consults, in order; the first is the class's first preference, and
/// regions without a pool are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The pools.
    pub steps: Vec<Step>,
    /// How many regions of the preference were looked at, those without a pool included.
    pub depth: usize,
    /// What becomes of the rest.
    pub ending: Ending,
}

/// The route of a preference; `None` if no region of it has a pool. `pool_of` tells the state of
/// a region's pool, `None` where the config has no member there.
pub fn route(
    preference: &[RegionId],
    all_down: AllDown,
    pool_of: impl Fn(RegionId) -> Option<PoolState>,
) -> Option<Route> {
    let mut steps = Vec::new();
    let mut largest: Option<(Permille, RegionId)> = None;
    for (index, &region) in preference.iter().enumerate() {
        let Some(pool) = pool_of(region) else {
            continue;
        };
        let extent = pool.extent;
        steps.push(Step { region, extent });
        if extent == Extent::Everyone {
            return Some(Route {
                steps,
                depth: index + 1,
                ending: Ending::Whole,
            });
        }
        if largest.is_none_or(|(share, _)| share < pool.largest) {
            largest = Some((pool.largest, region));
        }
    }
    let first = steps.first()?.region;
    let ending = match (largest, all_down) {
        (Some((share, region)), _) if share > Permille::NONE => Ending::Overflow(region),
        (_, AllDown::FailOpen) => Ending::FailOpen(first),
        (_, AllDown::Servfail | AllDown::Nodata) => Ending::AllDown,
    };
    Some(Route {
        steps,
        depth: preference.len(),
        ending,
    })
}
