//! The weights by which a client drew the order of its regions.
use serde::Serialize;
use utoipa::ToSchema;

use crate::base::ClassId;
use crate::plan::{Map, Plan};

/// A region that clients draw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RegionWeight {
    /// Its name.
    pub region: String,
    /// Its weight among those that the client may be sent to.
    pub weight: u16,
}

/// The weights by which clients of a class draw; none if they do not.
pub(super) fn weights(plan: &Plan, map: &Map, class: ClassId) -> Vec<RegionWeight> {
    let lots = map.lots_of(class).into_iter();
    let weights = lots.flat_map(|lots| lots.regions());
    let weights = weights.map(|lot| RegionWeight {
        region: plan.regions[lot.region.index()].name.clone(),
        weight: lot.weight,
    });
    weights.collect()
}
