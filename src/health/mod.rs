//! Probe outcomes -> [`crate::base::Standing`]. Knows time, as an argument.
//!
//! | module | what it decides |
//! |---|---|
//! | [`report`] | what one probe saw |
//! | [`slot`] | rise and fall: whether one address is up |
//! | [`target`] | slots, gate and ramp together: the standing of a target |
//! | [`damping`] | how much slower the next ramp is after a relapse |
//! | [`guard`] | self-doubt and the bound on what may leave automatically |
//! | [`votes`] | what several vantages see, combined into one ruling |
pub mod damping;
pub mod guard;
pub mod report;
pub mod slot;
pub mod target;
pub mod votes;

pub use report::{Outcome, Report, Timing};
