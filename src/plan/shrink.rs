//! How much a new plan drops of what the old one had.
//!
//! A truncated zone file or an empty list of endpoints is valid text; that it drops half of
//! what was served is what gives it away (promise 7). Only losses count: growth never does.
use std::collections::BTreeSet;
use std::fmt;

use super::Plan;
use crate::base::Permille;

/// A list that lost more than it may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrink {
    /// Of what.
    pub what: &'static str,
    /// How many there were.
    pub before: usize,
    /// How many of them are gone.
    pub gone: usize,
    /// Part that may go, permille.
    pub allowed: Permille,
}

impl fmt::Display for Shrink {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            before,
            gone,
            allowed,
        } = self;
        write!(
            out,
            "the new config drops {gone} of {before} {what}; guard.max_shrink allows {allowed}"
        )
    }
}

impl Plan {
    /// What `next` drops beyond this plan's `guard.max_shrink`; empty if nothing.
    #[must_use]
    pub fn shrinks_to(&self, next: &Self) -> Vec<Shrink> {
        let allowed = self.guard.max_shrink;
        let gone_endpoints = gone(
            self.endpoints.iter().map(|endpoint| endpoint.name.as_str()),
            next.endpoints.iter().map(|endpoint| endpoint.name.as_str()),
        );
        [
            (
                "names",
                self.names(),
                self.names().saturating_sub(next.names()),
            ),
            ("zones", self.zone_list.len(), self.gone_zones(next)),
            ("endpoints", self.endpoints.len(), gone_endpoints),
            (
                "geo networks",
                self.geo.networks,
                self.geo.networks.saturating_sub(next.geo.networks),
            ),
        ]
        .into_iter()
        .filter(|&(_, before, gone)| gone * 1000 > before * usize::from(allowed.0))
        .map(|(what, before, gone)| Shrink {
            what,
            before,
            gone,
            allowed,
        })
        .collect()
    }

    /// Names of all zones together.
    fn names(&self) -> usize {
        self.zone_list.iter().map(|(_, names)| names).sum()
    }

    fn gone_zones(&self, next: &Self) -> usize {
        gone(
            self.zone_list.iter().map(|(apex, _)| apex),
            next.zone_list.iter().map(|(apex, _)| apex),
        )
    }
}

/// How many of `before` are not in `after`.
fn gone<T: Ord>(before: impl Iterator<Item = T>, after: impl Iterator<Item = T>) -> usize {
    let after: BTreeSet<T> = after.collect();
    before.filter(|item| !after.contains(item)).count()
}
