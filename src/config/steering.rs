//! `[services.NAME.steering]` as written, no name resolved yet.
use super::reader::At;
use super::spec::Serves;
use crate::plan::{FamilyPairing, SteeringPolicy, Subnets};

/// Claims, by the names of regions.
pub(crate) type ClaimsByRegion = Vec<(At<String>, Vec<At<Serves>>)>;

/// `[services.NAME.steering]`.
#[derive(Debug)]
pub(crate) struct SteeringSpec {
    pub(crate) policy: At<SteeringPolicy>,
    /// All clients, in this order; by place, those whom nobody claims.
    pub(crate) order: Option<At<Vec<At<String>>>>,
    /// Weights of regions, by which all clients are shared out.
    pub(crate) weights: Vec<(At<String>, At<u16>)>,
    /// In place of all claims of regions.
    pub(crate) serves: Option<ClaimsByRegion>,
    /// In place of the fallback of the regions that are named.
    pub(crate) fallback: Vec<(At<String>, Vec<At<String>>)>,
    /// Tells whether nobody is sent beyond a list of regions.
    pub(crate) is_closed: bool,
    /// Clients of a place, and the regions that they prefer.
    pub(crate) places: Vec<(At<Serves>, Vec<At<String>>)>,
    /// Percent by which a region counts as nearer (or, below 0, as farther).
    pub(crate) bias: Vec<(At<String>, At<i16>)>,
    /// The network that counts.
    pub(crate) subnets: Subnets,
    /// Tells whether one region serves both families.
    pub(crate) families: Option<At<FamilyPairing>>,
}
