//! The driver of the cluster: this node's words into the shared copy, and what others say into the engine.
//!
//! ```text
//! every beat:   engine.vote() --ballot--> SharedCopy            on a new order, and every 5 s: head      every 10 s: load
//! on a change:  SharedCopy --panel--> Input::Heard
//! ```
//!
//! A node that has just begun gives the engine nothing until it has heard a majority, or long enough for that: until then nothing
//! changes of what it knew before.
//!
//! It lives in the control loop, which owns the engine, and waits for nothing. A node without `[cluster]` has none of it, and the
//! engine's panel is the lone one.
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use tokio::sync::watch;

use super::anycast::RouteDriver;
use super::cluster_load;
use super::cluster_orders::{self, ClusterOrders};
use super::distribution::Distribution;
use super::keeper::ClusterBefore;
use super::key_sharing::KeySharing;
use crate::base::limits::{CLUSTER_HEAD_EVERY, CLUSTER_SERIALS};
use crate::base::{Moment, from_hexadecimal};
use crate::engine::{Engine, Input, Observed};
use crate::io::carry::SharedCopy;
use crate::io::clock::Clock;
use crate::io::control::{Heartbeat, SecretAsk, SecretReply};
use crate::io::keys::lock::NodeLock;
use crate::plan::{ClusterPart, ClusterRules, Plan};
use crate::share::{
    AuthorKey, AuthorSeal, Boot, Cluster, ClusterStart, EntryHash, MemberAdmission, MemberRole,
    NodeHead, Roster, RosterFault, RosterMember, TargetNames, Tuning,
};

/// A thing that whoever shares the secrets of all nodes is told.
pub(super) enum SecretWord {
    /// Somebody asks.
    Ask(SecretAsk, SecretReply),
    /// Another program may change the secrets, or no more.
    Hold(bool),
}

/// Joins the engine and the shared copy.
pub(super) struct ClusterDriver {
    copy: SharedCopy,
    changes: watch::Receiver<u64>,
    plan: Arc<Plan>,
    rules: Arc<ClusterRules>,
    pub(super) beat_at: Moment,
    head_at: Moment,
    /// The digest of the orders in the last head: who waits for others to know an order reads their heads.
    told: EntryHash,
    pub(super) route: RouteDriver,
    /// Orders between it and this node's cores.
    pub(super) orders: ClusterOrders,
    /// Until the zones have it.
    keys: Option<KeySharing>,
    pub(super) distribution: Distribution,
    pub(super) lock: Option<Arc<NodeLock>>,
    /// The way to whoever shares the secrets of all nodes.
    pub(super) secrets: Option<Sender<SecretWord>>,
}

impl ClusterDriver {
    /// Begins to take part, if the plan says so.
    ///
    /// # Errors
    /// When the seal cannot be read, or the roster cannot be.
    pub(super) fn start(
        plan: &Arc<Plan>,
        (clock, heartbeat): (Clock, &Arc<Heartbeat>),
        before: &ClusterBefore,
    ) -> Result<Option<Self>, String> {
        let Some(rules) = &plan.cluster else {
            return Ok(None);
        };
        let (seal, lock) = seal(&rules.files.seal)?;
        let roster = roster(rules).map_err(|fault| format!("[cluster] nodes: {fault:?}"))?;
        let drawn = u16::try_from(std::process::id() % 0x1_0000).unwrap_or(0);
        let calendar = clock.calendar();
        let start = ClusterStart {
            now: calendar.now,
            boot: cluster_orders::later(Boot::at(calendar.utc, drawn), seal.key().author(), before),
        };
        let mut cluster = Cluster::new(seal, Arc::new(roster), tuning(rules), start);
        cluster_orders::restore(&mut cluster, calendar.utc, before);
        let orders = ClusterOrders::new(&cluster, calendar.utc, before);
        let copy = SharedCopy::new(cluster, clock);
        let route = RouteDriver::new(rules, Arc::clone(heartbeat));
        let lock = Arc::new(lock);
        let keys = KeySharing::new(copy.clone(), Arc::clone(&lock));
        let mut driver = Self::new((copy, orders, route), Arc::clone(rules), plan);
        driver.keys = Some(keys);
        driver.lock = Some(lock);
        driver.distribution.adopt(&driver.rules, &driver.copy);
        Ok(Some(driver))
    }

