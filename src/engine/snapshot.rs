//! The state of the engine at one moment, by names that outlast the process.
//!
//! Slots and targets go by the keys by which a reload knows them again, orders and demand by the names of the
//! operator. So a snapshot means the same to another process with another plan: what that plan no longer has is
//! dropped, what is new in it starts unproven ([`super::resume`]).
//!
//! All moments are of the engine's own clock. It knows no wall clock and no disk: how much time has passed between
//! two processes is for whoever starts the second one to say.
use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::order::{OrderRecord, PastOrder};
use crate::base::limits::ORDERS_PAST;
use crate::base::{Moment, Permille};
use crate::health::drain::Ceiling;
use crate::health::followed::FollowedLevel;
use crate::health::slot::SlotHealth;
use crate::health::target::TargetHealth;

/// All that an engine knows, or a part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The moment at which it was taken.
    pub at: Moment,
    /// Slots by their keys.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub slots: BTreeMap<String, SlotHealth>,
    /// Targets by their keys.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub targets: BTreeMap<String, KeptTarget>,
    /// The steps of recoveries, by their names: by them the step of a ramp is a share.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub curves: BTreeMap<String, Vec<Permille>>,
    /// The orders in force; absent in a part that does not change them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orders: Option<Vec<OrderRecord>>,
    /// The orders that have ended, oldest first; in a part those that ended since the one before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past: Vec<PastOrder>,
    /// Observed demand, by service.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub demand: BTreeMap<String, KeptDemand>,
}

/// The part of a target that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptTarget {
    /// Its phase and its damping.
    pub health: TargetHealth,
    /// The ceiling that orders put on its share.
    pub ceiling: Ceiling,
    /// The moment at which it last left, while that counts against the bound on ejections.
    pub left_at: Option<Moment>,
    /// The level of its endpoint's weight, where that follows a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<FollowedLevel>,
    /// The same of its capacity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<FollowedLevel>,
    /// Its health for clients of regions, by their names, where that is another one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub regions: BTreeMap<String, TargetHealth>,
    /// The most that slowness left of it, where that is not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pace: Option<Permille>,
    /// The addresses that it was answered without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<IpAddr>,
}

/// The part of a service's demand that is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptDemand {
    /// A hash over the regions of its classes, in order: whether another plan has the same classes.
    pub classes: u64,
    /// Thousandths of an answer per second, by family and class.
    pub rates: [Vec<u64>; 2],
}

/// Something that is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keep {
    /// All that there is; what was kept before is of another plan.
    Whole(Snapshot),
    /// All that differs from what was kept before.
    Part(Snapshot),
}

impl Snapshot {
    /// Tells that nothing is in it but its moment.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let nothing = Self {
            at: self.at,
            ..Self::default()
        };
        *self == nothing
    }

    /// Adds a later part. Of orders that have ended the newest [`ORDERS_PAST`] stay.
    pub fn add(&mut self, later: Self) {
        let Self {
            at,
            slots,
            targets,
            curves,
            orders,
            past,
            demand,
        } = later;
        self.at = at;
        self.slots.extend(slots);
        self.targets.extend(targets);
        self.curves.extend(curves);
        self.orders = orders.or(self.orders.take());
        self.past.extend(past);
        let forgotten = self.past.len().saturating_sub(ORDERS_PAST);
        self.past.drain(..forgotten);
        self.demand.extend(demand);
    }
}

impl Keep {
    /// Its content.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        match self {
            Self::Whole(snapshot) | Self::Part(snapshot) => snapshot,
        }
    }
}
