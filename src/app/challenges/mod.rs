//! Keeps challenges: TXT records of `_acme-challenge` names, and of others that the config lists, set by orders and by updates.
//!
//! ```text
//! control API --Order--.
//! datagrams, streams --Update--> Desk --records of a zone--> composer --> served
//! expiry --------------'          |  '<------ served, or why not ------------'
//! reload ------- places ----------'--> state file
//! ```
//!
//! One task does one thing after the other, and whoever asked hears of it when what was asked is
//! served: a client that gets its reply finds its record. When it cannot be served, everything is
//! as it was before. The file is written before the reply; a disk that cannot be written costs the
//! records their life after a restart, and no more. Whoever ordered them is told so, and what a wildcard no
//! longer stands for because of them.
//!
//! | module | what it decides |
//! |---|---|
//! | `orders` | what orders of operators come to |
//! | `update` | who may update what, and the reply |
//! | `kept` | how challenges stand in their file |
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::spawn_blocking;
use tracing::{error, info, warn};

use super::zones::Work;
use crate::dns::challenges::{
    Challenge, Challenges, Full, Misplaced, Pattern, Uncovered, place, uncovered,
};
use crate::dns::zone::Edit;
use crate::dns::{Name, tsig};
use crate::io::clock::Clock;
use crate::io::control::{ChallengeOrder, ChallengeRefusal, ChallengesDone};
use crate::io::keep;
use crate::io::publish::Published;
use crate::io::serve::slow;
use crate::plan::Plan;

mod kept;
mod orders;
mod update;

/// The file, in the folder of state.
const FILE: &str = "challenges.json";
/// Longest wait when nothing expires: the wall clock may be set meanwhile.
const IDLE: Duration = Duration::from_secs(60);

/// What is said to whoever gave an order.
pub(super) type Reply = oneshot::Sender<Result<ChallengesDone, ChallengeRefusal>>;

/// What is asked of the desk.
pub(super) enum Input {
    /// An order by the control API.
    Order(ChallengeOrder, Reply),
    /// An update (RFC 2136).
    Update(slow::Request),
}

/// Keeps challenges.
pub(super) struct Desk {
    clock: Clock,
    kept: Challenges,
    /// What is laid over the zones, by apex.
    laid: BTreeMap<Name, Vec<Edit>>,
    plan: Arc<Plan>,
    /// The plan's shared keys, ready for use.
    keys: Vec<tsig::Key>,
    /// What wildcards no longer stand for, by the name that was set.
    uncovered: BTreeMap<Name, Uncovered>,
}

/// How the desk reaches the others.
pub(super) struct Ways {
    /// What is asked.
    pub(super) inputs: mpsc::Receiver<Input>,
    /// The plan in force.
    pub(super) plans: watch::Receiver<Arc<Plan>>,
    /// What is served.
    pub(super) published: Arc<Published>,
    /// What makes the zones that are served.
    pub(super) composer: std::sync::mpsc::Sender<Work>,
}

/// What was kept over a restart.
pub(super) struct Opened {
    kept: Challenges,
    /// What is to be laid over the zones at first, by apex.
    pub(super) laid: BTreeMap<Name, Vec<Edit>>,
    uncovered: BTreeMap<Name, Uncovered>,
}

impl Opened {
    /// Reads the file of a plan, and leaves out what has expired. A file that cannot be read is
    /// reported and taken for none: the server starts all the same.
    pub(super) fn read(clock: Clock, plan: &Plan) -> Self {
        let mut kept = Challenges::default();
        if let Some(path) = file(plan) {
            match kept::read(&path) {
                Ok(found) => kept = found,
                Err(reason) => error!(
                    event = "state_unreadable",
                    "{}: {reason}; going on without it",
                    path.display()
                ),
            }
        }
        kept.expire(clock.wall_seconds());
        let laid = kept.edits(&plan.zones, &plan.acme.names);
        let owners = laid.values().flatten().map(|edit| edit.owner.clone());
        let uncovered = owners.filter_map(|name| {
            let uncovered = uncovered(&plan.zones, &name)?;
            tell(&name, &uncovered);
            Some((name, uncovered))
        });
        Self {
            uncovered: uncovered.collect(),
            laid,
            kept,
        }
    }
}

impl Desk {
    /// Keeps what was opened; its records are served already.
    pub(super) fn new(clock: Clock, opened: Opened, plan: Arc<Plan>) -> Self {
        Self {
            clock,
            kept: opened.kept,
            laid: opened.laid,
            keys: keys(&plan),
            plan,
            uncovered: opened.uncovered,
        }
    }

    /// Goes on until nobody can ask any more.
    pub(super) async fn run(mut self, mut ways: Ways) {
        loop {
            tokio::select! {
                input = ways.inputs.recv() => match input {
                    Some(input) => self.take(input, &ways).await,
                    None => return,
                },
                Ok(()) = ways.plans.changed() => {
                    self.plan = ways.plans.borrow_and_update().clone();
                    self.keys = keys(&self.plan);
                    self.settle_or_say(&ways).await;
                }
                () = tokio::time::sleep(self.wait()) => self.expire(&ways).await,
            }
        }
    }

    async fn take(&mut self, input: Input, ways: &Ways) {
        match input {
            Input::Order(order, reply) => {
                let outcome = self.carry_out(order, ways).await;
                // Whoever asked may have gone.
                drop(reply.send(outcome));
            }
            Input::Update(request) => self.update(&request, ways).await,
        }
    }

