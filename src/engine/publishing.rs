//! Publication: when a table is made, of what, and that it is checked before anybody answers from it.
use std::sync::Arc;

use super::{Engine, Notice, Output};
use crate::base::{Moment, limits};
use crate::table::{self, Basis, Table};

impl Engine {
    /// Tells that the published table is what a rebuild at `now` would give, or a publication that
    /// will make it so is planned within [`limits::COALESCE`].
    #[must_use]
    pub fn is_current(&self, now: Moment) -> bool {
        let soon = now.after(limits::COALESCE);
        let planned = self.publish_at.is_some_and(|due| due > now && due <= soon);
        if planned || !Arc::ptr_eq(&self.table.plan, &self.plan) {
            return planned;
        }
        let whole = self.health.recompute(now);
        let rows = self.health.recompute_regions(now, &whole);
        self.table.standings[..] == whole[..] && self.table.region_rows().eq(&rows)
    }

    /// Plans to publish, if the health of some targets has changed for clients of some regions.
    pub(super) fn plan_regions(&mut self, now: Moment) {
        if self.health.regional.take_changed() {
            let due = now.after(limits::COALESCE);
            self.publish_at = Some(self.publish_at.map_or(due, |planned| planned.min(due)));
        }
    }

    /// Publishes a table if it would differ from the one that is out, and if its independent check
    /// finds no breach; otherwise the old one stays.
    pub(super) fn publish(&mut self, now: Moment) {
        self.publish_at = None;
        let same_plan = Arc::ptr_eq(&self.table.plan, &self.plan);
        let same_demand =
            Arc::ptr_eq(&self.table.demands, self.demand.planned()) || !self.table.plans_capacity();
        let same_zones = Arc::ptr_eq(&self.table.zones, &self.zones);
        let rows = self.health.region_rows();
        if same_plan
            && same_zones
            && same_demand
            && self.table.standings[..] == *self.health.standings()
            && self.table.region_rows().eq(&rows)
        {
            return;
        }
        let basis = Basis {
            plan: self.plan.clone(),
            standings: self.health.standings().into(),
            demands: self.demand.planned().clone(),
            zones: self.zones.clone(),
        };
        let previous = same_plan.then_some(&*self.table);
        let table = Table::build_on(self.table.generation + 1, basis, now, previous);
        let table = table.with_regions(rows);
        // Nothing has checked the first table, for there was none to stay with.
        let checked = match self.table.generation {
            1 => table::check(&table),
            _ => table::check_changed(&table, &self.table),
        };
        if let Err(breach) = checked {
            let reason = breach.to_string();
            self.outputs
                .push_back(Output::Notice(Notice::Rejected { reason }));
            return;
        }
        self.table = Arc::new(table);
        self.outputs.push_back(Output::Publish(self.table.clone()));
        self.notices.published(&self.table, &mut self.outputs);
        self.overloads.published(&self.table, &mut self.outputs);
    }
}
