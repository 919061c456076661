//! Notices to the operator: one per transition, with its reason.
use serde::Serialize;

use super::order::Action;
use crate::base::Why;

/// Clients of a service, by what they prefer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Clients {
    /// The regions that their classes prefer first, sorted by name.
    pub prefer: Vec<String>,
    /// How many classes they are.
    pub classes: usize,
    /// Of how many classes that the service has an endpoint for.
    pub of: usize,
}

/// The conclusion of a node from its own probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sense {
    /// Most fail at once, and no region is sound.
    MostFail,
    /// Most canaries fail, so what targets seem to do says nothing.
    CanariesFail,
    /// Nothing passes at all: services fail open.
    NothingPasses,
    /// Enough pass, or a region is sound, or most canaries pass.
    ProbesPass,
}

/// One transition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Notice {
    /// A target's standing changed in kind, or took a step of its ramp.
    Standing {
        /// The endpoint.
        endpoint: String,
        /// Its region.
        region: String,
        /// Its provider.
        provider: String,
        /// `v4` or `v6`.
        family: &'static str,
        /// The monitors that judged it, joined by `+`; with hosts and recovery where the endpoint
        /// has another target of the same monitors.
        monitors: String,
        /// The monitor that is its gate, if its recovery has one.
        gate: Option<String>,
        /// Before.
        from: Why,
        /// Now.
        to: Why,
        /// Share now, permille.
        share_permille: u16,
        /// The votes on it: `3 of 5 vantages see it down: …`. Nothing, if nobody sees it down or this node stands alone.
        #[serde(skip_serializing_if = "Option::is_none")]
        vantages: Option<String>,
    },
    /// Nothing is healthy for some clients of a service, and they are answered with endpoints
    /// that are down. Told again when more clients are concerned.
    FailOpen {
        /// The service.
        service: String,
        /// `v4` or `v6`.
        family: &'static str,
        /// Tells whether it is so now.
        active: bool,
        /// Who is concerned; at the end, who was.
        clients: Clients,
    },
    /// Nothing is healthy for some clients of a service, and they get no address because the
    /// service says so. Told again when more clients are concerned.
    AllDown {
        /// The service.
        service: String,
        /// `v4` or `v6`.
        family: &'static str,
        /// Tells whether it is so now.
        active: bool,
        /// What they get: `servfail` or `nodata`.
        answer: &'static str,
        /// Who is concerned; at the end, who was.
        clients: Clients,
    },
    /// An address of an endpoint left its answers, or came back, while others of it stay.
    Address {
        /// The endpoint.
        endpoint: String,
        /// Its region.
        region: String,
        /// The address.
        address: String,
        /// Tells whether it is left out now.
        left: bool,
    },
    /// Nobody has looked at something for longer than its interval allows, or somebody has again.
    Unwatched {
        /// The endpoint; absent for a canary.
        endpoint: Option<String>,
        /// Its region.
        region: Option<String>,
        /// The monitor.
        monitor: String,
        /// The address and port that are probed.
        address: String,
        /// Tells whether it is so now.
        active: bool,
        /// The age of the last real result, or the time for which the first has been waited for.
        age_ms: u64,
    },
    /// The node began or ceased to doubt itself.
    Doubt {
        /// Tells whether it does now.
        active: bool,
        /// Why it began or ended.
        because: Sense,
        /// Part of the targets that fail, permille.
        failing_permille: u16,
    },
    /// The bound on automatic ejections was reached or left.
    Capped {
        /// Tells whether it holds something back now.
        active: bool,
        /// Part of all capacity that is out, permille.
        ejected_permille: u16,
    },
    /// Some of a service's demand fits nowhere within the stated capacities. Told again when it
    /// has grown to twice what was told.
    Overload {
        /// The service.
        service: String,
        /// Tells whether it is so now.
        active: bool,
        /// Who serves it all the same: `spread`, `shed-last`, `stay`.
        overload: &'static str,
        /// Demand for the service, in thousandths of the operator's unit.
        demand_thousandths: u64,
        /// What of it fits nowhere.
        overloaded_thousandths: u64,
    },
    /// An operator's order is carried out.
    Ordered {
        /// What.
        action: Action,
        /// The region, provider or endpoint that was named.
        scope: String,
        /// The endpoints that it makes a difference to.
        endpoints: Vec<String>,
        /// Who ordered it; empty if nobody said.
        author: String,
        /// Why; empty if nobody said.
        reason: String,
    },
    /// An order began, or ended, because its time had come.
    OrderDue {
        /// Tells whether it began; otherwise it has ended.
        began: bool,
        /// The action.
        action: Action,
        /// For what.
        scope: String,
        /// The endpoints that this is now.
        endpoints: Vec<String>,
        /// The author.
        author: String,
        /// Why; empty if nobody said.
        reason: String,
    },
    /// A new plan is in force.
    Reloaded {
        /// Digest of the plan, as hexadecimal.
        digest: String,
        /// Targets whose health was kept.
        kept: usize,
        /// Targets that are new.
        new: usize,
        /// Targets that are gone.
        gone: usize,
    },
    /// A table failed its independent check and was not published: a defect of the program.
    Rejected {
        /// What the check found.
        reason: String,
    },
}
