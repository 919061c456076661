//! The routing table: what every steered answer is read from.
use std::sync::Arc;

use crate::base::{
    ClassId, EndpointId, Family, Moment, Reason, RegionId, ServiceId, Span, Standing,
};
use crate::plan::{Plan, TtlBounds};

/// One immutable generation.
#[derive(Debug)]
pub struct Table {
    /// Counts up by one per published table.
    pub generation: u64,
    /// What it was built from.
    pub plan: Arc<Plan>,
    /// What it was built from, by [`crate::base::TargetId`].
    pub standings: Arc<[Standing]>,
    /// When it was built.
    pub built_at: Moment,
}

/// What one cohort of one class gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection<'t> {
    /// The addresses, 4 or 16 octets each; empty where the service answers nothing.
    pub addresses: &'t [u8],
    /// The endpoints they belong to.
    pub endpoints: &'t [EndpointId],
    /// Their region, if there is an answer.
    pub region: Option<RegionId>,
    /// Why.
    pub reason: Reason,
    /// Whether another cohort of the class may get another answer now.
    pub by_cohort: bool,
    /// How long this lasts at the least, from any moment, if probes begin to disagree at once.
    pub hold: Span,
    /// When it changes by itself (a ramp step).
    pub until: Option<Moment>,
}

impl Selection<'_> {
    /// Seconds for the TTL field: until it could change at the earliest, within bounds.
    #[must_use]
    pub fn ttl(&self, now: Moment, bounds: TtlBounds) -> u32 {
        let left = self
            .until
            .map_or(self.hold, |until| until.since(now).min(self.hold));
        left.clamp(bounds.min, bounds.max).as_secs()
    }
}

impl Table {
    /// Builds a generation; what `previous` (of the same plan) has and did not change is shared.
    #[must_use]
    pub fn build(
        generation: u64,
        plan: Arc<Plan>,
        standings: Arc<[Standing]>,
        now: Moment,
        _previous: Option<&Self>,
    ) -> Self {
        Self {
            generation,
            plan,
            standings,
            built_at: now,
        }
    }

    /// What a cohort of a class gets; `None` if the service has no endpoint of this family
    /// inside the class's fence (a fact of the config, never of health).
    #[must_use]
    pub fn select(
        &self,
        _service: ServiceId,
        _family: Family,
        _class: ClassId,
        _cohort: u16,
    ) -> Option<Selection<'_>> {
        None
    }
}
