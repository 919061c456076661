//! Discoveries as others see them: operators, the log, the disk.
use serde::{Deserialize, Serialize};

use super::list::EndpointList;

/// A discovery as an operator may see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DiscoveryReport {
    /// Its name.
    pub name: String,
    /// The source, for a person; without secrets.
    pub source: String,
    /// Endpoints of it that are in force.
    pub endpoints: usize,
    /// Changes that wait for their turn.
    pub pending: usize,
    /// Time since the source confirmed what is wanted; absent if it never has.
    pub age_ms: Option<u64>,
    /// The fault as a word, if anything is wrong: `failing`, `refused` or `unfit`.
    pub fault: Option<String>,
    /// The fault in words.
    pub reason: Option<String>,
    /// Endpoints of a list that was refused and can be accepted; absent if there is none.
    pub held_back: Option<usize>,
    /// Endpoints that the source lists and the config does not admit.
    pub left_out: usize,
    /// Questions that brought no list since the start.
    pub failures: u64,
    /// Lists that were refused since the start.
    pub refusals: u64,
    /// Changes of endpoints since the start.
    pub changes: u64,
}

/// A list as it is kept over a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptList {
    /// The discovery.
    pub name: String,
    /// The endpoints that were in force.
    pub endpoints: EndpointList,
    /// The time at which the source confirmed them last, milliseconds since 1970.
    pub seen_ms: u64,
}

/// A thing that an operator is told of a discovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiscoveryNotice {
    /// Endpoints came, went or changed, and that is in force.
    Changed {
        /// The discovery.
        name: String,
        /// Endpoints that are in force now.
        endpoints: usize,
        /// Ids of those that came, that went and that changed.
        ids: [Vec<String>; 3],
        /// Changes that wait for their turn.
        pending: usize,
    },
    /// A list is not taken; the last good one goes on.
    Refused {
        /// The discovery.
        name: String,
        /// Why.
        why: String,
    },
    /// The source gives no list; the last good one goes on.
    Failing {
        /// The discovery.
        name: String,
        /// Why.
        why: String,
        /// Endpoints that are in force.
        endpoints: usize,
    },
    /// A list was taken again.
    Recovered(String),
    /// Endpoints of a list are left out.
    LeftOut {
        /// The discovery.
        name: String,
        /// Their number.
        count: usize,
        /// The first of them, and why.
        first: String,
    },
}
