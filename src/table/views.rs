//! The table as clients of some networks see it: steering is the same, the zones are others.
//!
//! Which view a client sees is decided once, before anything is looked up; from there on the table of that view is a table
//! like any other. So nothing that is answered can be of two views, and where there are no views nothing is asked.
use std::net::IpAddr;
use std::sync::Arc;

use super::Table;
use crate::base::ViewId;
use crate::dns::zone::Zones;

impl Table {
    /// The table that whoever asks from an address sees.
    #[must_use]
    pub fn seen_from(&self, source: IpAddr) -> &Self {
        match self.has_views() {
            true => self.seen(self.plan.views.of(source)),
            false => self,
        }
    }

    /// The table that a view sees.
    #[must_use]
    pub fn seen(&self, view: Option<ViewId>) -> &Self {
        let own = view.and_then(|view| self.views.get(view.index()));
        own.unwrap_or(self)
    }

    /// Tells whether some clients see other zones than others.
    #[must_use]
    pub fn has_views(&self) -> bool {
        !self.views.is_empty()
    }

    /// The table with those of its views.
    pub(super) fn with_views(self) -> Self {
        let views = self.zones.views().iter();
        let views = views.map(|zones| self.answering(zones)).collect();
        Self { views, ..self }
    }

    /// The same steering, over other zones.
    fn answering(&self, zones: &Arc<Zones>) -> Self {
        Self {
            generation: self.generation,
            plan: Arc::clone(&self.plan),
            zones: Arc::clone(zones),
            standings: Arc::clone(&self.standings),
            demands: Arc::clone(&self.demands),
            built_at: self.built_at,
            layout: Arc::clone(&self.layout),
            pools: self.pools.clone(),
            service_routes: self.service_routes.clone(),
            load_plan: self.load_plan.clone(),
            regional: self.regional.clone(),
            views: Vec::new(),
        }
    }
}
