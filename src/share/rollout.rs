//! One node's part in the rollout of a release: when it takes one, whether it is sound with it, and when all stop.
//!
//! ```text
//!            its wave is due          in force         `soak` without harm
//!  Waiting ------------------> Take ----------> Taken --------------------> Sound --> the next wave is due
//!     ^                          | refused        | something grew worse
//!     |                          v                v
//!     '---- an operator says ---- Refused        Worse: the one before comes back
//!           `resume`                \______________/
//!                                           '--> `HaltRelease`, an order like any other: nobody takes it any more
//! ```
//!
//! **Waves.** The node that the release names, then the nodes of its region, then all. A wave is due when every node of the waves before it
//! that is not away is sound, more than half of those waves at least, and most vantages are heard: a minority takes nothing. A node that
//! was away takes what it missed by the same rule.
//!
//! **Harm** is held against what this node saw before: its own probes, not the ruling of all, for the others still probe by the
//! config before. A service of which nobody is seen up any more, more than [`RELEASE_DOWN`] of all targets down, SERVFAIL in more
//! than [`RELEASE_SERVFAIL`] of the answers beyond what there was, or a table that its check refuses, so that the fence is not broken.
//!
//! **Trust.** Only what an administrator's key has signed is held, and only what is newer than what is in force. Who carried it is nothing
//! to it. It writes no file and reloads nothing: whoever drives it does that, and says what became of it.
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::cluster::{Cluster, Intent};
use super::entry::LogAct;
use super::log::LoggedEntry;
use super::release::{Release, ReleaseFault, ReleaseId, ReleasePace, ReleaseStage, ReleaseWord};
use super::seal::{Author, AuthorKey};
use super::stamp::after;
use super::waves::{gives, is_due};
use crate::base::limits::{CLUSTER_SKEW_MOST, CLUSTER_TEXT_BYTES, RELEASE_UNPUBLISHED};
use crate::base::{Moment, Permille, Span, Utc};

/// Part of all targets that may go down with a release before it is halted, beyond those that were.
const RELEASE_DOWN: Permille = Permille(20);
/// Part of the answers that may be SERVFAIL with a release beyond what there was, and the fewest of them that count.
const RELEASE_SERVFAIL: (Permille, u64) = (Permille(10), 5);
/// The name under which nodes order.
const BY: &str = "waypost";

/// The state of a node that a release may harm, as it sees it itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vitals {
    /// Tells that it doubts its own network.
    pub doubting: bool,
    /// Targets that its probes look at.
    pub targets: usize,
    /// Those that they see down.
    pub down: usize,
    /// Services of which they see a target up.
    pub alive: BTreeSet<String>,
    /// Services all of whose targets they see down.
    pub dark: BTreeSet<String>,
    /// Services of which they see neither.
    pub unproven: BTreeSet<String>,
    /// Answers so far.
    pub answers: u64,
    /// SERVFAIL among them.
    pub servfails: u64,
    /// Tells that the table in force is not of the plan in force, because its check refused one.
    pub unpublished: bool,
}

/// A deed that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RolloutDeed {
    /// Take a release into force, or say why not: [`Rollout::taken`].
    Take(Arc<Release>),
    /// Take back into force what there was before it.
    Return(Arc<Release>),
}

/// Something that happened, for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RolloutNews {
    /// A release was heard of.
    Heard(Arc<Release>),
    /// It has proved itself here.
    Sound(Arc<Release>),
    /// Another node gives what no key has signed, or what is wrong otherwise.
    Forged(Author, ReleaseFault),
    /// It was ordered that nobody takes it any more: the version, and why.
    Halted(u64, String),
    /// That was taken back.
    Resumed(u64),
}

/// The rules of a rollout, from the config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolloutRules {
    /// The name of the cluster.
    pub cluster: String,
    /// Keys that may sign.
    pub keys: Vec<AuthorKey>,
    /// Time for which a node must have been sound.
    pub soak: Span,
}

