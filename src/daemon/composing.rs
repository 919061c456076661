//! Configs that were read again, on their way into force: their zones are composed first, and what is served stays until all are there.
use std::sync::{Arc, PoisonError};

use tracing::{info, warn};

use super::control_loop::ControlLoop;
use super::prepared::{Prepared, Source};
use super::readdress::{self, Readdressed};
use super::reader::ReloadWaiters;
use super::reload_effects::{gone, opened_by};
use crate::dns::zone::Zones;
use crate::engine::Input;
use crate::io::metrics::ReloadResult;
use crate::plan::{Plan, ZoneSize};

/// A thing whose zones are being composed.
pub(super) enum Composing {
    /// A config.
    Config(Box<ComposingConfig>),
    /// The config in force with other addresses of names, and who waits for it.
    Names(Box<Readdressed>, std::sync::mpsc::Sender<()>),
}

/// A config whose zones are being composed.
pub(super) struct ComposingConfig {
    plan: Arc<Plan>,
    sizes: Vec<ZoneSize>,
    source: Arc<Source>,
    waiting: ReloadWaiters,
}

impl ControlLoop {
    /// Has the names of the config in force resolved, and its discoveries followed.
    pub(super) fn resolve_names(&self) {
        let in_force = self.handles.in_force.read();
        let in_force = in_force.unwrap_or_else(PoisonError::into_inner);
        self.handles.names.use_plan(&self.plan, &in_force.zoning);
        self.handles
            .discoveries
            .use_plan(&self.plan, &in_force.zoning);
    }

    /// Has the zones of a config composed; what is served stays until all are there.
    pub(super) fn compose(&mut self, prepared: Prepared, waiting: ReloadWaiters) {
        let Prepared {
            plan,
            zones,
            sizes,
            source,
            damaged: _,
        } = prepared;
        self.composing = Some(Composing::Config(Box::new(ComposingConfig {
            plan,
            sizes,
            source,
            waiting,
        })));
        let effects = self.zones.configure(zones);
        self.follow(effects);
    }

    /// Takes a config whose zones are composed into force.
    pub(super) fn configured(&mut self, outcome: Result<Arc<Zones>, String>) {
        let ComposingConfig {
            plan,
            sizes,
            source,
            waiting,
        } = match self.composing.take() {
            Some(Composing::Config(own)) => *own,
            Some(Composing::Names(own, done)) => {
                self.readdress(*own, outcome);
                // The reader ends with the server.
                let _ = done.send(());
                return;
            }
            None => return,
        };
        let outcome = outcome.map(|zones| {
            self.scales.sizes = sizes;
            self.handles.names.use_plan(&plan, &source.zoning);
            self.handles.discoveries.use_plan(&plan, &source.zoning);
            self.use_source(source);
            self.apply(plan, zones)
        });
        self.conclude(outcome, waiting);
    }

    fn apply(&mut self, plan: Arc<Plan>, zones: Arc<Zones>) -> String {
        self.warn_of_restart(&plan);
        let mut text = format!("plan {:016x} is in force", plan.digest);
        if let Some(gone) = gone(&self.plan, &plan) {
            info!(event = "endpoints_gone", "no longer configured: {gone}");
            text = format!("{text}; no longer configured: {gone}");
        }
        self.replace_plan(&plan);
        self.handles.metrics.reload(ReloadResult::Applied);
        self.handle(Input::Reload(plan, zones));
        text
    }

    /// Goes by another plan from now on.
    pub(super) fn replace_plan(&mut self, plan: &Arc<Plan>) {
        self.epoch += 1;
        self.plan = Arc::clone(plan);
        if let Some(carrier) = &mut self.handles.carrier {
            carrier.use_plan(plan);
        }
        if let Some(cluster) = &mut self.handles.cluster {
            cluster.use_plan(plan);
        }
        self.probe_by(Arc::clone(plan));
    }

    /// Reads files of zones by this from now on.
    pub(super) fn use_source(&self, source: Arc<Source>) {
        let in_force = self.handles.in_force.write();
        *in_force.unwrap_or_else(PoisonError::into_inner) = source;
    }

    /// Says what of the new plan waits for a restart.
    fn warn_of_restart(&self, next: &Plan) {
        for ((key, opened), (_, wanted)) in self.opened.iter().zip(opened_by(next)) {
            if *opened != wanted {
                warn!(
                    event = "restart_needed",
                    "{key} is {opened} until a restart; the new config says {wanted}"
                );
            }
        }
    }

    /// Takes other addresses into force, now that there are zones for them.
    fn readdress(&mut self, own: Readdressed, outcome: Result<Arc<Zones>, String>) {
        let zones = match outcome {
            Ok(zones) => zones,
            Err(why) => return readdress::refuse(&why),
        };
        self.use_source(own.source);
        self.replace_plan(&own.plan);
        let holds = own.known.expiries().clone();
        self.handle(Input::Readdress(own.plan, zones, holds));
        info!(
            event = "names_in_force",
            "answers have the addresses that names have now"
        );
    }
}
