//! The anycast route of this node, told to whoever asks `/readyz`, to the log, and to the other nodes.
//!
//! When it goes and when it comes back is decided in [`crate::share::route`]. A node that never withdraws has none of it.
use std::sync::Arc;

use tracing::{info, warn};

use crate::base::Moment;
use crate::dns::zone::Zones;
use crate::engine::Engine;
use crate::io::control::Heartbeat;
use crate::plan::ClusterRules;
use crate::share::{
    AnycastRoute, Cluster, ClusterSummary, RouteFault, RouteRule, RouteStep, RouteWord, TargetNames,
};

/// The route, and where it is told.
pub(super) struct RouteDriver {
    route: Option<AnycastRoute>,
    /// The last word that the others were told.
    told: RouteWord,
    /// Why it is withdrawn or unsound; empty otherwise.
    reason: String,
    heartbeat: Arc<Heartbeat>,
}

impl RouteDriver {
    /// The route by these rules.
    pub(super) fn new(rules: &ClusterRules, heartbeat: Arc<Heartbeat>) -> Self {
        let mut own = Self {
            route: None,
            told: RouteWord::Untold,
            reason: String::new(),
            heartbeat,
        };
        own.adopt(rules);
        own
    }

    /// Goes by other rules from now on.
    pub(super) fn adopt(&mut self, rules: &ClusterRules) {
        let rule = rules.withdraw.map(|own| RouteRule {
            stale_after: own.stale_after,
            hold: own.hold,
        });
        match (&mut self.route, rule) {
            (Some(route), Some(rule)) => route.adopt(rule),
            (None, Some(rule)) => self.route = Some(AnycastRoute::new(rules.node.clone(), rule)),
            (_, None) => {
                self.route = None;
                self.reason.clear();
                self.heartbeat.withdraw(None);
            }
        }
    }

    /// Looks at what is so now; gives the word for the others, and tells whether it is another one than before.
    pub(super) fn turn(
        &mut self,
        (cluster, engine): (&Cluster, &Engine),
        now: Moment,
    ) -> (RouteWord, bool) {
        let word = match &mut self.route {
            None => RouteWord::Untold,
            Some(route) => {
                let zones = &engine.table().zones;
                let (_, sight) = engine.sight();
                let step = route.turn(now, &cluster.route_sight(now, sight, serials(zones)));
                let fault = route.fault();
                self.reason = fault.map_or_else(String::new, |fault| told(fault, zones));
                let word = route.word();
                self.tell(step, word);
                word
            }
        };
        let is_new = std::mem::replace(&mut self.told, word) != word;
        (word, is_new)
    }

    /// Shows it.
    pub(super) fn show(&self, summary: &mut ClusterSummary) {
        self.told.word().clone_into(&mut summary.route);
        summary.route_reason.clone_from(&self.reason);
    }

    fn tell(&self, step: Option<RouteStep>, word: RouteWord) {
        match step {
            Some(RouteStep::Withdrawn(_)) => warn!(
                event = "route_withdrawn",
                "/readyz fails, so that the anycast route is withdrawn: {}", self.reason
            ),
            Some(RouteStep::Returned(after)) => info!(
                event = "route_returned",
                after_ms = after.0,
                "/readyz is well again, so that the anycast route may come back"
            ),
            None => {}
        }
        let withdrawn = (word == RouteWord::Withdrawn).then_some(&*self.reason);
        self.heartbeat.withdraw(withdrawn);
    }
}

/// The serial of each zone by the hash of its name, none where it is not answered; of versions, that of the default.
fn serials(zones: &Zones) -> impl Iterator<Item = (u64, Option<u32>)> {
    let common = zones.all().iter().filter(|served| served.view.is_none());
    common.map(|served| {
        let apex = served.zone.apex();
        (TargetNames::hash(&apex.to_string()), zones.serial(apex))
    })
}

fn told(fault: RouteFault, zones: &Zones) -> String {
    match fault {
        RouteFault::Isolated => {
            "this node is isolated: it hears no majority of the vantages, and its canaries fail"
                .into()
        }
        RouteFault::Stale(zone) => {
            let mut all = zones
                .all()
                .iter()
                .map(|served| served.zone.apex().to_string());
            let name = all.find(|name| TargetNames::hash(name) == zone);
            let name = name.unwrap_or_default();
            format!("zone `{name}` is older on this node than on most others")
        }
    }
}