/// One node's part.
#[derive(Debug)]
pub struct Rollout {
    rules: RolloutRules,
    /// The release in force, if the text in force is one.
    in_force: Option<Arc<Release>>,
    /// The newest that is known.
    held: Option<Arc<Release>>,
    state: RolloutProgress,
    /// The release in force proves itself since then, against what there was before; also while a newer one waits. Since a restart
    /// nobody knows what there was, and nothing is harm.
    trial: Option<(Moment, Option<Vitals>)>,
    /// Texts that are no releases, by author: each is looked at once.
    forged: BTreeMap<Author, ReleaseId>,
    halt: Option<u64>,
    news: Vec<RolloutNews>,
}

/// A node's progress with the release that it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
enum RolloutProgress {
    Waiting,
    Taking(Vitals),
    Taken,
    Sound,
    /// The stage, why, and whether the order that halts it was seen.
    Failed(ReleaseStage, String, bool),
}

/// An order that halts a release, or lets it go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseOrder {
    /// Halt it, or let it go on.
    pub halts: bool,
    /// The name of whoever gives it.
    pub by: String,
    /// Why.
    pub reason: String,
}

impl Vitals {
    /// Names what has grown worse since another moment, if anything has; `since` is the time that has passed.
    #[must_use]
    pub fn harm(&self, before: &Self, since: Span) -> Option<String> {
        if self.doubting {
            let since = !before.doubting;
            return since.then(|| "it doubts its own network since".to_owned());
        }
        let mut lost = self.dark.intersection(&before.alive);
        if let Some(service) = lost.next() {
            return Some(format!("service `{service}` has nobody up any more"));
        }
        let share = |own: &Self| own.down * 1000 / own.targets.max(1);
        if self.down > before.down && share(self) > share(before) + usize::from(RELEASE_DOWN.0) {
            let (down, of) = (self.down, self.targets);
            return Some(format!(
                "{down} of {of} targets are down, before {}",
                before.down
            ));
        }
        let answers = self.answers.saturating_sub(before.answers);
        let servfails = self.servfails.saturating_sub(before.servfails);
        let usual = before.servfails * 1000 / before.answers.max(1);
        let (share, least) = RELEASE_SERVFAIL;
        if servfails >= least && servfails * 1000 / answers.max(1) > usual + u64::from(share.0) {
            return Some(format!("{servfails} of {answers} answers were SERVFAIL"));
        }
        let is_stuck = self.unpublished && since >= RELEASE_UNPUBLISHED;
        is_stuck.then(|| "its table was refused by the check of tables".to_owned())
    }

    /// Tells that all is up again that was before, as far as it is still there; where nobody knows, all that is there.
    fn is_whole(&self, before: Option<&Self>) -> bool {
        let mut others = self.dark.union(&self.unproven);
        !self.doubting
            && !self.unpublished
            && others.all(|service| before.is_some_and(|before| !before.alive.contains(service)))
    }
}

impl Rollout {
    /// Begins with the text that is in force, whether it is a release or not.
    #[must_use]
    pub fn new(rules: RolloutRules, text: &str, now: Moment) -> Self {
        let in_force = Release::read(text, &rules.cluster, &rules.keys);
        let in_force = in_force.ok().map(Arc::new);
        Self {
            rules,
            held: in_force.clone(),
            state: match in_force {
                Some(_) => RolloutProgress::Taken,
                None => RolloutProgress::Waiting,
            },
            trial: in_force.as_ref().map(|_| (now, None)),
            in_force,
            forged: BTreeMap::new(),
            halt: None,
            news: Vec::new(),
        }
    }

    /// Goes by other rules from now on.
    pub fn adopt(&mut self, rules: RolloutRules) {
        if self.rules != rules {
            self.forged.clear();
            self.rules = rules;
        }
    }

    /// The newest release that is known.
    #[must_use]
    pub fn held(&self) -> Option<&Arc<Release>> {
        self.held.as_ref()
    }

    /// The release in force here.
    #[must_use]
    pub fn in_force(&self) -> Option<&Arc<Release>> {
        self.in_force.as_ref()
    }

    /// The stage of this node with it, and why.
    #[must_use]
    pub fn stage(&self) -> (ReleaseStage, &str) {
        match &self.state {
            RolloutProgress::Waiting => (ReleaseStage::Waiting, ""),
            RolloutProgress::Taking(_) | RolloutProgress::Taken => (ReleaseStage::Taken, ""),
            RolloutProgress::Sound => (ReleaseStage::Sound, ""),
            RolloutProgress::Failed(stage, why, _) => (*stage, why),
        }
    }

