//! What another config takes away that nobody may lose by a file which is half written.
//!
//! | module | what it decides |
//! |---|---|
//! | `services` | services, hostnames, regions and zones that are dropped; residency, gates and approvals of what stays |
//! | `ramp` | whether a return goes ahead of how it went |
//! | `access` | who may do more than before: transfers, updates, keys, control |
//! | `signing` | what protects a zone by DNSSEC |
//! | `guards` | limits that bound mistakes, floods and sick probers |
//!
//! Fences are judged by [`compare`](mod@crate::audit::compare), client by client. What weakens is told as a loss, in the words
//! in which `waypost plan` tells losses, and the same list serves both.
//!
//! A config that was cut off is a valid one with fewer words, and where words are missing defaults hold. So each thing that
//! protects is compared by what it comes to, and not by its text. Structs are taken apart by exhaustive patterns: a field that
//! is added does not compile here before somebody has said whether it protects.
//!
//! Not judged is what only moves clients about inside their fences: claims, weights, tiers, TTLs, endpoints (how many of them may
//! go is `guard.max_shrink`'s), nor what a monitor asks for, unless it is a gate. What is stricter than before, and what is new, is no loss.
use std::fmt;

use super::compare::{self, Comparison, Loss, LossKind};
use crate::plan::{Guard, Plan, Zoning};

mod access;
mod guards;
mod ramp;
mod services;
mod signing;

/// Losses that a summary names.
const NAMED: usize = 3;

/// All that was decided by one config.
#[derive(Clone, Copy, Debug)]
pub struct Policy<'p> {
    /// Of steering.
    pub plan: &'p Plan,
    /// Of zones.
    pub zoning: &'p Zoning,
}

/// Everything that another config takes away, in the order of kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Weakened(pub Vec<Loss>);

/// What `after` takes away of what `before` protects and serves; nothing, where it is equal or stricter.
#[must_use]
pub fn weakened(before: Policy<'_>, after: Policy<'_>) -> Weakened {
    let mut found = Findings::default();
    let sides = [before, after];
    let plans = sides.map(|side| side.plan);
    found.0.extend(compare::fences(plans));
    services::judge(sides, &mut found);
    access::judge(sides, &mut found);
    signing::judge(sides, &mut found);
    guards::judge(sides, &mut found);
    found.0.sort_by_key(|loss| loss.kind);
    Weakened(found.0)
}

impl Weakened {
    /// Whether nothing is lost.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first few in one line: `fence of userdata (EEA -> also anywhere) and 2 more`.
    #[must_use]
    pub fn summary(&self) -> String {
        let named = self.0.iter().take(NAMED).map(|loss| {
            let (kind, of) = (loss.kind.word(), &loss.of);
            format!("{kind} of {of} ({} -> {})", loss.before, loss.after)
        });
        let named: Vec<String> = named.collect();
        let more = match self.0.len() - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{}{more}", named.join(", "))
    }
}

/// As `waypost plan` writes losses.
impl fmt::Display for Weakened {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        compare::write_losses(out, &self.0)
    }
}

impl Comparison {
    /// The comparison with what was found here besides; fences and hostnames it has found itself. The rules are the
    /// new plan's.
    #[must_use]
    pub fn and(self, weakened: Weakened, rules: &Guard) -> Self {
        let known = [LossKind::Name, LossKind::Fence];
        let is_new = |loss: &Loss| {
            let told = self.losses.iter();
            let told = told.filter(|own| known.contains(&own.kind));
            let mut same = told.filter(|own| (own.kind, &own.of) == (loss.kind, &loss.of));
            same.next().is_none()
        };
        let more: Vec<Loss> = weakened.0.into_iter().filter(is_new).collect();
        self.with_losses(more, rules)
    }
}

/// What was found so far.
#[derive(Debug, Default)]
struct Findings(Vec<Loss>);

impl Findings {
    /// Adds a loss: whose it is, what was and what is.
    fn tell<T: fmt::Display>(&mut self, kind: LossKind, of: &str, change: [T; 2]) {
        let change = change.map(|side| side.to_string());
        self.0.push(Loss::new(kind, of, change));
    }

    /// Adds a loss if a figure rose that protects by being low.
    fn rise<T: PartialOrd + fmt::Display>(&mut self, kind: LossKind, key: &str, change: [T; 2]) {
        if change[1] > change[0] {
            self.tell(kind, key, change);
        }
    }

    /// Adds a loss if a figure fell that protects by being high.
    fn fall<T: PartialOrd + fmt::Display>(&mut self, kind: LossKind, key: &str, change: [T; 2]) {
        if change[1] < change[0] {
            self.tell(kind, key, change);
        }
    }
}
