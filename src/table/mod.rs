//! The routing table: what every steered answer is read from.
//!
//! | module | what it does |
//! |---|---|
//! | [`hinted`] | RRsets by choice with their hints, for signatures and transfers |
//! | [`layout`] | numbers what is distinct in a plan; made once per plan |
//! | [`pool`] | what one pool gives to whom, as bytes of addresses |
//! | [`service_routes`] | which pools the classes of a service consult |
//! | [`load`] | what the clients of some services put on endpoints and regions |
//! | [`load_plan`] | what places carry, and whom capacity diverts |
//! | [`build`] | a generation out of plan and standings, sharing what did not change |
//! | [`countries`] | who serves which country, for a picture |
//! | [`check`](mod@check) | holds a table against the promises, independently of the builder |
//! | [`explain`](mod@explain) | the whole chain for one client, and what would be if |
//! | [`records`] | records that follow the choice: CNAMEs, HTTPS, TXT, … |
//! | [`regions`] | what clients of one region are given by standings of their own |
//! | [`render`](fn@render) | a zone with steered names as one client sees them |
//! | [`select`] | what a cohort gets: a few array reads |
//! | [`shifts`] | who moves between two tables |
//! | [`variants`](mod@variants) | every answer that there may be, for whoever signs them beforehand |
//!
//! A table never changes. It knows nothing of queries and of probes: cohorts go in, slices of
//! address records come out, and what is behind a [`Standing`] is not its matter.
use std::sync::Arc;

use crate::base::{EndpointId, Moment, Reason, RegionId, Span, Standing, TargetId};
use crate::dns::zone::Zones;
use crate::plan::{Demands, Plan, TtlBounds};

mod build;
mod check;
mod countries;
pub mod explain;
#[cfg(test)]
pub(crate) mod fixture;
mod hinted;
mod layout;
mod load;
mod load_plan;
mod pool;
mod records;
mod regions;
mod render;
mod select;
mod service_routes;
mod shifts;
#[cfg(test)]
mod tests;
mod variants;
mod views;

pub use build::Basis;
pub use records::RecordChoice;

pub use check::{Breach, CheckError, check, check_changed};
pub use countries::{CountryClients, CountryShares};

pub use render::{RenderView, StrictNames, render, render_served, steered};
pub use shifts::{ClientShift, client_shifts};
pub use variants::{TooMany, variants};

pub use explain::{ExplainError, Explanation, Question, explain, suppose};

/// One immutable generation.
#[derive(Debug)]
pub struct Table {
    /// Counts up by one per published table.
    pub generation: u64,
    /// What it was built from.
    pub plan: Arc<Plan>,
    /// The zones that it answers from, the plan's services mounted.
    pub zones: Arc<Zones>,
    /// What it was built from, by [`crate::base::TargetId`].
    pub standings: Arc<[Standing]>,
    /// How much its clients ask for.
    pub demands: Arc<Demands>,
    /// When it was built.
    pub built_at: Moment,
    layout: Arc<layout::Layout>,
    pools: Vec<Arc<pool::PoolTable>>,
    service_routes: Vec<Arc<service_routes::ServiceRoutes>>,
    /// What places carry; absent where no capacity is planned.
    load_plan: Option<load_plan::LoadPlan>,
    /// The tables that it is made of, where clients of some regions go by standings of their own.
    regional: Option<Arc<RegionViews>>,
    /// The same table with the zones that views see, by [`crate::base::ViewId`], up to the last one that has any of its own.
    views: Vec<Self>,
}

/// The standings that the clients of one region have of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionRows {
    /// The region: that of classes that prefer it first.
    pub region: RegionId,
    /// The targets, in order, each with its standing there.
    pub rows: Vec<(TargetId, Standing)>,
}

/// The tables that a composed one is made of.
#[derive(Debug)]
struct RegionViews {
    whole: Arc<Table>,
    /// By region, each with the rows that it was made of.
    views: Vec<(RegionRows, Table)>,
}

/// What one pool gives when it is asked first; for status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolView {
    /// Part of the cohorts that it serves.
    pub share_permille: u16,
    /// The lowest tier number that serves someone; absent when none does.
    pub tier: Option<u16>,
    /// Endpoints that serve someone, in order of their ids.
    pub serving: Vec<EndpointId>,
}

/// Classes of a service for which nothing is healthy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stranded {
    /// How many they are.
    pub classes: usize,
    /// The number of classes that the service has an endpoint for.
    pub of: usize,
    /// The regions that they prefer first, of those with an endpoint, in order of their ids.
    pub regions: Vec<RegionId>,
}

/// What one cohort of one class gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection<'t> {
    /// The address records, as [`crate::dns::addresses`] makes them; empty where the service
    /// answers nothing.
    pub records: &'t [u8],
    /// The endpoints they belong to.
    pub endpoints: &'t [EndpointId],
    /// Their region, if there is an answer.
    pub region: Option<RegionId>,
    /// Why.
    pub reason: Reason,
    /// Tells whether another cohort of the class may get another answer now.
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
