//! The carriers of the cluster's records: begun with the server, told of a reload, and let go of for a successor.
//!
//! The listeners are open from the start and handed over like all others. Two programs with one key must not speak at once, so this one
//! falls silent when it lets go of the state, and speaks again if the successor does not answer; who connects meanwhile waits in the
//! socket for the one that goes on.
use std::net::TcpListener;
use std::sync::Arc;

use tracing::error;

use super::cluster::ClusterDriver;
use super::keeper::ClusterBefore;
use super::key_sharing::KeySharing;
use crate::io::carry::CarrierTools;
use crate::io::carry::nats::Nats;
use crate::io::carry::peers::Peers;
use crate::io::clock::Clock;
use crate::io::control::Heartbeat;
use crate::io::metrics::Metrics;
use crate::plan::{ClusterRules, Plan};

/// The carrier of a node, and all that is needed to begin anew.
pub(super) struct CarrierKeeper {
    listeners: Vec<TcpListener>,
    rules: Arc<ClusterRules>,
    tools: CarrierTools,
    carriers: Option<(Peers, Nats)>,
}

/// The part of a node in a cluster: what it says and hears, what carries it, and the keys that it shares. None of it, if it stands alone.
pub(super) type ClusterParts = (
    Option<ClusterDriver>,
    Option<CarrierKeeper>,
    Option<KeySharing>,
);

/// Begins to take part in a cluster, if the plan says so; peers are answered on these listeners.
///
/// # Errors
/// When this node's key cannot be read, or the system gives no thread.
pub(super) fn join(
    plan: &Arc<Plan>,
    (clock, before): (Clock, &ClusterBefore),
    (listeners, metrics, heartbeat): (Vec<TcpListener>, &Arc<Metrics>, &Arc<Heartbeat>),
) -> Result<ClusterParts, String> {
    let mut driver = ClusterDriver::start(plan, (clock, heartbeat), before)?;
    let keys = driver.as_mut().and_then(ClusterDriver::take_keys);
    let (Some(own), Some(rules)) = (&driver, &plan.cluster) else {
        return Ok((None, None, None));
    };
    let mut keeper = CarrierKeeper {
        listeners,
        rules: Arc::clone(rules),
        tools: CarrierTools {
            copy: own.copy().clone(),
            clock,
            metrics: Arc::clone(metrics),
        },
        carriers: None,
    };
    keeper.begin()?;
    Ok((driver, Some(keeper), keys))
}

impl CarrierKeeper {
    fn begin(&mut self) -> Result<(), String> {
        let told =
            |error: std::io::Error| format!("[cluster] cannot speak to other nodes: {error}");
        let listeners = self.listeners.iter().map(TcpListener::try_clone);
        let listeners = listeners.collect::<std::io::Result<_>>().map_err(told)?;
        let peers = Peers::start(listeners, Arc::clone(&self.rules), self.tools.clone());
        let peers = peers.map_err(told)?;
        let nats = Nats::start(Arc::clone(&self.rules), self.tools.clone()).map_err(told)?;
        self.carriers = Some((peers, nats));
        Ok(())
    }

    /// Goes by another plan from now on; which node this is stays until a restart.
    pub(super) fn use_plan(&mut self, plan: &Plan) {
        let Some(rules) = &plan.cluster else {
            return;
        };
        self.rules = Arc::new(ClusterRules {
            node: self.rules.node.clone(),
            ..ClusterRules::clone(rules)
        });
        if let Some((peers, nats)) = &self.carriers {
            peers.set(&self.rules);
            nats.set(&self.rules);
        }
    }

    /// Falls silent.
    pub(super) async fn pause(&mut self) {
        if let Some((peers, nats)) = self.carriers.take() {
            tokio::join!(peers.stop(), nats.stop());
        }
    }

    /// Speaks again.
    pub(super) fn resume(&mut self) {
        if let Err(why) = self.begin() {
            error!(
                event = "cluster_silent",
                "this node neither asks others nor answers them until it is started anew: {why}"
            );
        }
    }
}
