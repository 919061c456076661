//! `[services.NAME.steering]` as written, no name resolved yet.
use std::collections::BTreeSet;
use std::path::PathBuf;

use super::reader::At;
use super::spec::{Serves, Spec};
use crate::base::{Permille, Span};
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
    /// The part of a tier's clients that go to the next one all the time.
    pub(crate) trickle: Option<At<Permille>>,
    /// The part of a region's clients that go to the next one all the time.
    pub(crate) region_trickle: Option<At<Permille>>,
    /// Tells whether clients keep their endpoints over changes of the config, where that is said.
    pub(crate) sticky: Option<At<bool>>,
    /// The file of measured times.
    pub(crate) measured: Option<At<String>>,
    /// Time by which a region may be slower than the fastest and counts as equal.
    pub(crate) tolerance: Option<At<Span>>,
    /// Time by which a region that led before may be slower than the fastest.
    pub(crate) hysteresis: Option<At<Span>>,
    /// The network that counts.
    pub(crate) subnets: Subnets,
    /// Tells whether one region serves both families.
    pub(crate) families: Option<At<FamilyPairing>>,
}

impl Spec {
    /// The paths of tables of measured times.
    pub(crate) fn measured(&self) -> impl Iterator<Item = &At<String>> {
        let steering = self.services.iter().filter_map(|one| one.steering.as_ref());
        steering.filter_map(|own| own.measured.as_ref())
    }

    /// The files of those tables.
    #[must_use]
    pub fn measured_files(&self) -> BTreeSet<PathBuf> {
        self.measured().map(|path| self.resolve(path)).collect()
    }
}
