//! How much a new plan drops of what the old one had.
//!
//! A truncated zone file or an empty list of endpoints is valid text; that it drops half of
//! what was served is what gives it away (promise 7). Only losses count: growth never does. Things
//! with names count by name, so that a service put in for another does not hide that one is gone.
use std::collections::BTreeSet;
use std::fmt;

use super::Plan;
use crate::base::Permille;
use crate::dns::Name;
use crate::dns::transfer::serial::is_newer;
use crate::dns::zone::Zone;

/// How large a zone is, and which file that is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneSize {
    /// The version of it ([`super::ZonePlan::id`]).
    pub id: Name,
    /// How many names hold data.
    pub names: usize,
    /// A number for its file; 0 for a zone that is awaited.
    pub digest: u64,
    /// The serial in its file.
    pub serial: Option<u32>,
    /// Signatures in its file.
    pub signed: bool,
    /// Tells that a catalog lists it: it comes and goes with that, which has a bound of its own.
    pub listed: bool,
}

impl ZoneSize {
    /// The size of a zone as its file has it; `digest` is a number for that.
    #[must_use]
    pub fn of(zone: &Zone, digest: u64) -> Self {
        Self {
            id: zone.apex().clone(),
            names: zone.names(),
            digest,
            serial: zone.serial(),
            signed: zone.is_signed_elsewhere(),
            listed: false,
        }
    }

    /// Number of names that `next` has lost, if that is more than a part of them and nobody vouches for it by a higher
    /// serial (RFC 1982).
    #[must_use]
    pub fn loses_to(&self, next: &Self, allowed: Permille) -> Option<usize> {
        let is_newer = |(own, next)| is_newer(next, own);
        let vouched = self.serial.zip(next.serial).is_some_and(is_newer);
        let is_there = self.digest != 0 && next.digest != 0;
        let loss = Loss::counted("names", [self.names, next.names]);
        (is_there && !vouched && loss.exceeds(allowed)).then_some(loss.gone)
    }
}

/// Most lost things that a message names.
const NAMED: usize = 5;

/// A list that lost more than it may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrink {
    /// Of what.
    pub what: &'static str,
    /// How many there were.
    pub before: usize,
    /// How many of them are gone.
    pub gone: usize,
    /// The first few that are gone, where they have names.
    pub lost: Vec<String>,
    /// Part that may go, permille.
    pub allowed: Permille,
}

impl fmt::Display for Shrink {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (gone, before, what) = (self.gone, self.before, self.what);
        write!(out, "the new config drops {gone} of {before} {what}")?;
        if !self.lost.is_empty() {
            let more = match gone - self.lost.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            write!(out, " ({}{more})", self.lost.join(", "))?;
        }
        write!(out, "; guard.max_shrink allows {}", self.allowed)
    }
}

/// What became of one list.
struct Loss {
    what: &'static str,
    before: usize,
    gone: usize,
    lost: Vec<String>,
}

impl Loss {
    /// Of things that have names, before and after.
    fn named<T: Ord + ToString>(what: &'static str, plans: [impl Iterator<Item = T>; 2]) -> Self {
        let [before, after] = plans.map(BTreeSet::from_iter);
        let lost = before.difference(&after);
        Self {
            what,
            before: before.len(),
            gone: lost.clone().count(),
            lost: lost.take(NAMED).map(ToString::to_string).collect(),
        }
    }

    /// Of things that are only counted, before and after.
    fn counted(what: &'static str, [before, after]: [usize; 2]) -> Self {
        Self {
            what,
            before,
            gone: before.saturating_sub(after),
            lost: Vec::new(),
        }
    }

    /// Whether it is more than may go.
    fn exceeds(&self, allowed: Permille) -> bool {
        self.gone * usize::from(Permille::FULL.0) > self.before * usize::from(allowed.0)
    }
}

impl Plan {
    /// What `next` drops beyond this plan's `guard.max_shrink`; empty if nothing. `zones` are those before and after.
    #[must_use]
    pub fn shrinks_to(&self, next: &Self, zones: [&[ZoneSize]; 2]) -> Vec<Shrink> {
        let allowed = self.guard.max_shrink;
        let beyond = self.losses(next, zones).into_iter();
        beyond
            .filter(|loss| loss.exceeds(allowed))
            .map(|loss| Shrink {
                what: loss.what,
                before: loss.before,
                gone: loss.gone,
                lost: loss.lost,
                allowed,
            })
            .collect()
    }

    /// What becomes of every list that a config fills.
    fn losses(&self, next: &Self, zones: [&[ZoneSize]; 2]) -> [Loss; 7] {
        let plans = [self, next];
        let zones = zones.map(|zones| zones.iter().filter(|zone| !zone.listed));
        [
            Loss::named(
                "services",
                plans.map(|plan| plan.services.iter().map(|one| &one.name)),
            ),
            Loss::named(
                "hostnames",
                plans.map(|plan| plan.services.iter().flat_map(|one| &one.hostnames)),
            ),
            Loss::named(
                "regions",
                plans.map(|plan| plan.regions.iter().map(|one| &one.name)),
            ),
            Loss::named(
                "endpoints",
                plans.map(|plan| plan.endpoints.iter().map(|one| &one.name)),
            ),
            Loss::named(
                "zones",
                zones.clone().map(|zones| zones.map(|zone| &zone.id)),
            ),
            Loss::counted(
                "names",
                zones.map(|zones| zones.map(|zone| zone.names).sum()),
            ),
            Loss::counted("geo networks", plans.map(|plan| plan.geo.networks)),
        ]
    }
}