    /// Until the next one goes.
    fn wait(&self) -> Duration {
        let now = self.clock.wall_seconds();
        let left = self.kept.next_expiry().map(|at| at.saturating_sub(now));
        left.map_or(IDLE, |left| Duration::from_secs(left.max(1)).min(IDLE))
    }

    async fn expire(&mut self, ways: &Ways) {
        let gone = self.kept.expire(self.clock.wall_seconds());
        if gone > 0 {
            info!(
                event = "challenges_expired",
                count = gone,
                "gone by themselves"
            );
            // What failed is in the log.
            let _ = self.keep().await;
        }
        // Also what could not be served before.
        self.settle_or_say(ways).await;
    }

    /// The zone that a name is set in, where these names may be set.
    fn placed(&self, name: &Name, patterns: &[Pattern]) -> Result<Name, Misplaced> {
        place(&self.plan.zones, name, patterns).map(|zone| zone.apex().clone())
    }

    /// What a wildcard no longer stands for once a name is set, or stands for no longer since it was.
    fn uncovered(&self, name: &Name, ways: &Ways) -> Option<Uncovered> {
        let known = self.uncovered.get(name).cloned();
        known.or_else(|| uncovered(&ways.published.load().zones, name))
    }

    /// Remembers that a name which is served now took others out of a wildcard, and says so in the
    /// log the first time.
    fn note(&mut self, name: &Name, uncovered: Uncovered) {
        if !self.kept.has(name) || self.uncovered.contains_key(name) {
            return;
        }
        tell(name, &uncovered);
        self.uncovered.insert(name.clone(), uncovered);
    }

    /// Has what is kept served and put on disk; if it cannot be served, what was `before` is kept
    /// again. Gives why it is not on disk, if it is not.
    async fn settle(&mut self, ways: &Ways, before: Challenges) -> Result<Option<String>, String> {
        if let Err(why) = self.lay_over(ways).await {
            error!(event = "challenges_unserved", "nothing was changed: {why}");
            self.kept = before;
            return Err(why);
        }
        Ok(self.keep().await.err())
    }

    /// The same where nobody waits for it: what cannot be served now is tried again with the next
    /// change.
    async fn settle_or_say(&mut self, ways: &Ways) {
        if let Err(why) = self.lay_over(ways).await {
            error!(event = "challenges_unserved", "{why}");
        }
    }

    /// Has every zone served with the records that are kept for it.
    async fn lay_over(&mut self, ways: &Ways) -> Result<(), String> {
        let wanted = self.kept.edits(&self.plan.zones, &self.plan.acme.names);
        let apexes: BTreeSet<Name> = wanted.keys().chain(self.laid.keys()).cloned().collect();
        let kept = &self.kept;
        self.uncovered.retain(|name, _| kept.has(name));
        for apex in apexes {
            let records = wanted.get(&apex).cloned().unwrap_or_default();
            let before = self.laid.get(&apex).cloned().unwrap_or_default();
            if records == before {
                continue;
            }
            let is_served = place_is_ours(&self.plan, &apex);
            if is_served {
                lay(ways, apex.clone(), records.clone()).await?;
            }
            match records.is_empty() {
                true => drop(self.laid.remove(&apex)),
                false => drop(self.laid.insert(apex, records)),
            }
        }
        Ok(())
    }

    /// Writes what is kept to its file.
    ///
    /// # Errors
    /// Why it would be lost with a restart; it is in the log as well.
    async fn keep(&self) -> Result<(), String> {
        let path = file(&self.plan).ok_or("the config has no folder of state")?;
        let (octets, own) = (kept::write(&self.kept), path.clone());
        let written = spawn_blocking(move || keep::replace(&own, &octets)).await;
        let written = written.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        written.map_err(|error| {
            let why = format!("cannot write `{}`: {error}", path.display());
            warn!(
                event = "state_unwritten",
                "challenges will not outlive a restart: {why}"
            );
            why
        })
    }
}

fn file(plan: &Plan) -> Option<PathBuf> {
    let folder = plan.transfers.state.as_ref()?;
    Some(folder.join(FILE))
}

/// Says in the log what became of a wildcard.
fn tell(name: &Name, uncovered: &Uncovered) {
    warn!(event = "wildcard_uncovered", name = %name, uncovered = %uncovered.name,
        wildcard = %uncovered.wildcard, "{}", in_words(uncovered));
}

/// The same for a person.
fn in_words(uncovered: &Uncovered) -> String {
    let Uncovered { name, wildcard } = uncovered;
    format!(
        "{name} exists while the challenge stands, so that {wildcard} no longer stands for it nor for names below it \
         (RFC 4592, section 2.2.2): give it records of its own"
    )
}

/// Waits until a zone is served with these records.
async fn lay(ways: &Ways, apex: Name, records: Vec<Edit>) -> Result<(), String> {
    let (done, served) = oneshot::channel();
    let work = Work::Dynamic {
        apex,
        records,
        done,
    };
    let ended = || "the thread that makes zones has ended: restart the server".to_owned();
    ways.composer.send(work).map_err(|_| ended())?;
    served.await.map_err(|_| ended())?
}

fn place_is_ours(plan: &Plan, apex: &Name) -> bool {
    let zones = plan.zones.all().iter();
    zones
        .map(|served| served.zone.apex())
        .any(|own| own == apex)
}

fn keys(plan: &Plan) -> Vec<tsig::Key> {
    plan.tsig.iter().map(|key| key.key()).collect()
}
