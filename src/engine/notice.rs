//! What the operator is told: one notice per transition, with its reason.
use serde::Serialize;

use crate::base::Why;

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
        /// The monitors that judged it, joined by `+`.
        monitors: String,
        /// Before.
        from: Why,
        /// Now.
        to: Why,
        /// Share now, permille.
        share_permille: u16,
    },
    /// Some classes of a service began or ceased to be answered with unproven endpoints.
    FailOpen {
        /// The service.
        service: String,
        /// `v4` or `v6`.
        family: &'static str,
        /// Whether it is so now.
        active: bool,
    },
    /// The node began or ceased to doubt itself.
    Doubt {
        /// Whether it does now.
        active: bool,
        /// Part of the targets that fail, permille.
        failing_permille: u16,
    },
    /// The bound on automatic ejections was reached or left.
    Capped {
        /// Whether it holds something back now.
        active: bool,
        /// Part of the targets that are out, permille.
        ejected_permille: u16,
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
