//! Releases of the shared config on this node: from the cluster to the included file, and what became of it back to the cluster.
//!
//! ```text
//! Rollout --Take, Return--> the thread that reads configs --> file, cores --taken, refused--> Rollout
//!    ^ vitals: own probes, counts of answers, table
//! ```
//!
//! It decides nothing: which release is taken when, and what is harm, is for [`Rollout`] to say. Each turn comes with a beat.
use std::sync::Arc;

use tokio::sync::oneshot;
use tracing::{error, info, warn};

use super::order_spread;
use super::shared_text::{SharedReply, SharedText};
use crate::base::to_hexadecimal;
use crate::engine::Engine;
use crate::io::carry::SharedCopy;
use crate::io::control::{Force, ReleaseAsk};
use crate::io::metrics::Metrics;
use crate::plan::{ClusterRules, DistributeRule, Plan};
use crate::share::{
    AuthorKey, Ballot, PlanHash, Release, ReleaseConsent, ReleaseOrder, ReleaseView, Rollout,
    RolloutDeed, RolloutNews, RolloutRules, Trust, Vitals,
};

/// The way to the thread that reads configs, and the counts of answers.
pub(super) type DistributionTools = (
    Box<dyn Fn(Box<SharedText>, SharedReply) + Send>,
    Arc<Metrics>,
);

/// Drives this node's part in a rollout.
#[derive(Default)]
pub(super) struct Distribution {
    tools: Option<DistributionTools>,
    own: Option<(DistributeRule, Rollout)>,
    /// The text that was in force before the release that is.
    before: Option<String>,
    pending: Option<PendingText>,
}

/// A text on its way into force.
struct PendingText {
    release: Arc<Release>,
    /// Present when the one before comes back.
    returned: Option<String>,
    outcome: oneshot::Receiver<Result<String, String>>,
}

impl Distribution {
    pub(super) fn equip(&mut self, tools: DistributionTools) {
        self.tools = Some(tools);
    }

    /// Goes by these rules from now on.
    pub(super) fn adopt(&mut self, cluster: &ClusterRules, copy: &SharedCopy) {
        let Some(rule) = &cluster.distribute else {
            self.own = None;
            return;
        };
        let rules = RolloutRules {
            cluster: cluster.name.clone(),
            keys: rule.keys.iter().map(|key| AuthorKey(*key)).collect(),
            soak: rule.soak,
        };
        match &mut self.own {
            Some((known, rollout)) if known.file == rule.file => {
                rollout.adopt(rules);
                *known = rule.clone();
            }
            Some(_) | None => {
                // The compiler has read it: what cannot be read now is no release.
                let text = std::fs::read_to_string(&rule.file).unwrap_or_default();
                let now = copy.look(|_, now, _| now);
                self.own = Some((rule.clone(), Rollout::new(rules, &text, now)));
            }
        }
    }

    /// The rollout, as it is shown.
    pub(super) fn view(&self, copy: &SharedCopy) -> Option<ReleaseView> {
        let (_, rollout) = self.own.as_ref()?;
        copy.look(|cluster, _, wall| rollout.view(cluster, wall))
    }

    /// Hears others, tells them how far this node is, and does what is to be done; whether an order was given or heard of.
    pub(super) fn turn(&mut self, copy: &SharedCopy, (plan, engine): (&Plan, &Engine)) -> bool {
        self.conclude(copy);
        if self.pending.is_some() {
            return false;
        }
        let (Some((_, rollout)), Some((_, metrics))) = (&mut self.own, &self.tools) else {
            return false;
        };
        let digest = copy.look(|cluster, _, _| cluster.log().digest());
        let deed = copy.say(|cluster, now, wall| {
            rollout.turn(cluster, (now, wall), &|| {
                let (trust, _) = engine.sight();
                let blank = blank(plan, trust);
                vitals(plan, engine, (&engine.vote(now, blank), metrics))
            })
        });
        rollout.take_news().iter().for_each(|news| tell(copy, news));
        match deed {
            None => {}
            Some(RolloutDeed::Take(release)) => self.take(release),
            Some(RolloutDeed::Return(release)) => self.give_back(release),
        }
        digest != copy.look(|cluster, _, _| cluster.log().digest())
    }

    fn take(&mut self, release: Arc<Release>) {
        let force = match release.head.consent {
            ReleaseConsent::None => Force::No,
            ReleaseConsent::Weakens => Force::Yes,
        };
        let text = Arc::clone(&release.text);
        self.put((release, None), (text, force));
    }

    /// Has the text before come back, which this node was well with. After a restart it is not known any more.
    fn give_back(&mut self, release: Arc<Release>) {
        let version = release.head.version;
        let Some(before) = self.before.take() else {
            warn!(
                event = "release_kept",
                version,
                "the release stays in force here: what was before it is not known since the restart"
            );
            return;
        };
        let text: Arc<str> = before.as_str().into();
        self.put((release, Some(before)), (text, Force::Yes));
    }

    fn put(
        &mut self,
        (release, returned): (Arc<Release>, Option<String>),
        (text, force): (Arc<str>, Force),
    ) {
        let (Some((rule, _)), Some((reader, _))) = (&self.own, &self.tools) else {
            return;
        };
        let key = to_hexadecimal(&release.key.0[..8]);
        let (version, node) = (
            release.head.version,
            if returned.is_some() { "before " } else { "" },
        );
        let shared = SharedText {
            path: rule.file.clone(),
            text,
            force,
            by: format!("{node}release {version} of ed25519:{key}"),
        };
        let (reply, outcome) = oneshot::channel();
        // A reader that has ended drops the reply, and that is the outcome.
        reader(Box::new(shared), reply);
        self.pending = Some(PendingText {
            release,
            returned,
            outcome,
        });
    }

