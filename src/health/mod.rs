//! Probe outcomes -> [`crate::base::Standing`]. Knows time, as an argument.
//!
//! | module | what it decides |
//! |---|---|
//! | [`report`] | what one probe saw |
//! | [`slot`] | rise and fall: whether one address is up |
//! | [`target`] | slots, gates and ramp together: the standing of a target |
//! | [`damping`] | how much slower a return is after relapses |
//! | [`drain`] | what an operator's order leaves of it |
//! | [`followed`] | what a value leaves of an endpoint's weight or capacity |
//! | [`guard`] | self-doubt |
//! | [`ejections`] | how much may leave automatically |
pub mod damping;
pub mod drain;
pub mod ejections;
pub mod followed;
pub mod guard;
pub mod report;
pub mod slot;
pub mod target;

pub use report::{ProbeResult, Report, Timing};