    /// Everything that happened since this was asked last.
    pub fn take_news(&mut self) -> Vec<RolloutNews> {
        std::mem::take(&mut self.news)
    }

    /// Takes a release that somebody brings to this node; the others will have it.
    ///
    /// # Errors
    /// The reason; for a person.
    pub fn bring(
        &mut self,
        cluster: &Cluster,
        text: &str,
        wall: Utc,
    ) -> Result<Arc<Release>, String> {
        let release = Release::read(text, &self.rules.cluster, &self.rules.keys);
        let release = release.map_err(|fault| fault.to_string())?;
        let (version, first) = (release.head.version, &release.head.first);
        let mut members = cluster.roster.members();
        if !members.any(|(_, member)| member.name == *first) {
            return Err(format!(
                "it names `{first}` as the first to take it, which is no node"
            ));
        }
        if is_ahead(release.id, wall) {
            return Err(format!(
                "its version {version} lies ahead of this node's clock"
            ));
        }
        match &self.held {
            Some(held) if held.id == release.id => {
                Err(format!("version {version} is here already"))
            }
            Some(held) if held.id > release.id => Err(format!(
                "version {version} is older than {}, which is here: sign it anew, as a rollback",
                held.head.version
            )),
            Some(_) | None => Ok(self.hold(release)),
        }
    }

    fn hold(&mut self, release: Release) -> Arc<Release> {
        let release = Arc::new(release);
        self.held = Some(Arc::clone(&release));
        self.state = RolloutProgress::Waiting;
        self.news.push(RolloutNews::Heard(Arc::clone(&release)));
        release
    }

    /// Halts the release that is held, or lets it go on.
    ///
    /// # Errors
    /// The reason; for a person.
    pub fn order(
        &self,
        cluster: &mut Cluster,
        wall: Utc,
        order: ReleaseOrder,
    ) -> Result<(u64, LoggedEntry), String> {
        let held = self.held.as_ref().ok_or("no release is known here")?;
        let version = held.head.version;
        let is_halted = cluster
            .release_halt(wall)
            .is_some_and(|own| own.0 == version);
        match (order.halts, is_halted) {
            (true, true) => return Err(format!("version {version} is halted already")),
            (false, false) => return Err(format!("version {version} is not halted")),
            (true, false) | (false, true) => {}
        }
        let act = match order.halts {
            true => LogAct::HaltRelease(version),
            false => LogAct::ResumeRelease(version),
        };
        let mut reason = order.reason;
        while reason.len() > CLUSTER_TEXT_BYTES.2 {
            reason.pop();
        }
        let intent = Intent {
            act,
            scope: String::new(),
            by: order.by,
            reason,
            begins: None,
            expires: None,
        };
        let entry = cluster.order(wall, intent);
        let entry = entry.map_err(|why| format!("the other nodes would not take it: {why:?}"))?;
        Ok((version, entry))
    }

    /// Says what became of [`RolloutDeed::Take`].
    pub fn taken(&mut self, now: Moment, outcome: Result<(), String>) {
        let RolloutProgress::Taking(before) = &self.state else {
            return;
        };
        self.state = match outcome {
            Ok(()) => {
                self.in_force.clone_from(&self.held);
                self.trial = Some((now, Some(before.clone())));
                RolloutProgress::Taken
            }
            Err(why) => RolloutProgress::Failed(ReleaseStage::Refused, why, false),
        };
    }

    /// Says that the text before is in force again.
    pub fn returned(&mut self, text: &str) {
        let before = Release::read(text, &self.rules.cluster, &self.rules.keys);
        self.in_force = before.ok().map(Arc::new);
    }

    /// Hears the others, tells them how far this node is, and says what is to be done. `vitals` gives those of now.
    pub fn turn(
        &mut self,
        cluster: &mut Cluster,
        (now, wall): (Moment, Utc),
        vitals: &dyn Fn() -> Vitals,
    ) -> Option<RolloutDeed> {
        self.hear(cluster, wall);
        let is_halted = self.look_at_halt(cluster, wall);
        let deed = self.step(cluster, (now, wall), (vitals, is_halted));
        self.say(cluster, (now, wall));
        deed
    }