    /// Takes in what became of a text that was on its way.
    fn conclude(&mut self, copy: &SharedCopy) {
        let Some(mut pending) = self.pending.take() else {
            return;
        };
        let outcome = match pending.outcome.try_recv() {
            Ok(outcome) => outcome,
            Err(oneshot::error::TryRecvError::Empty) => {
                self.pending = Some(pending);
                return;
            }
            Err(oneshot::error::TryRecvError::Closed) => {
                Err("nobody reads configs on this node".to_owned())
            }
        };
        let Some((_, rollout)) = &mut self.own else {
            return;
        };
        let version = pending.release.head.version;
        match (pending.returned, outcome) {
            (None, Ok(before)) => {
                info!(
                    event = "release_taken",
                    version, "the release of the shared config is in force here"
                );
                self.before = Some(before);
                rollout.taken(copy.look(|_, now, _| now), Ok(()));
            }
            (None, Err(why)) => {
                error!(
                    event = "release_refused",
                    version, "the release is not taken: {why}"
                );
                rollout.taken(copy.look(|_, now, _| now), Err(why));
            }
            (Some(text), Ok(_)) => {
                warn!(
                    event = "release_returned",
                    version, "what was in force before the release is in force again"
                );
                rollout.returned(&text);
            }
            (Some(_), Err(why)) => error!(
                event = "release_kept",
                version,
                "the release stays in force here: what was before it cannot come back: {why}"
            ),
        }
    }

    /// Does what an operator asks for.
    pub(super) fn ask(&mut self, copy: &SharedCopy, ask: ReleaseAsk) -> Result<String, String> {
        let own = self.own.as_mut();
        let (_, rollout) =
            own.ok_or("this node takes no releases: it has no [cluster.distribute]")?;
        match ask {
            ReleaseAsk::Push(text) => {
                let brought = copy.look(|cluster, _, wall| rollout.bring(cluster, &text, wall));
                let head = &brought?.head;
                Ok(format!(
                    "version {} is here; {} takes it first",
                    head.version, head.first
                ))
            }
            ReleaseAsk::Halt { by, reason, halts } => {
                let order = ReleaseOrder { halts, by, reason };
                let word = if halts { "halted" } else { "let go on" };
                copy.say(|cluster, now, wall| {
                    let (version, entry) = rollout.order(cluster, wall, order)?;
                    let known = order_spread::known_by(&cluster.spread(now, &entry));
                    Ok(format!("version {version} is {word}; {known}"))
                })
            }
        }
    }
}

fn blank(plan: &Plan, trust: Trust) -> Ballot {
    let targets = u32::try_from(plan.targets.len()).unwrap_or(0);
    Ballot::blank(PlanHash::of(&[]), targets, trust)
}

/// The state of this node that a release may harm.
fn vitals(plan: &Plan, engine: &Engine, (vote, metrics): (&Ballot, &Metrics)) -> Vitals {
    let (answers, servfails) = metrics.servfails();
    let places = 0..vote.down.length();
    let mut vitals = Vitals {
        doubting: vote.trust == Trust::Doubting,
        targets: plan.targets.len(),
        down: places.filter(|place| vote.down.has(*place)).count(),
        answers,
        servfails,
        unpublished: engine.table().plan.policy != plan.policy,
        ..Vitals::default()
    };
    for service in &plan.services {
        let tiers = service.pools.iter().flatten().flat_map(|pool| &pool.tiers);
        let members = tiers.flat_map(|tier| &tier.members);
        let places = members.map(|member| u32::try_from(member.target.index()).unwrap_or(u32::MAX));
        let places: Vec<u32> = places.collect();
        let kind = match () {
            () if places.iter().any(|place| vote.up.has(*place)) => &mut vitals.alive,
            () if places.iter().all(|place| vote.down.has(*place)) => &mut vitals.dark,
            () => &mut vitals.unproven,
        };
        kind.insert(service.name.clone());
    }
    vitals
}

fn tell(copy: &SharedCopy, news: &RolloutNews) {
    match news {
        RolloutNews::Heard(release) => {
            let (version, first) = (release.head.version, &release.head.first);
            info!(
                event = "release_heard",
                version, first, "a release of the shared config is here"
            );
        }
        RolloutNews::Sound(release) => {
            let version = release.head.version;
            info!(
                event = "release_sound",
                version, "nothing has grown worse with the release here"
            );
        }
        RolloutNews::Forged(author, fault) => {
            let node = copy.look(|cluster, _, _| {
                let member = cluster.roster().member(*author);
                member.map_or_else(|| author.to_string(), |own| own.name.clone())
            });
            error!(
                event = "release_forged",
                peer = node,
                "a release that another node gives is not taken: {fault}"
            );
        }
        RolloutNews::Halted(version, reason) => {
            error!(
                event = "release_halted",
                version, reason, "no further node takes the release"
            );
        }
        RolloutNews::Resumed(version) => {
            info!(event = "release_resumed", version, "the release goes on");
        }
    }
}
