//! Losses that another config brings, put together, and told as `waypost plan` tells them.
use std::fmt;

use crate::audit::compare::text::write_losses;
use crate::audit::compare::{Comparison, Loss, LossKind};
use crate::plan::{Guard, Plan, Zoning};

/// Losses that a summary names.
const NAMED: usize = 3;

/// All that was decided by one config.
#[derive(Clone, Copy, Debug)]
pub struct Decisions<'p> {
    /// Of steering.
    pub plan: &'p Plan,
    /// Of zones.
    pub zoning: &'p Zoning,
}

/// Everything that another config takes away, in the order of kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Weakened(pub Vec<Loss>);

impl Weakened {
    /// Tells whether nothing is lost.
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
        write_losses(out, &self.0)
    }
}

impl Comparison {
    /// The comparison with what was found here besides; fences and hostnames it has found itself. The rules are the
    /// new plan's.
    #[must_use]
    pub fn and(self, weakened: Weakened, rules: &Guard) -> Self {
        let known = [LossKind::Name, LossKind::Fence];
        let is_new = |loss: &Loss| {
            // A service that is dropped is told by its hostnames.
            let is_service = loss.kind == LossKind::Service;
            let kind = if is_service {
                LossKind::Name
            } else {
                loss.kind
            };
            let told = self.losses.iter();
            let told = told.filter(|own| known.contains(&own.kind));
            let mut same = told.filter(|own| {
                let is_same = own.of == loss.of || loss.of.starts_with(&format!("{} for ", own.of));
                own.kind == kind && is_same
            });
            same.next().is_none()
        };
        let more: Vec<Loss> = weakened.0.into_iter().filter(is_new).collect();
        self.with_losses(more, rules)
    }
}

/// Losses found so far.
#[derive(Debug, Default)]
pub(super) struct Findings(pub(super) Vec<Loss>);

impl Findings {
    /// Adds a loss: whose it is, what was and what is.
    pub(super) fn tell<T: fmt::Display>(&mut self, kind: LossKind, of: &str, change: [T; 2]) {
        let change = change.map(|side| side.to_string());
        self.0.push(Loss::new(kind, of, change));
    }

    /// Adds a loss if a figure rose that protects by being low.
    pub(super) fn rise<T: PartialOrd + fmt::Display>(
        &mut self,
        kind: LossKind,
        key: &str,
        change: [T; 2],
    ) {
        if change[1] > change[0] {
            self.tell(kind, key, change);
        }
    }

    /// Adds a loss if a figure fell that protects by being high.
    pub(super) fn fall<T: PartialOrd + fmt::Display>(
        &mut self,
        kind: LossKind,
        key: &str,
        change: [T; 2],
    ) {
        if change[1] < change[0] {
            self.tell(kind, key, change);
        }
    }
}