    /// Holds the newest release that others tell of, once its text is here.
    fn hear(&mut self, cluster: &Cluster, wall: Utc) {
        if matches!(self.state, RolloutProgress::Taking(_)) {
            return;
        }
        let newest = self.held.as_ref().map(|held| held.id);
        let words = cluster.release_words();
        let newer = words.filter(|(author, word)| {
            let is_known = self.forged.get(author) == Some(&word.id);
            word.parts > 0 && Some(word.id) > newest && !is_known && !is_ahead(word.id, wall)
        });
        let mut newer: Vec<(Author, &ReleaseWord)> = newer.collect();
        newer.sort_by_key(|(_, word)| Reverse(word.id));
        for (author, word) in newer {
            let Some(text) = cluster.release_text(author, word) else {
                continue;
            };
            match Release::read(&text, &self.rules.cluster, &self.rules.keys) {
                Ok(release) if release.id == word.id => {
                    self.hold(release);
                    return;
                }
                Ok(_) => self.forge(author, word.id, ReleaseFault::Forged),
                Err(fault) => self.forge(author, word.id, fault),
            }
        }
    }

    fn forge(&mut self, author: Author, id: ReleaseId, fault: ReleaseFault) {
        self.forged.insert(author, id);
        self.news.push(RolloutNews::Forged(author, fault));
    }

    /// Tells whether the release that is held is halted.
    fn look_at_halt(&mut self, cluster: &Cluster, wall: Utc) -> bool {
        let halt = cluster.release_halt(wall);
        let version = self.held.as_ref().map(|held| held.head.version);
        let halt = halt.filter(|(halted, _)| Some(*halted) == version);
        let halted = halt.map(|(version, _)| version);
        if halted != self.halt {
            self.news.extend(match (halt, self.halt) {
                (Some((version, reason)), _) => {
                    Some(RolloutNews::Halted(version, reason.to_owned()))
                }
                (None, Some(before)) if Some(before) == version => {
                    Some(RolloutNews::Resumed(before))
                }
                (None, _) => None,
            });
            self.halt = halted;
        }
        halted.is_some()
    }

    fn step(
        &mut self,
        cluster: &mut Cluster,
        (now, wall): (Moment, Utc),
        (vitals, is_halted): (&dyn Fn() -> Vitals, bool),
    ) -> Option<RolloutDeed> {
        if let Some(deed) = self.prove(cluster, (now, wall), vitals) {
            return Some(deed);
        }
        let held = Arc::clone(self.held.as_ref()?);
        match self.state.clone() {
            RolloutProgress::Waiting if !is_halted && is_due(cluster, now, &held) => {
                let vitals = vitals();
                // What it sees could not be told from what a release does.
                if vitals.doubting && held.head.pace == ReleasePace::Waves {
                    return None;
                }
                self.state = RolloutProgress::Taking(vitals);
                Some(RolloutDeed::Take(held))
            }
            RolloutProgress::Waiting
            | RolloutProgress::Taking(_)
            | RolloutProgress::Taken
            | RolloutProgress::Sound => None,
            RolloutProgress::Failed(stage, why, was_halted) => {
                match (is_halted, was_halted) {
                    (true, _) => self.state = RolloutProgress::Failed(stage, why, true),
                    (false, false) => self.halt_by_itself(cluster, wall),
                    // Somebody has let it go on.
                    (false, true) => self.state = RolloutProgress::Waiting,
                }
                None
            }
        }
    }

