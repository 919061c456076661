//! Keeps challenges: TXT records of `_acme-challenge` names, set by orders and by updates.
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
//! as it was before. The file is written before the reply; a disk that is full costs the records
//! their life after a restart, and no more.
//!
//! | module | what it decides |
//! |---|---|
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
use crate::base::Span;
use crate::dns::challenges::{Challenge, Challenges, Full, Misplaced, place};
use crate::dns::rr::rtype;
use crate::dns::zone::Edit;
use crate::dns::{Name, text, tsig};
use crate::io::clock::Clock;
use crate::io::control::{ChallengeOrder, ChallengeRefusal, ChallengeStatus, ChallengesDone};
use crate::io::keep;
use crate::io::publish::Published;
use crate::io::serve::slow;
use crate::plan::Plan;

mod kept;
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
        Self {
            laid: kept.edits(&plan.zones),
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
            self.keep().await;
        }
        // Also what could not be served before.
        self.settle_or_say(ways).await;
    }

    async fn carry_out(
        &mut self,
        order: ChallengeOrder,
        ways: &Ways,
    ) -> Result<ChallengesDone, ChallengeRefusal> {
        let before = self.kept.clone();
        let result = match order {
            ChallengeOrder::List => String::new(),
            ChallengeOrder::Add {
                name,
                rdata,
                ttl,
                stay,
                author,
            } => self.add(&name, rdata, (ttl, stay), author)?,
            ChallengeOrder::Remove {
                name,
                rdata,
                author,
            } => self.remove(&name, rdata.as_deref(), &author)?,
        };
        if self.kept != before {
            self.settle(ways, before)
                .await
                .map_err(ChallengeRefusal::Failed)?;
        }
        Ok(ChallengesDone {
            result,
            challenges: self.list(),
        })
    }

    /// Adds a value; says what was done.
    fn add(
        &mut self,
        name: &Name,
        rdata: Vec<u8>,
        (ttl, stay): (Option<Span>, Option<Span>),
        author: String,
    ) -> Result<String, ChallengeRefusal> {
        self.placed(name)
            .map_err(|why| ChallengeRefusal::Misplaced(format!("{name}: {why}")))?;
        let stay = stay
            .unwrap_or(self.plan.acme.expire)
            .min(self.plan.acme.expire);
        let ttl = ttl.unwrap_or(self.plan.acme.ttl).min(stay);
        info!(event = "challenge", action = "add", name = %name, author, "for {stay}");
        let challenge = Challenge {
            rdata,
            ttl: ttl.as_secs(),
            expires: self.clock.wall_seconds() + u64::from(stay.as_secs()),
            author,
        };
        let added = self.kept.add(name, challenge);
        added.map_err(|full| ChallengeRefusal::Full(full.to_string()))?;
        Ok(format!("{name} has the value for {stay}, with TTL {ttl}"))
    }

    fn remove(
        &mut self,
        name: &Name,
        rdata: Option<&[u8]>,
        author: &str,
    ) -> Result<String, ChallengeRefusal> {
        let gone = self.kept.remove(name, rdata);
        if gone == 0 {
            let what = match rdata {
                Some(_) => "has no such value",
                None => "has no value",
            };
            return Err(ChallengeRefusal::Unknown(format!("{name} {what}")));
        }
        info!(event = "challenge", action = "remove", name = %name, author, "{gone} gone");
        Ok(format!("{name} has lost {gone} of its values"))
    }

    fn placed(&self, name: &Name) -> Result<Name, Misplaced> {
        place(&self.plan.zones, name).map(|zone| zone.apex().clone())
    }

    fn list(&self) -> Vec<ChallengeStatus> {
        let now = self.clock.wall_seconds();
        let all = self.kept.iter().map(|(name, one)| ChallengeStatus {
            name: name.to_string(),
            value: text::show_rdata(rtype::TXT, &one.rdata),
            ttl_s: one.ttl,
            left_s: one.expires.saturating_sub(now),
            author: one.author.clone(),
        });
        all.collect()
    }

    /// Has what is kept served and put on disk; if it cannot be served, what was `before` is kept
    /// again.
    async fn settle(&mut self, ways: &Ways, before: Challenges) -> Result<(), String> {
        if let Err(why) = self.lay_over(ways).await {
            error!(event = "challenges_unserved", "nothing was changed: {why}");
            self.kept = before;
            return Err(why);
        }
        self.keep().await;
        Ok(())
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
        let wanted = self.kept.edits(&self.plan.zones);
        let apexes: BTreeSet<Name> = wanted.keys().chain(self.laid.keys()).cloned().collect();
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
    async fn keep(&self) {
        let Some(path) = file(&self.plan) else { return };
        let octets = kept::write(&self.kept);
        let written = spawn_blocking(move || keep::replace(&path, &octets)).await;
        if let Ok(Err(why)) = written {
            warn!(
                event = "state_unwritten",
                "challenges will not outlive a restart: {why}"
            );
        }
    }
}

fn file(plan: &Plan) -> Option<PathBuf> {
    let folder = plan.transfers.state.as_ref()?;
    Some(folder.join(FILE))
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