    /// Drives a copy by these rules.
    fn new(
        (copy, orders, route): (SharedCopy, ClusterOrders, RouteDriver),
        rules: Arc<ClusterRules>,
        plan: &Arc<Plan>,
    ) -> Self {
        copy.say(|cluster, _, _| cluster.plan(target_names(plan)));
        Self {
            changes: copy.changes(),
            copy,
            plan: Arc::clone(plan),
            rules,
            beat_at: Moment(0),
            head_at: Moment(0),
            told: EntryHash::default(),
            route,
            orders,
            keys: None,
            distribution: Distribution::default(),
            lock: None,
            secrets: None,
        }
    }

    /// Goes by another plan from now on. Which node this is and by which key it signs stays until a restart, and so does
    /// that there is a cluster at all.
    pub(super) fn use_plan(&mut self, plan: &Arc<Plan>) {
        self.plan = Arc::clone(plan);
        let before = Arc::clone(&self.rules);
        if let Some(next) = &plan.cluster {
            self.rules = Arc::new(ClusterRules {
                name: before.name.clone(),
                node: before.node.clone(),
                listen: before.listen.clone(),
                ..ClusterRules::clone(next)
            });
        }
        self.route.adopt(&self.rules);
        self.distribution.adopt(&self.rules, &self.copy);
        let (rules, names) = (Arc::clone(&self.rules), target_names(plan));
        self.copy.say(|cluster, _, _| {
            // The config was checked: it cannot be no roster, unless hashes of keys meet.
            if let Some(roster) = roster(&rules).ok().filter(|_| rules != before) {
                cluster.adopt(Arc::new(roster), tuning(&rules));
            }
            cluster.plan(names);
        });
    }

    /// The shared copy.
    pub(super) fn copy(&self) -> &SharedCopy {
        &self.copy
    }

    /// The sharing of keys, for whoever drives the zones.
    pub(super) fn take_keys(&mut self) -> Option<KeySharing> {
        self.keys.take()
    }

    /// The rules in force.
    pub(super) fn rules(&self) -> &ClusterRules {
        &self.rules
    }

    /// The moment of the next vote, or of an answer that waits for others.
    pub(super) fn wake_at(&self) -> Moment {
        self.answer_at()
            .map_or(self.beat_at, |at| at.min(self.beat_at))
    }

    /// Votes if it is time, and gives what the engine is to hear.
    pub(super) fn turn(&mut self, engine: &Engine, now: Moment) -> Vec<Input> {
        if self.beat_at <= now {
            self.beat_at = now.after(self.rules.beat);
            self.beat(engine, now);
            if self.distribution.turn(&self.copy, (&self.plan, engine)) {
                self.news();
            }
        }
        if !self.changes.has_changed().unwrap_or(false) {
            return Vec::new();
        }
        self.changes.mark_unchanged();
        let panel = self.copy.look(|cluster, now, _| {
            let panel = cluster.has_settled(now).then(|| cluster.panel());
            panel.map(Input::Heard)
        });
        panel.into_iter().collect()
    }

    /// Tells the others what was counted here, and gives what all have counted together.
    pub(super) fn load(&self, observed: &Observed) -> Observed {
        let load = cluster_load::told(&self.plan, observed);
        let sum = self.copy.say(|cluster, now, wall| {
            cluster.say_load(now, wall, load);
            cluster.load(now)
        });
        cluster_load::observed(&self.plan, sum)
    }