    /// Goes on with the trial of the release in force; one that harms is to go, whatever came after it.
    fn prove(
        &mut self,
        cluster: &mut Cluster,
        (now, wall): (Moment, Utc),
        vitals: &dyn Fn() -> Vitals,
    ) -> Option<RolloutDeed> {
        let (since, before) = self.trial.as_ref()?;
        let in_force = Arc::clone(self.in_force.as_ref()?);
        let (proved, vitals) = (now.since(*since), vitals());
        let is_newest = self.held.as_ref() == Some(&in_force);
        let harm = before
            .as_ref()
            .and_then(|before| vitals.harm(before, proved));
        if let Some(why) = harm {
            self.trial = None;
            if is_newest {
                self.state = RolloutProgress::Failed(ReleaseStage::Worse, why, false);
                self.halt_by_itself(cluster, wall);
            }
            return Some(RolloutDeed::Return(in_force));
        }
        if proved >= self.rules.soak && vitals.is_whole(before.as_ref()) {
            self.trial = None;
            if is_newest {
                self.state = RolloutProgress::Sound;
                self.news.push(RolloutNews::Sound(in_force));
            }
        }
        None
    }

    fn halt_by_itself(&self, cluster: &mut Cluster, wall: Utc) {
        let (stage, why) = self.stage();
        let me = cluster.roster.member(cluster.me);
        let me = me.map_or("", |own| &*own.name);
        let order = ReleaseOrder {
            halts: true,
            by: BY.to_owned(),
            reason: format!("{me} {}: {why}", stage.word()),
        };
        // What cannot be ordered now is tried again the next time.
        let _ = self.order(cluster, wall, order);
    }

    /// Tells the others; the text is given by one of those that have it, while somebody lacks it.
    fn say(&self, cluster: &mut Cluster, (now, wall): (Moment, Utc)) {
        let Some(held) = &self.held else {
            return;
        };
        let (stage, reason) = self.stage();
        let word = ReleaseWord {
            id: held.id,
            stage,
            reason: reason.chars().take(CLUSTER_TEXT_BYTES.2 / 4).collect(),
            parts: 0,
        };
        let is_credible = |author: Author, word: &ReleaseWord| {
            self.forged.get(&author) != Some(&word.id) && !is_ahead(word.id, wall)
        };
        let given = gives(cluster, now, held.id, &is_credible).then_some(&**held);
        cluster.say_release(word, given);
    }
}

fn is_ahead(id: ReleaseId, wall: Utc) -> bool {
    id.version > after(wall, CLUSTER_SKEW_MOST).0 / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vitals(down: usize, answers: u64, servfails: u64) -> Vitals {
        Vitals {
            targets: 1000,
            down,
            alive: BTreeSet::from(["api".to_owned(), "www".to_owned()]),
            answers,
            servfails,
            ..Vitals::default()
        }
    }

    #[test]
    fn what_has_grown_worse_is_harm_and_what_was_so_before_is_none() {
        let before = vitals(100, 10_000, 100);
        let harm = |now: &Vitals| now.harm(&before, Span::from_secs(60));
        // Two parts in a hundred of all, beyond those that were down; one in a hundred of the answers, beyond the usual.
        for (down, answers, servfails, is_harm) in [
            (100, 10_000, 100, false),
            (120, 11_000, 120, false),
            (121, 11_000, 110, true),
            (50, 11_000, 121, true),
            (50, 10_010, 104, false),
        ] {
            let now = vitals(down, answers, servfails);
            assert_eq!(
                harm(&now).is_some(),
                is_harm,
                "{down} {answers} {servfails}"
            );
        }
        let dark = |service: &str| Vitals {
            dark: BTreeSet::from([service.to_owned()]),
            ..before.clone()
        };
        assert!(harm(&dark("www")).is_some() && harm(&dark("new")).is_none());
        let doubting = Vitals {
            doubting: true,
            ..before.clone()
        };
        assert!(harm(&doubting).is_some() && doubting.harm(&doubting, Span(0)).is_none());
        let stuck = Vitals {
            unpublished: true,
            ..before.clone()
        };
        assert!(harm(&stuck).is_some() && stuck.harm(&before, Span(0)).is_none());
        // A service that is gone by intent is missed by nobody; one of which nothing is seen yet is waited for.
        let unproven = Vitals {
            alive: BTreeSet::new(),
            unproven: BTreeSet::from(["www".to_owned()]),
            ..before.clone()
        };
        let gone = Vitals {
            alive: BTreeSet::new(),
            ..before.clone()
        };
        assert!(!unproven.is_whole(Some(&before)) && gone.is_whole(Some(&before)));
        assert!(!unproven.is_whole(None) && gone.is_whole(None));
    }
}
