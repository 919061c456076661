//! Standings by client region: what a table gives to those clients for whom some endpoints are otherwise than for the rest.
//!
//! ```text
//! whole table --with the few standings that a region has of its own--> view of that region: all pools, most of them the whole's
//! whole + views --class by class: the view of the region that it prefers first--> composed: pools of all, routes of each
//! ```
//!
//! A view is a table like any other, built on the whole one, so that only pools and routes are made anew that depend on a row of
//! that region; it falls open, fails over and is checked as every table. The composed table has the pools of the whole, then those in
//! which views differ, and each class has the route of its view: whoever answers asks no more than before.
//!
//! Where capacity is planned the whole table is for all: what places carry is planned for all clients at once.
//!
//! It knows nothing of votes: who rules for a region was decided before.
use std::sync::Arc;

use super::service_routes::ServiceRoutes;
use super::{Basis, RegionRows, RegionViews, Table};
use crate::base::{ClassId, ServiceId};

impl Table {
    /// The table in which clients of some regions go by standings of their own. Where capacity is planned it is the same one.
    #[must_use]
    pub fn with_regions(self, rows: Vec<RegionRows>) -> Self {
        if rows.is_empty() || self.plans_capacity() {
            return self;
        }
        let whole = Arc::new(self);
        let views = rows.into_iter().map(|rows| {
            let view = whole.view(&rows);
            (rows, view)
        });
        let regional = RegionViews {
            views: views.collect(),
            whole,
        };
        regional.composed()
    }

    /// The table by the standings of the whole.
    #[must_use]
    pub fn whole(&self) -> &Self {
        self.regional.as_ref().map_or(self, |own| &own.whole)
    }

    /// The table by which the clients of a class are answered.
    #[must_use]
    pub fn view_for(&self, service: ServiceId, class: ClassId) -> &Self {
        let Some(own) = &self.regional else {
            return self;
        };
        let view = own.view_of(service, class);
        view.map_or(&own.whole, |place| &own.views[place].1)
    }

    /// The standings that regions have of their own, by region.
    pub fn region_rows(&self) -> impl Iterator<Item = &RegionRows> {
        let views = self.regional.iter().flat_map(|own| &own.views);
        views.map(|(rows, _)| rows)
    }

    fn view(self: &Arc<Self>, rows: &RegionRows) -> Self {
        let mut standings = self.standings.to_vec();
        for (target, standing) in &rows.rows {
            standings[target.index()] = *standing;
        }
        let basis = Basis {
            plan: Arc::clone(&self.plan),
            standings: standings.into(),
            demands: Arc::clone(&self.demands),
            zones: Arc::clone(&self.zones),
        };
        Self::build_on(self.generation, basis, self.built_at, Some(self))
    }
}

impl RegionViews {
    /// The view of a class: that of the region that it prefers first.
    pub(super) fn view_of(&self, service: ServiceId, class: ClassId) -> Option<usize> {
        let class = self.whole.plan.class(service, class);
        let region = class.preference.first()?;
        let mut views = self.views.iter();
        views.position(|(rows, _)| rows.region == *region)
    }

    fn composed(self) -> Table {
        let whole = Arc::clone(&self.whole);
        let mut pools = whole.pools.clone();
        let numbers = self.views.iter().map(|(_, view)| {
            let pairs = (0_u32..).zip(whole.pools.iter().zip(&view.pools));
            let numbers = pairs.map(|(number, (common, own))| {
                if Arc::ptr_eq(common, own) {
                    return number;
                }
                pools.push(Arc::clone(own));
                u32::try_from(pools.len() - 1).expect("there are no more than regions times pools")
            });
            numbers.collect::<Vec<u32>>()
        });
        let numbers: Vec<Vec<u32>> = numbers.collect();
        let routes = (0..whole.service_routes.len()).map(|number| self.routes(number, &numbers));
        let table = Table {
            generation: whole.generation,
            plan: Arc::clone(&whole.plan),
            zones: Arc::clone(&whole.zones),
            standings: Arc::clone(&whole.standings),
            demands: Arc::clone(&whole.demands),
            built_at: whole.built_at,
            layout: Arc::clone(&whole.layout),
            service_routes: routes.collect(),
            pools,
            load_plan: None,
            regional: Some(Arc::new(self)),
            views: Vec::new(),
        };
        table.with_views()
    }

    /// The routes of a number, with those of views for their classes.
    fn routes(&self, number: usize, pools: &[Vec<u32>]) -> Arc<ServiceRoutes> {
        let common = &self.whole.service_routes[number];
        let own = |place: usize| &self.views[place].1.service_routes[number];
        let mut places = 0..self.views.len();
        if places.all(|place| Arc::ptr_eq(common, own(place))) {
            return Arc::clone(common);
        }
        let service = self.whole.layout.service_routes[number].service;
        Arc::new(common.composed(|class| {
            let place = self.view_of(service, class)?;
            Some((place, &**own(place), pools[place].as_slice()))
        }))
    }
}