    fn beat(&mut self, engine: &Engine, now: Moment) {
        let (trust, sight) = engine.sight();
        let digest = self.copy.look(|cluster, _, _| cluster.log().digest());
        let has_news = std::mem::replace(&mut self.told, digest) != digest;
        let is_due = has_news || self.head_at <= now;
        let (plan, route) = (&self.plan, &mut self.route);
        let has_told = self.copy.say(|cluster, now, wall| {
            cluster.tick(now, wall, sight);
            let ballot = engine.vote(now, cluster.ballot(trust));
            cluster.say(now, wall, ballot);
            let (route, is_new) = route.turn((cluster, engine), now);
            if is_due || is_new {
                let head = head(plan, engine);
                cluster.say_head(wall, NodeHead { route, ..head });
            }
            is_due || is_new
        });
        if has_told {
            self.head_at = now.after(CLUSTER_HEAD_EVERY);
        }
    }
}

/// The config, table and zones of this node; of its orders the core knows.
fn head(plan: &Plan, engine: &Engine) -> NodeHead {
    let mut config = [0; 32];
    config[..8].copy_from_slice(&plan.policy.to_be_bytes());
    let zones = &engine.table().zones;
    // The versions of views have ids of this config alone.
    let common = zones.all().iter().filter(|served| served.view.is_none());
    let serials = common.filter_map(|served| {
        let apex = served.zone.apex();
        Some((TargetNames::hash(&apex.to_string()), zones.serial(apex)?))
    });
    let mut serials: Vec<(u64, u32)> = serials.collect();
    serials.sort_unstable();
    serials.truncate(CLUSTER_SERIALS);
    NodeHead {
        config,
        generation: engine.table().generation,
        serials,
        ..NodeHead::default()
    }
}

/// Waits until other nodes have said something; for ever where there are none.
pub(super) async fn changed(driver: Option<&mut ClusterDriver>) {
    match driver {
        // Clones of the receiver see what this one has not: the driver's turn marks it.
        Some(driver) => drop(driver.changes.clone().changed().await),
        None => std::future::pending().await,
    }
}

/// The secret with which this node signs, and the lock for what is encrypted to it.
fn seal(path: &Path) -> Result<(AuthorSeal, NodeLock), String> {
    let told = |why: &str| format!("[cluster] key: `{}` {why}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| told(&error.to_string()))?;
    let wrong = || told("is not 64 hexadecimal digits: `waypost node new` makes one");
    let seed: [u8; 32] = from_hexadecimal(text.trim()).ok_or_else(wrong)?;
    let both = AuthorSeal::from_seed(&seed).zip(NodeLock::from_seed(&seed));
    both.ok_or_else(wrong)
}

/// The names of a plan's targets, in its order, as the cluster tells them apart.
fn target_names(plan: &Plan) -> Vec<u64> {
    let names = plan
        .targets
        .iter()
        .map(|target| TargetNames::hash(&target.key));
    names.collect()
}

/// The roster of a config.
///
/// # Errors
/// The reason for which it cannot be.
pub(super) fn roster(rules: &ClusterRules) -> Result<Roster, RosterFault> {
    let members = rules.nodes.iter().map(|node| {
        let (role, admission) = match node.part {
            ClusterPart::Vantage => (MemberRole::Vantage, MemberAdmission::Admitted),
            ClusterPart::Follower => (MemberRole::Follower, MemberAdmission::Admitted),
            ClusterPart::RevokedVantage => (MemberRole::Vantage, MemberAdmission::Revoked),
            ClusterPart::RevokedFollower => (MemberRole::Follower, MemberAdmission::Revoked),
        };
        RosterMember {
            name: node.name.clone(),
            key: AuthorKey(node.key),
            region: node.region.clone(),
            provider: node.provider.clone(),
            role,
            admission,
        }
    });
    Roster::new(&rules.name, members.collect())
}

/// The tuning of a config.
pub(super) fn tuning(rules: &ClusterRules) -> Tuning {
    Tuning {
        beat: rules.beat,
        alone_after: rules.alone_after,
        up_while: rules.up_while,
    }
}
