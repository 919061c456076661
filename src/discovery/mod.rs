//! Endpoints that are discovered: which list of a source is taken, how much of it at once, and what goes on where none comes.
//!
//! A source (a JSON file or URL, DNS SRV, Consul) tells where machines are, and nothing else: region, jurisdiction, provider and tier are the
//! config's. Each list that comes is held against the last one that was taken:
//!
//! ```text
//!  list -> admitted one by one -> too many? shrinks too much? --no--> wanted -> a step, bounded by changes a minute -> compiled -> in force
//!                                        '--yes--> held back and told; the last good one goes on, until a better one comes or somebody accepts it
//!  no list, or one that cannot be read -> told; the last good one goes on
//! ```
//!
//! # Bounds
//!
//! An endpoint that comes, goes or changes is a change; no more than `changes_per_minute` of them are made within any minute, those that come
//! first. The first list of a discovery is taken whole: there is nothing yet that it could disturb. A list shrinks by as much as it is smaller than the
//! largest that was wanted within [`SHRINK_WINDOW`], so that many small steps are judged as the large one that they are.
//!
//! It knows no clock, no socket and no config; what is compiled and kept is [`DiscoveredLists`].
mod consul;
mod engine;
mod json;
mod list;
mod report;
#[cfg(test)]
mod tests;
mod watched;

pub use consul::consul_list;
pub use engine::{DiscoveryEngine, DiscoveryInput, DiscoveryOutput};
pub use json::json_list;
pub use list::{DiscoveredEndpoint, DiscoveredLists, EndpointList, ListedMachine, endpoint_name};
pub use report::{DiscoveryNotice, DiscoveryReport, KeptList};
pub use watched::{DiscoveryRules, EndpointAdmission};

use crate::base::Span;

/// Least time between two changes of one discovery: each of them costs a plan and, in signed zones, signatures.
pub const CHANGE_EVERY: Span = Span::from_secs(5);
/// Time after which a list that did not go with the config is tried again.
pub const TRY_AGAIN: Span = Span::from_secs(60);
/// The time over which changes are counted.
pub const MINUTE: Span = Span::from_secs(60);
/// The time over which a list is held against the largest one before it.
pub const SHRINK_WINDOW: Span = Span::from_secs(600);
/// The pause after which the age of a list is kept again, where nothing else changes.
pub const KEEP_EVERY: Span = Span::from_secs(60);
/// The pause after the first failure of a source; it doubles with each that follows, up to [`RETRY_MOST`].
pub const RETRY: Span = Span::from_secs(1);
/// The longest pause after failures, unless the source is asked less often anyway.
pub const RETRY_MOST: Span = Span::from_secs(60);
/// Characters that an endpoint's name has at the most.
pub const NAME_LENGTH: usize = 63;

/// The pause before a source is asked again, after so many failures in a row.
#[must_use]
pub fn pause(every: Span, failures: u32) -> Span {
    if failures == 0 {
        return every;
    }
    let doubled = RETRY.times(1 << (failures - 1).min(6));
    doubled.min(RETRY_MOST.max(every))
}
