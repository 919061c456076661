//! Planned windows in a play: what a running server orders by itself, at the civil time that the scenario begins at.
//!
//! A scenario that names no such time opens none: a window of the config is somewhere in the year. What is refused is asked for
//! again, as by a server. The order itself is the engine's to judge.
use std::collections::BTreeSet;

use crate::base::{Calendar, Moment, Span, TimeSpec, Utc};
use crate::engine::OrderRequest;
use crate::plan::Plan;
use crate::sim::World;

/// The time after which a window that was refused is asked for again.
const AGAIN: Span = Span::from_secs(60);

/// The windows that were opened.
#[derive(Debug, Default)]
pub(super) struct Windows {
    /// By name, and when they open.
    ordered: BTreeSet<(String, Utc)>,
}

impl Windows {
    /// Opens what is due; gives the moment at which to look again.
    pub(super) fn open(
        &mut self,
        plan: &Plan,
        calendar: Calendar,
        world: &mut World,
    ) -> Option<Moment> {
        let mut looks = Vec::new();
        for window in &plan.maintenance {
            let Some(next) = window.after(calendar.utc).next() else {
                continue;
            };
            let until = calendar.moment_of(TimeSpec::At(next.end));
            let key = (window.name.clone(), next.start);
            let begins = next.begins(window.lead);
            if begins > calendar.utc {
                looks.push(calendar.moment_of(TimeSpec::At(begins)));
            } else if self.ordered.contains(&key) {
                looks.push(until);
            } else if let Some(Ok(_)) = world.order(OrderRequest::of_window(window, until)) {
                self.ordered.insert(key);
                looks.push(until);
            } else {
                looks.push(calendar.now.after(AGAIN));
            }
        }
        looks.into_iter().min()
    }
}
